"""What is another thing on a Mac: processes without /proc, played on Linux by a fake `ps` (tests/fake_mac.py)."""
from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsbus.spool import owner
from tests.fake_mac import install
from tests.kit import TestBus, alive, until

LEFT = """\
{python} -c 'import time; time.sleep(1000)' >/dev/null 2>&1 &
echo $! > {here}/pids.new
(sleep 1000; echo more > {here}/more) &
echo $! $$ >> {here}/pids.new
mv {here}/pids.new {here}/pids
sleep 1000
"""


FAKE = [sys.executable, "-m", "tests.fake_mac"]
GERMAN = "de_DE.UTF-8"


class FakeMac(TestBus):
    """A bus whose fsbus runs as on a Mac."""

    __test__ = False
    command = FAKE


@pytest.fixture
def mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables with which fsbus finds a fake `ps`; this process looks as one on a Mac does."""
    env = install(tmp_path / "fake-bin")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(owner, "_PROC", "/nowhere")
    return env


@pytest.fixture
def bus(tmp_path: Path, mac: dict[str, str]) -> Iterator[TestBus]:
    made = FakeMac(tmp_path / "a bus")
    yield made
    made.close()


@pytest.mark.parametrize("other", [{"TZ": "Asia/Tokyo"}, {"LC_ALL": GERMAN}, {"LANG": GERMAN}, {"LC_TIME": GERMAN}])
def test_the_living_are_not_gone_in_another_zone_or_language(bus: TestBus, other: dict[str, str]) -> None:
    """launchd starts a node without a language, and a Mac travels: both changed the words by which a process was known again."""
    node = bus.up(env={"TZ": "UTC"})
    said = bus.run("doctor", "--no-links", env=other).stdout
    assert f"runs, pid {node.pid}" in said


@pytest.mark.skipif(shutil.which("lsof") is None, reason="lsof is not installed: apt-get install lsof")
def test_what_a_killed_node_left_running_is_ended(bus: TestBus) -> None:
    """Without a terminal, below a folder with a blank in its name, and of Apple's own programs, which hide their environment."""
    here = bus.root.parent
    (here / "command.sh").write_text(LEFT.format(here=here, python=sys.executable))
    bus.agent("stays", f"/bin/sh {here}/command.sh")
    bus.fsbus("submit", "--to", "stays", "stay")
    node = bus.up()
    pids = [*map(int, until(lambda: (here / "pids").exists() and (here / "pids").read_text()).split())]
    (printed,) = bus.root.glob("agents/stays/runs/*/stdout.1.txt")
    reader = subprocess.Popen(["tail", "-f", str(printed)], stdout=subprocess.DEVNULL)
    try:
        node.kill()
        node.wait()
        bus.fsbus("tick")
        assert [pid for pid in pids if alive(pid)] == []
        assert reader.poll() is None, "who only reads what it printed is nobody's child"
    finally:
        reader.kill()
        reader.wait()
        for pid in pids:
            owner.signal_one(pid, signal.SIGKILL)


def test_where_ps_may_not_be_asked_everybody_lives(tmp_path: Path, mac: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox of an agent program starts no set-user program, as ps is one there."""
    (tmp_path / "fake-bin" / "ps").chmod(0)
    monkeypatch.setenv("PATH", str(tmp_path / "fake-bin"))
    monkeypatch.setattr(owner, "SYSTEM", "")
    assert owner.start_time(os.getpid()) == ""
    assert not owner.gone(os.getpid(), "Sun Nov 29 10:13:45 2026")
    assert owner.marked({"FSBUS_KEY": "none"}) == []
