"""kill -9 and SIGTERM of real processes: of the command, of the node, of the worker right after its fork.

What the dead left is found, whatever group or session it moved to; the task ends as crashed and is never started a
second time; the next node starts at once.
"""
from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fsbus.spool import atomic, owner
from tests.crash.rig import running_with
from tests.kit import TestBus, alive, clean_env, until

STAYS = """\
echo "$FSBUS_KEY" >> {here}/started
setsid /bin/sh -c 'echo $$ > {here}/grandchild; exec sleep 1000' &
echo $$ > {here}/child.new && mv {here}/child.new {here}/child
exec sleep 1000
"""
LISTENS = """\
trap 'echo INT >> {here}/heard; exit 3' INT
trap 'echo TERM >> {here}/heard; exit 4' TERM
sleep 1000 &
echo $$ > {here}/child.new && mv {here}/child.new {here}/child
while :; do sleep 0.02; done
"""


class Staying:
    """A bus with an agent whose command stays, and one task for it."""

    def __init__(self, bus: TestBus, script: str = STAYS) -> None:
        self.bus, self.here = bus, bus.root.parent
        config = bus.root / "bus.yaml"
        config.write_text(config.read_text().replace("attempts: 3", "attempts: 1"))
        (self.here / "command.sh").write_text(script.format(here=self.here))
        bus.agent("stays", f"/bin/sh {self.here}/command.sh")
        self.key = bus.fsbus("submit", "--to", "stays", "stay").strip()

    def pid(self, who: str) -> int:
        """The number of a process of the command, once it runs."""
        path = self.here / who
        return int(until(lambda: path.exists() and path.read_text().strip(), who))

    def runs(self) -> tuple[int, int]:
        """Child and grandchild, both there."""
        pids = self.pid("child"), self.pid("grandchild")
        assert all(map(owner.exists, pids))
        return pids

    def has_crashed(self, words: str) -> None:
        """The task is final: failed, crashed, started once, and it stays so."""
        until(lambda: any(".failed." in name for name in self.bus.ls("dispatch", "outbox")), "the failed task")
        said = self.bus.result(self.key)
        assert (said["state"], said["error"]["kind"], said["tries"]) == ("failed", "crashed", 1)
        assert words in said["error"]["what"]
        assert (self.here / "started").read_text().split() in ([self.key], [])
        assert self.bus.ls("stays", "inbox") == self.bus.ls("stays", "outbox") == []

    def is_over(self) -> None:
        """Nothing of the command is left."""
        assert running_with(self.key) == []


def test_a_killed_command(bus: TestBus) -> None:
    staying = Staying(bus)
    bus.up()
    child, grandchild = staying.runs()
    os.kill(child, signal.SIGKILL)
    staying.has_crashed("ended by signal 9")
    until(lambda: not owner.exists(grandchild), "the end of what the command left")
    staying.is_over()


@pytest.mark.parametrize("again", ["up", "tick"])
@pytest.mark.parametrize("linked", [False, True])
def test_a_killed_node(bus: TestBus, again: str, linked: bool) -> None:
    """Whatever name the root had for the dead node."""
    staying = Staying(bus)
    other_name = staying.here / "link"
    other_name.symlink_to(bus.root)
    node = bus.up(env={"FSBUS_ROOT": str(other_name)} if linked else {})
    pids = staying.runs()
    node.kill()
    node.wait()
    assert all(map(owner.exists, pids)), "the command outlives its worker"
    bus.fsbus("tick") if again == "tick" else bus.up()
    staying.has_crashed("its worker was gone")
    assert not any(map(alive, pids))
    staying.is_over()
    if again == "tick":
        bus.fsbus("tick")
        staying.has_crashed("its worker was gone")


@pytest.mark.parametrize("wait", [True, False])
def test_a_worker_killed_right_after_its_fork(bus: TestBus, wait: bool) -> None:
    """The command runs and nobody wrote down its number; also when the next node comes before it said a word."""
    staying = Staying(bus)
    died = _die(bus, 1, "after", "^spawn", "tick")
    assert died == -signal.SIGKILL
    if wait:
        staying.runs()
    bus.fsbus("tick")
    staying.has_crashed("its worker was gone")
    staying.is_over()


def _die(bus: TestBus, number: int, mode: str, steps: str, *words: str) -> int:
    command = [sys.executable, "-m", "tests.crash.die", str(number), mode, "--", *words]
    return subprocess.run(command, env=clean_env(FSBUS_ROOT=str(bus.root), DIE_STEPS=steps), check=False, timeout=60).returncode


def test_one_node_at_a_time(bus: TestBus) -> None:
    first = bus.up()
    second = bus.run("up")
    assert second.returncode == 5
    assert f"pid {first.pid}" in second.stderr
    assert f"kill {first.pid}" in second.stderr
    assert bus.run("tick").returncode == 75
    first.kill()
    first.wait()
    third = bus.up()
    assert f"pid {third.pid}" in bus.run("up").stderr


def test_a_node_stopped_in_good_order(bus: TestBus) -> None:
    staying = Staying(bus, LISTENS)
    node = bus.up()
    staying.pid("child")
    assert bus.stop(node) == 0
    staying.is_over()
    assert (staying.here / "heard").read_text() == "INT\n"
    assert "\nstopped: " in (bus.root / "agents/stays/alive.yaml").read_text()
    bus.fsbus("tick")
    staying.here.joinpath("started").write_text(staying.key)
    staying.has_crashed("its worker was stopped")


def test_a_number_that_comes_back(tmp_path: Path) -> None:
    """A process was killed between its link and its unlink; the next one with its number must not write through that."""
    path = str(tmp_path / "published")
    atomic.publish(path, b"published\n")
    os.link(path, f"{tmp_path}/{atomic.TEMP}{os.getpid()}-published")
    with pytest.raises(FileExistsError):
        atomic.publish(path, b"other\n")
    assert Path(path).read_bytes() == b"published\n"
    os.link(path, f"{tmp_path}/{atomic.TEMP}{os.getpid()}-beat")
    atomic.replace(f"{tmp_path}/beat", b"beat\n")
    assert Path(path).read_bytes() == b"published\n"
    assert sorted(os.listdir(tmp_path)) == ["beat", "published"]


def test_a_stop_that_comes_at_once(bus: TestBus) -> None:
    """SIGTERM as soon as the node says that it is there: it ends in good order and not by the signal."""
    assert [bus.stop(bus.up()) for _ in range(8)] == [0] * 8
