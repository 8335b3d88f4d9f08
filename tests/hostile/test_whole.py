"""A drop is taken when it is whole and never before: slow writers, editors, rsync, renames, torn files."""
from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fsbus.spool.adopt import STILL
from tests.kit import TestBus, until

TASK = """\
---
title: Bump the dependencies
priority: 3
timeout: 30s
input:
  repo: shop
  branches: [main, next]
---

Bump the dependencies of the shop, run all the tests, and write down
which of them you could not bump, and why.

END OF TASK
"""
# A writer that holds its file open and pauses at each of the given places, longer than a drop must lie still.
WRITER = """
import sys, time
path, *cuts = sys.argv[1:]
data, at = sys.stdin.buffer.read(), 0
with open(path, "wb", buffering=0) as file:
    for cut in [*map(int, cuts), len(data)]:
        file.write(data[at:cut])
        at = cut
        if cut < len(data):
            time.sleep(0.8)
"""
has_leases = hasattr(fcntl, "F_SETLEASE")


@pytest.fixture
def running(bus: TestBus) -> TestBus:
    """A bus that runs."""
    bus.up()
    return bus


def write(path: Path, data: bytes, *cuts: int) -> subprocess.Popen[bytes]:
    """Start a slow writer."""
    words = [sys.executable, "-c", WRITER, str(path), *map(str, cuts)]
    writer = subprocess.Popen(words, stdin=subprocess.PIPE)
    assert writer.stdin is not None
    writer.stdin.write(data)
    writer.stdin.close()
    return writer


def ended(bus: TestBus) -> list[bytes]:
    """The files of all tasks that were done."""
    outbox = bus.root / "agents/dispatch/outbox"
    return [(outbox / name).read_bytes() for name in bus.ls("dispatch", "outbox") if ".a1.done." in name]


def nothing_else(bus: TestBus) -> None:
    """Nothing was rejected, failed, or is still there."""
    assert list((bus.root / "agents/echo/inbox/rejected").iterdir()) == []
    assert bus.ls("echo", "inbox") == []
    assert not [name for name in bus.ls("dispatch", "outbox") if ".failed." in name]


@pytest.mark.skipif(not has_leases, reason="this system cannot tell whether a file is open for writing")
def test_no_prefix_of_a_task_is_taken_while_its_writer_has_it_open(running: TestBus) -> None:
    inbox, data = running.root / "agents/echo/inbox", TASK.encode()
    cuts = [0, 4, 12, 40, 60, TASK.index("---\n\n") + 4, TASK.index("run all"), len(data) - 1]
    writers = [write(inbox / f"{cut}.md", data, cut) for cut in cuts]
    writers.append(write(inbox / "thrice.md", data, 30, 120, 200))
    whole = data
    until(lambda: len(ended(running)) == len(writers), "all tasks")
    assert [writer.wait() for writer in writers] == [0] * len(writers)
    assert ended(running) == [whole] * len(writers)
    nothing_else(running)


def test_a_slow_large_text_arrives_whole(running: TestBus) -> None:
    data = "".join(f"line {number} of a long text\n" for number in range(30_000)).encode()
    writer = write(running.root / "agents/echo/inbox/large.txt", data, 1, 4096, 400_000)
    until(lambda: ended(running), "the task")
    assert writer.wait() == 0
    assert ended(running) == [data]
    nothing_else(running)


def test_a_writer_that_opens_the_file_again_and_again_is_waited_for(running: TestBus) -> None:
    path, last, longest = running.root / "agents/echo/inbox/log.md", time.monotonic(), 0.0
    for number in range(12):
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"line {number}\n")
        last, longest = time.monotonic(), max(longest, time.monotonic() - last)
        time.sleep(0.1)  # shorter than a drop must lie still: what a shell loop with >> does
    if longest >= STILL:
        pytest.skip(f"this machine kept the writer waiting for {longest:.1f} s: the drop was whole by then")
    until(lambda: ended(running), "the task")
    assert ended(running) == [b"".join(b"line %d\n" % number for number in range(12))]


def test_an_editor_that_writes_in_place_is_waited_for(running: TestBus) -> None:
    inbox = running.root / "agents/echo/inbox"
    swap = inbox / ".x.md.swp"
    swap.write_bytes(b"b0VIM 9.1")
    (inbox / "4913").touch()
    (inbox / "4913").unlink()
    writer = write(inbox / "x.md", TASK.encode(), 30, 200)
    until(lambda: ended(running), "the task")
    writer.wait()
    assert ended(running) == [TASK.encode()]
    assert swap.read_bytes() == b"b0VIM 9.1"
    nothing_else(running)


@pytest.mark.skipif(shutil.which("rsync") is None, reason="there is no rsync here")
@pytest.mark.parametrize("how", [[], ["--inplace"], ["--partial", "-t"]], ids=str)
def test_a_slow_rsync_arrives_whole(running: TestBus, tmp_path: Path, how: list[str]) -> None:
    source = tmp_path / "big.txt"
    source.write_bytes(os.urandom(100_000).hex().encode())
    os.utime(source, (1_000_000_000, 1_000_000_000))
    copy = subprocess.Popen(["rsync", "--bwlimit=80", *how, str(source), f"{running.root}/agents/echo/inbox/"])
    until(lambda: ended(running), "the task")
    assert copy.wait() == 0
    assert ended(running) == [source.read_bytes()]
    nothing_else(running)


@pytest.mark.parametrize("name", ["x.part", "x.md.tmp", ".x.md", "x.md~", "x.md.crdownload"])
def test_a_file_under_a_name_for_half_files_is_taken_when_it_is_renamed(bus: TestBus, name: str) -> None:
    inbox = bus.root / "agents/echo/inbox"
    (inbox / name).write_text("half")
    bus.fsbus("tick")
    assert os.listdir(inbox / "rejected") == []
    assert (inbox / name).read_text() == "half"
    with open(inbox / name, "a", encoding="utf-8") as file:
        file.write(" and whole\n")
    (inbox / name).rename(inbox / "x.md")
    bus.fsbus("tick")
    assert ended(bus) == [b"half and whole\n"]


def test_front_matter_that_was_cut_off_is_kept_and_explained(bus: TestBus) -> None:
    inbox, cut = bus.root / "agents/echo/inbox", TASK.encode()[: TASK.index("input:")]
    bus.drop("echo", "x.md", cut)
    bus.fsbus("tick")
    assert ended(bus) == []
    assert (inbox / "rejected/x.md").read_bytes() == cut
    assert "never closed" in (inbox / "rejected/x.md.why").read_text()


@pytest.mark.skipif(not has_leases, reason="this system cannot tell whether a file is open for writing")
def test_a_tick_does_not_wait_for_a_writer_that_does_not_end(bus: TestBus) -> None:
    inbox = bus.root / "agents/echo/inbox"
    bus.drop("echo", "honest.md", "hello\n")
    with open(inbox / "endless.md", "wb", buffering=0) as endless:
        endless.write(b"half of")
        bus.fsbus("tick")
        assert ended(bus) == [b"hello\n"]
        assert (inbox / "endless.md").read_bytes() == b"half of"
        endless.write(b" a text\n")
    bus.fsbus("tick")
    assert sorted(ended(bus)) == [b"half of a text\n", b"hello\n"]


def test_a_file_under_two_names_is_explained_and_not_run_twice(running: TestBus) -> None:
    inbox = running.root / "agents/echo/inbox"
    hidden = inbox / ".made"
    hidden.write_text("one text\n")
    for name in ("a.md", "b.md"):
        os.link(hidden, inbox / name)
    hidden.unlink()
    both = ["a.md", "a.md.why", "b.md", "b.md.why"]
    until(lambda: sorted(os.listdir(inbox / "rejected")) == both, "both names to be dealt with")
    assert "hard link" in (inbox / "rejected/b.md.why").read_text()
    assert ended(running) == []
