"""What is another thing on a Mac: processes without /proc, played on Linux by a fake `ps` (tests/fake_mac.py)."""
from __future__ import annotations

import errno
import fcntl
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fsbus.core.errors import Unreachable
from fsbus.faces.cli import edge
from fsbus.link import frames, route, rsync, ssh
from fsbus.link.limits import USUAL
from fsbus.link.line import _error
from fsbus.spool import atomic, found, mailbox, owner, rejected
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
    if not os.path.isdir("/proc"):
        pytest.skip("Linux plays the Mac here")
    env = install(tmp_path / "fake-bin")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(owner, "_PROC", "/nowhere")
    return env


@pytest.fixture
def bus(tmp_path: Path, mac: dict[str, str]) -> Iterator[TestBus]:
    made = FakeMac(tmp_path / "ein gro\u00dfer Bus")
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
    """Without a terminal, below a folder with a blank and an odd letter, and Apple's programs, which hide their environment."""
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


def test_who_was_killed_and_not_waited_for_is_gone(mac: dict[str, str]) -> None:
    """kill(2) finds a zombie there, and ps when it began."""
    child = subprocess.Popen(["sleep", "1000"])
    began = owner.start_time(child.pid)
    assert not owner.gone(child.pid, began)
    child.kill()
    until(lambda: not alive(child.pid))
    assert owner.gone(child.pid, began)
    child.wait()


def test_where_ps_may_not_be_asked_everybody_lives(tmp_path: Path, mac: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox of an agent program starts no set-user program, as ps is one there."""
    (tmp_path / "fake-bin" / "ps").chmod(0)
    monkeypatch.setenv("PATH", str(tmp_path / "fake-bin"))
    monkeypatch.setattr(owner, "SYSTEM", "")
    assert owner.start_time(os.getpid()) == ""
    assert not owner.gone(os.getpid(), "Sun Nov 29 10:13:45 2026")
    assert owner.marked({"FSBUS_KEY": "none"}) == []


def test_what_a_reader_in_a_sandbox_has_in_hand_is_not_a_dead_ones(mac: dict[str, str]) -> None:
    """It could not ask when it began, so that its hand does not say."""
    assert not mailbox._is_dead(f".hand-{os.getppid()}--20261122-021804800-w3k8fn-note.from-human.new.yaml")


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/nowhere", path)])
def test_what_no_disk_links_is_kept_all_the_same(
    tmp_path: Path, make: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """HFS+ gives a symbolic link no second name; it was tried again for ever."""
    real = os.link

    def fake_hfs_link(source: str, target: str, **more: Any) -> None:
        if os.path.islink(source) or not os.path.isfile(source):
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), source)
        real(source, target, **more)

    make(tmp_path / "x.md")
    monkeypatch.setattr(os, "link", fake_hfs_link)
    rejected.keep(f"{tmp_path}/rejected", f"{tmp_path}/x.md", "x.md", "why\n")
    assert sorted(os.listdir(tmp_path / "rejected")) == ["x.md", "x.md.why"]
    assert not os.path.lexists(tmp_path / "x.md")


def test_a_skeleton_that_the_finder_showed_makes_a_bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(found.skeletons(), tmp_path / "skel")
    (tmp_path / "skel/solo/agents/.DS_Store").write_bytes(b"\0\0\0\1Bud1")
    monkeypatch.setattr(found, "skeletons", lambda: str(tmp_path / "skel"))
    found.found_bus(str(tmp_path / "bus"), "solo", "here")
    assert sorted(os.listdir(tmp_path / "bus/agents")) == ["dispatch", "echo", "human"]


TWINS = [("A.txt", "a.txt"), ("Src/x", "src/y"), ("a", "A/x"), ("\u00e9", "e\u0301"), ("STRASSE", "stra\u00dfe")]


@pytest.mark.parametrize("twins", TWINS)
def test_of_names_that_are_one_on_a_mac_the_first_travels(bus: TestBus, twins: tuple[str, str]) -> None:
    """There both are one file, what arrives is never what was announced, and the task would not end on that host."""
    lines = "".join(f'mkdir -p "$(dirname "$FSBUS_FILES/{name}")"; echo {name} > "$FSBUS_FILES/{name}"\n' for name in twins)
    (bus.root.parent / "twins.sh").write_text(lines)
    bus.agent("twins", f"/bin/sh {bus.root.parent}/twins.sh")
    key = bus.fsbus("submit", "--to", "twins", "leave two").strip()
    bus.fsbus("tick")
    first, second = sorted(twins)
    said = bus.result(key)
    assert said["files"] == [first]
    assert said["left_out"] == [f"{second}: a file whose name is that of another on a Mac, which does not tell case"]
    (kept,) = bus.root.glob(f"agents/twins/runs/*{key}*/left-out/{second}")
    assert kept.read_text() == f"{second}\n"


NO_ROUTE, NOBODY = errno.EHOSTUNREACH, errno.ECONNREFUSED


@pytest.mark.parametrize(
    ("platform", "number", "said"), [("darwin", NO_ROUTE, True), ("darwin", NOBODY, False), ("linux", NO_ROUTE, False)]
)
def test_a_server_at_home_that_macos_hides(platform: str, number: int, said: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Since macOS 15 what launchd starts gets `No route to host` from its own network until it may go there (TN3179)."""

    def fake_connect(*words: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(socket, "create_connection", fake_connect)
    with pytest.raises(Unreachable) as error:
        route.knock(route.without_ssh("me@192.168.1.7"), USUAL)
    assert ("Local Network" in error.value.then) is said


def test_an_rsync_that_ended_as_its_time_was_over(tmp_path: Path, mac: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A Mac refuses a signal to a group of zombies; that is no reason not to take the pieces."""
    (tmp_path / "fake-bin/rsync").write_text("#!/bin/sh\nexec sleep 0.1\n")
    (tmp_path / "fake-bin/rsync").chmod(0o755)
    monkeypatch.setattr(rsync, "LEAST", 0.0)
    monkeypatch.setattr(os, "killpg", lambda group, number: (_ for _ in ()).throw(PermissionError(errno.EPERM, "fake Mac")))
    assert rsync._run("", "/far", "a/", "b/", [])


FAKE_OPENRSYNC = """\
#!{python}
import os, sys
os.setpgid(0, os.getpid())  # as Apple's does before all else (openrsync/main.c); it gives up where that fails
sys.stdin.read()
"""


def test_apples_rsync_is_no_leader_of_a_session(tmp_path: Path, mac: dict[str, str]) -> None:
    """setpgid(2) is EPERM to one, so that every folder went over the link itself, and nothing said so."""
    (tmp_path / "fake-bin/rsync").write_text(FAKE_OPENRSYNC.format(python=sys.executable))
    (tmp_path / "fake-bin/rsync").chmod(0o755)
    assert rsync._run("", "/far", "a/", "b/", [("x", 1)])


def test_many_files_cost_one_flush_of_the_drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """fsync(2) takes each to the drive, and F_FULLFSYNC has that put down all it holds; a batch has a thousand."""
    fake, asked = 51, []
    monkeypatch.setattr(atomic, "_FULLFSYNC", fake)
    monkeypatch.setattr(atomic, "_power", True)
    monkeypatch.setattr(fcntl, "fcntl", lambda fd, what: asked.append(what))
    monkeypatch.setattr(os, "fsync", lambda fd: asked.append("fsync"))
    for name in "abc":
        (tmp_path / name).touch()
    atomic.sync_disk([str(tmp_path / name) for name in "abc"])
    assert asked == ["fsync", "fsync", fake]
    atomic.sync_folder(str(tmp_path))
    assert asked[3:] == [fake]


def test_a_disk_without_hard_links_is_called_so() -> None:
    """exFAT and a server's disk say so on a Mac; it was "look at its permissions"."""
    said, code = edge._disk(OSError(errno.ENOTSUP, "Operation not supported", "/Volumes/stick/bus/host"))
    assert (said.rpartition("; ")[2], code) == ("put the bus on a local disk with hard links, such as APFS", 5)


def test_an_ssh_config_below_home_is_found_by_every_program() -> None:
    """`sync.ssh_config: ~/.ssh/bus` was read by `ssh -G` alone: the ssh and the rsync that then go there take no `~`."""
    way = replace(route.without_ssh("me@vps"), config="~/.ssh/bus")
    for words in (ssh.ssh_words(way, "true"), shlex.split(rsync.command("~/.ssh/bus", "a", "b")[-4])):
        assert words[words.index("-F") + 1] == os.path.expanduser("~/.ssh/bus")


@pytest.mark.parametrize("number", [69, 122])
def test_a_full_quota_over_there_is_one_here(number: int) -> None:
    """A Mac and Linux number it differently, and each other word of a disk in trouble alike."""
    said = frames.pack("disk", str(number), "Disc quota exceeded", "", "")
    assert edge._disk(_error(said, "vps"))[1] == 75
