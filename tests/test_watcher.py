"""File events: what is told, how it ends, and that nobody is woken for each of a thousand."""
from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from itertools import count
from pathlib import Path

import pytest

from fsbus.spool import fsevents
from fsbus.spool.tree import Tree
from fsbus.spool.watcher import Batches, Stop, Watcher
from tests.kit import TestBus, until

BACKENDS = [fsevents.batches]
if sys.platform == "linux":
    from fsbus.spool import inotify

    BACKENDS.append(inotify.batches)

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="inotify")


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    made = [tmp_path / "a", tmp_path / "b"]
    for folder in made:
        folder.mkdir()
    return [*map(str, made)]


@pytest.fixture
def stop() -> Iterator[Stop]:
    made = Stop()
    yield made
    made.set()
    os.close(made.fd)


@pytest.mark.parametrize("batches", BACKENDS)
@pytest.mark.parametrize("how", ["echo > {}/b/x", "echo > x; mv x {}/b/", "echo > x; ln x {}/b/y", "mkdir {}/b/z"])
def test_what_comes_is_told_until_it_is_stopped(
    batches: Batches, folders: list[str], stop: Stop, tmp_path: Path, how: str
) -> None:
    told: list[str] = []
    thread = threading.Thread(target=lambda: told.extend(folder for batch in batches(folders, 30, stop) for folder in batch))
    thread.start()

    def comes() -> bool:  # again and again: nobody says from when on it is watched
        subprocess.run(["sh", "-c", f"rm -rf {tmp_path}/b/*; {how.format(tmp_path)}"], cwd=tmp_path, check=True)
        return folders[1] in told

    until(comes)
    assert folders[0] not in told
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


@pytest.mark.parametrize("batches", BACKENDS)
def test_it_ends_when_its_time_is_over(batches: Batches, folders: list[str], stop: Stop) -> None:
    assert list(batches(folders, 0.3, stop)) == []


def watching(folders: list[str], stop: Stop) -> Generator[list[str], None, None]:
    """It, once it watches: who asks for the first batch begins to, and nobody says when that is done."""
    found, told = inotify.batches(folders, 30, stop), threading.Event()

    def come() -> None:
        for number in count():
            (Path(folders[0]) / f"early-{number}").mkdir()
            if told.wait(0.01):
                return

    thread = threading.Thread(target=come)
    thread.start()
    assert set(next(found)) == {folders[0]}
    told.set()
    thread.join()
    return found


@on_linux
def test_what_comes_while_nobody_asks_is_one_batch(folders: list[str], stop: Stop) -> None:
    found = watching(folders, stop)
    for number in range(300):
        (Path(folders[1]) / str(number)).mkdir()
    assert [folder for folder in next(found) if folder == folders[1]] == folders[1:] * 300


@on_linux
def test_after_more_than_the_kernel_keeps_everything_may_have_changed(folders: list[str], stop: Stop) -> None:
    found = watching(folders, stop)
    for number in range(int(Path("/proc/sys/fs/inotify/max_queued_events").read_text()) + 2):
        os.mkdir(f"{folders[1]}/{number}")
    assert any(set(folders) <= set(batch) for batch in found)


@on_linux
def test_a_new_agent_is_watched_soon(tmp_path: Path) -> None:
    bus = TestBus(tmp_path / "bus")
    told: list[str] = []

    def comes(agent: str) -> bool:
        (bus.root / "agents" / agent / "urgent/note").write_text("hello")
        return agent in told

    with Watcher(Tree(str(bus.root)), lambda agents, before: told.extend(agents)):
        until(lambda: comes("echo"), "it watches")
        bus.agent("late", "cat")
        until(lambda: comes("late"), "it is told of the new one", patience=10)


def test_a_new_agent_is_watched_soon_where_the_system_names_folders_without_links(tmp_path: Path) -> None:
    """FSEvents tells of /private/tmp what was watched as /tmp, and in the letters that the disk has."""
    bus = TestBus(tmp_path / "bus")
    (tmp_path / "link").symlink_to(bus.root)

    def fake_fsevents(folders: list[str], seconds: float, stop: Stop) -> Generator[list[str], None, None]:
        yield [os.path.realpath(folder) for folder in folders if folder.endswith("/agents")]
        raise AssertionError("the folders are not looked up again")

    assert Watcher(Tree(str(tmp_path / "link")), lambda agents, before: None)._watch(fake_fsevents) == 0.0


FAKE_DEAF = """\
from fsbus.duties import duty
duty.LOOK = 1000.0
from fsbus.duties import node
from fsbus.spool import watcher
node.LIVELY, watcher.Watcher._run = 1000.0, lambda self: None
from fsbus.__main__ import main
main()
"""
DEAF = [sys.executable, "-c", FAKE_DEAF]


class FakeDeaf(TestBus):
    """Whose node is told of nothing, and looks by itself every quarter of an hour."""

    __test__ = False
    command = DEAF


def test_who_took_a_drop_in_goes_on_with_it(tmp_path: Path) -> None:
    """The hint that it has its full name came a second later on a Mac, and never where there are none."""
    bus = FakeDeaf(tmp_path / "bus")
    settings = bus.root / "bus.yaml"
    settings.write_text(settings.read_text().replace("beat: 5s", "beat: 1000s").replace("lease: 30s", "lease: 3000s"))
    bus.drop("echo", "x.md", "hello\n")
    bus.drop("dispatch", "y.md", "---\nto: echo\n---\nthere\n")
    try:
        bus.up()
        until(lambda: sum(".done." in name for name in bus.ls("dispatch", "outbox")) == 2, "both")
    finally:
        bus.close()
