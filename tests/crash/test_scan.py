"""Reading beside renames (DESIGN section 8): a task that exists is never "nowhere", and counts stay sane.

One scan of a large ext4 directory misses a name that is being renamed, under both its names, quite often. Twice over:

* on the real disk, a mover walks task after task through its whole life while this process looks for it;
* in a model of such a disk, the moves come between and in the middle of the scans at the worst moments, which a disk
  shows once in thousands of looks only.
"""
from __future__ import annotations

import json
import mmap
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsbus.core.names import KEY_LENGTH, TaskName, new_key
from fsbus.spool import channel
from fsbus.spool.tree import Tree
from fsbus.views import overview
from tests.crash.racer import COUNTER, FLOW, PAGE
from tests.kit import TestBus, clean_env

CROWD = 2000  # other names in the same inbox
SCHEDULES = 4000  # lives in the model; with one scan less, about one in 100 goes wrong


@pytest.fixture
def tree(bus: TestBus) -> Tree:
    bus.agent("does")
    inbox = bus.root / "agents/does/inbox"
    for number in range(CROWD):
        (inbox / str(TaskName(5, new_key(1_700_000_000_000 + number, number), "crowd", 1, "queued", "md"))).touch()
    return Tree(str(bus.root))


class Mover:
    """The process that moves, and the page on which it says what."""

    def __init__(self, root: str, page: Path, lives: int) -> None:
        page.write_bytes(bytes(PAGE))
        self._file = page.open("r+b")
        self.page = mmap.mmap(self._file.fileno(), PAGE)
        words = [sys.executable, "-m", "tests.crash.racer", "move", root, str(page), str(lives)]
        self._process = subprocess.Popen(words, text=True, env=clean_env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def looks(self) -> Iterator[str]:
        """The key to look for now, until the last life is over; each turn of the loop counts as one look."""
        count = 0
        while self._process.poll() is None:
            key = bytes(self.page[:KEY_LENGTH])
            if key.strip(b"\0"):
                yield key.decode()
            count += 1
            self.page[COUNTER] = count.to_bytes(8, "little")

    def close(self) -> list[str]:
        """The keys of all lives."""
        out, _ = self._process.communicate(timeout=30)
        self.page.close()
        self._file.close()
        assert self._process.returncode == 0
        return list(json.loads(out.removeprefix("ready\n")))


def test_a_task_is_never_nowhere(tree: Tree, tmp_path: Path) -> None:
    mover = Mover(tree.root, tmp_path / "page", 250)
    trials, nowhere, backwards, last = 0, 0, 0, {"": -1}
    for key in mover.looks():
        found = channel.places(tree, key)
        trials += 1
        nowhere += not found
        rank = channel.truth(found).rank if found else -1
        backwards += rank < last.get(key, -1)
        last = {key: rank}
    assert len(mover.close()) == 250
    assert trials > 250, "nobody looked"
    assert (nowhere, backwards) == (0, 0), f"of {trials} looks"


def test_counts_stay_sane(tree: Tree, tmp_path: Path) -> None:
    mover = Mover(tree.root, tmp_path / "page", 60)
    looks = 0
    for _ in mover.looks():
        seen = overview.agent(tree, "does", overview.Moment(tree, time.time()))
        looks += 1
        assert CROWD <= seen["queued"] <= CROWD + 1
        assert seen["acked"] <= 1
        assert seen["running"] <= 1
        assert seen["failed"] == 0
    assert len(mover.close()) == 60
    assert looks > 60


class Disk:
    """One task on a disk whose listings miss what is renamed meanwhile; it moves on at moments chosen by chance."""

    def __init__(self, root: str, chance: random.Random) -> None:
        self._root, self._chance = root, chance
        name = TaskName(5, new_key(1_700_000_000_000, 1), "moved", 1, "queued", "md")
        self._ways = [(place, name.to(state)) for place, state in FLOW]
        hasty = chance.randrange(len(self._ways))  # somebody makes it urgent by hand, once
        self._ways[hasty:hasty] = [self._ways[hasty]]
        self._ways[hasty + 1 :] = [(place, name._replace(priority=0)) for place, name in self._ways[hasty + 1 :]]

    def listing(self, folder: str) -> list[str]:
        """A listing; moves come before it, and in the middle of it."""
        while len(self._ways) > 1 and self._chance.random() < 0.1:
            self._ways.pop(0)
        before = self._here(folder)
        if not before or len(self._ways) == 1 or self._chance.random() < 0.3:
            return before
        self._ways.pop(0)
        after = self._here(folder)
        if before and after:
            return []  # renamed ahead of and behind the reader: seen under neither name
        return self._chance.choice([before, after])

    def _here(self, folder: str) -> list[str]:
        place, name = self._ways[0]
        return [str(name)] if folder == f"{self._root}/agents/{place}" else []


def test_no_schedule_hides_a_task(bus: TestBus, monkeypatch: pytest.MonkeyPatch) -> None:
    bus.agent("does")
    tree, chance = Tree(str(bus.root)), random.Random(0)
    agents = tree.agents()
    monkeypatch.setattr(tree, "agents", lambda: agents)
    hidden = 0
    for _ in range(SCHEDULES):
        monkeypatch.setattr(channel, "listing", Disk(tree.root, chance).listing)
        hidden += not channel.places(tree, "2")
    assert hidden == 0
