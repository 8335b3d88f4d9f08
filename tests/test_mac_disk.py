"""fsbus on a disk that tells neither case nor normalization, as a Mac's is: a fake one (tests/fake_apfs.py)."""
from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import TestBus
from tests.twohosts.rig import NOTED, Two

MOUNTS = sys.platform == "linux" and os.geteuid() == 0 and os.path.exists("/dev/fuse")
pytestmark = pytest.mark.skipif(not MOUNTS, reason="mounting a fake disk needs root and /dev/fuse on Linux")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Where it is mounted, empty."""
    below, at = tmp_path / "below", tmp_path / "fake-apfs"
    below.mkdir()
    at.mkdir()
    command = [sys.executable, "-m", "tests.fake_apfs", str(below), str(at)]
    server = subprocess.Popen(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert server.stdout is not None
    if server.stdout.readline() != "mounted\n":
        pytest.skip(f"no fake disk here: {server.communicate()[1]}")
    yield at
    subprocess.run(["umount", "-l", str(at)], check=True)
    server.communicate(timeout=30)


@pytest.fixture
def bus(disk: Path) -> Iterator[TestBus]:
    made = TestBus(disk / "bus")
    yield made
    made.close()


@pytest.mark.parametrize("twins", [("Task.md", "task.md"), ("caf\u00e9.md", "cafe\u0301.md"), ("STRASSE.md", "stra\u00dfe.md")])
def test_of_drops_that_are_one_file_there_the_last_text_is_done_once(bus: TestBus, twins: tuple[str, str]) -> None:
    for name in twins:
        (bus.root / "agents/echo/inbox" / name).write_text(f"as {name}\n")
    assert bus.ls("echo", "inbox") == [twins[0]], "the disk is what it is called"
    bus.fsbus("tick")
    (done,) = [name for name in bus.ls("dispatch", "outbox") if ".done." in name]
    assert (bus.root / "agents/dispatch/outbox" / done).read_text() == f"as {twins[1]}\n"
    assert bus.ls("echo", "inbox") == []


def test_a_drop_over_the_readme_is_done_and_the_readme_is_there_again(bus: TestBus) -> None:
    readme = bus.root / "agents/echo/inbox/README.md"
    before = readme.read_text()
    (bus.root / "agents/echo/inbox/readme.MD").write_text("read me\n")
    bus.fsbus("tick")
    bus.fsbus("tick")
    assert [name for name in bus.ls("dispatch", "outbox") if "-read-me.a1.done." in name]
    assert readme.read_text() == before


def test_a_root_in_other_letters_is_the_same_bus(bus: TestBus) -> None:
    other = {"FSBUS_ROOT": str(bus.root.parent / "BUS")}
    node = bus.up()
    done = bus.run("tick", env=other)
    assert (done.returncode, f"pid {node.pid}" in done.stderr) == (75, True)
    key = bus.fsbus("submit", "--to", "echo", "--wait", "hello", env=other).strip()
    assert bus.result(key)["result"] == "hello"


def test_tasks_results_and_their_files_cross_between_that_disk_and_a_servers(disk: Path) -> None:
    """On the server two names are two files; one of them comes, and each name is one and the same here and there."""
    (disk.parent / "server").mkdir()
    (disk / "vps").symlink_to(disk.parent / "server")
    with Two(disk) as two:
        two.agent("code", f'{NOTED}; cat > /dev/null; for one in A.txt a.txt caf\u00e9; do echo $one > "$FSBUS_FILES/$one"; done')
        keys = [two.mac.submit("--to", agent, "work") for agent in ("code", "infra")]
        (two.mac.root / "agents/research/inbox/Drop.md").write_text("look it up\n")
        two.up()
        two.ended(keys)
        two.down()
        said = two.mac.result(keys[0])
        assert said["files"] == ["A.txt", "caf\u00e9"]
        assert [line.partition(":")[0] for line in said["left_out"]] == ["a.txt"]
        two.agree()
