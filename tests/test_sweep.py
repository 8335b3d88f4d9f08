"""What the sweep lets go of, and what it keeps."""
from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from fsbus.core.names import new_key
from fsbus.core.trusted import WAIT
from fsbus.duties.node import Node
from fsbus.spool import keys
from fsbus.spool.journal import recent
from fsbus.spool.tree import Tree
from tests.kit import TestBus
from tests.test_asleep import Clock

DAY, YEAR = 86400.0, 365 * 86400.0
AGE = 97  # days: `retention` as it is unless somebody says otherwise, results and archive


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The real time, until it is set."""
    return Clock(monkeypatch)


def day(days: float) -> str:
    """The UTC date so many days ago."""
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() - days * DAY))


def test_the_journal_goes_with_what_it_tells_of(bus: TestBus) -> None:
    names = [f"log/{host}/{day(age)}.jsonl" for host in ("here", "away") for age in (AGE + 2, AGE + 0.5, 8)]
    names += ["log/here/notes.jsonl", "log/here/2020-01-01.txt"]
    for name in names:
        (bus.root / name).parent.mkdir(parents=True, exist_ok=True)
        (bus.root / name).touch()
    bus.fsbus("tick")
    gone = [name for name in names if not (bus.root / name).exists()]
    assert gone == [f"log/{host}/{day(AGE + 2)}.jsonl" for host in ("here", "away")]


def test_trace_reads_from_the_day_before_the_key_on(bus: TestBus) -> None:
    key = bus.fsbus("submit", "--to", "echo", "hello").strip()
    for age in (2, 1):
        record = {"at": day(age), "host": "away", "by": "sync", "key": key, "event": f"{age} days before", "why": "its clock"}
        path = bus.root / f"log/away/{day(age)}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(record) + "\n")
    assert [hop["event"] for hop in json.loads(bus.fsbus("trace", key, "--json"))] == ["1 days before", "> queued"]


def tick(bus: TestBus) -> None:
    """`fsbus tick`, in this process, whose clock the test sets."""
    with Node(Tree(str(bus.root)), once=True) as node:
        for name, post in node.posts.all().items():
            node.take_on(name, post)
        node.tick()


def archived(bus: TestBus, age: float) -> Path:
    """A day of the archive."""
    path = bus.root / "archive" / day(age)
    path.mkdir(parents=True)
    return path


def test_a_clock_that_is_years_ahead_at_boot_and_right_soon_after(bus: TestBus, clock: Clock) -> None:
    tick(bus)
    young, old = archived(bus, 1), archived(bus, AGE + 2)
    clock.set(5 * YEAR)
    tick(bus)
    clock.set(5 * YEAR + 600)
    tick(bus)
    assert young.exists()
    held = [record for record in recent(str(bus.root), 0.0) if record["by"] == "sweep"]
    assert [record["event"] for record in held] == ["held"]
    clock.set(1200)
    tick(bus)
    assert young.exists()
    assert not old.exists()


def test_a_machine_that_was_off_for_months(bus: TestBus, clock: Clock) -> None:
    tick(bus)
    old = archived(bus, 10)
    for back, there in ((0.0, True), (WAIT - 60, True), (WAIT, False)):
        clock.set(90 * DAY + back)
        tick(bus)
        assert old.exists() == there


def test_it_looks_often_while_it_does_not_believe_the_clock(bus: TestBus, clock: Clock) -> None:
    """In one process: what the clock says must be seen between its being set right and the next boot with a wrong one."""
    with Node(Tree(str(bus.root))) as node:
        sweep = node.posts.all()["sweep"].make()
        assert sweep.step() > 3000
    clock.set(YEAR)
    with Node(Tree(str(bus.root))) as node:
        assert node.posts.all()["sweep"].make().step() <= 60


def test_what_was_put_aside_unseen_goes_when_it_has_lain_there_as_long_as_the_archive(bus: TestBus, clock: Clock) -> None:
    tick(bus)
    stale = bus.root / "archive/stale"
    stale.mkdir(parents=True)
    key = new_key(int((time.time() - (AGE + 20) * DAY) * 1000), 5)
    old, foreign = stale / f"5-{key}-x.a1.queued.md", stale / "notes.md"
    for path in (old, foreign):
        path.write_text("x")
    for days, there in ((0, True), (89, True), (91, False)):
        for wait in (0.0, WAIT):
            clock.set(days * DAY + wait)
            tick(bus)
        assert old.exists() == there
    assert foreign.read_text() == "x"


def test_what_a_person_has_in_hand_for_longer_than_anything_is_kept_stays_theirs(bus: TestBus) -> None:
    key = new_key(int((time.time() - (AGE + 2) * DAY) * 1000), 5)
    bus.fsbus("submit", "--to", "human", "--key", key, "build the house")
    bus.fsbus("task", "next", "human")
    for _ in range(2):
        bus.fsbus("tick")
    bus.fsbus("task", "done", key, "it stands")
    assert [name for name in bus.ls("human", "outbox") if f"{key}-build-the-house.a1.done." in name]


def test_what_a_kill_left_half_written_goes_wherever_fsbus_writes(bus: TestBus) -> None:
    dead = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True).stdout.strip()
    folders = (".node", ".node/links", ".node/alarms", "agents/echo", "agents/echo/inbox")
    left = [bus.root / inner / f".new-{dead}-x" for inner in folders]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.utime(path, (1e9, 1e9))
    bus.fsbus("tick")
    assert [path for path in left if path.exists()] == []


def test_what_a_link_that_was_cut_left_goes_after_a_day(bus: TestBus, clock: Clock) -> None:
    """It was on its way under a name that may never come again: another priority, put into late/ meanwhile."""
    run = f"5-{keys.make()}-x.a1"
    outbox = bus.root / "agents/dispatch/outbox"
    left = [outbox / f".in-{run}.files", outbox / f"late/.gone-{run}.files", outbox / f".in-{run}.result.yaml"]
    going, own = outbox / f".in-4{run[1:]}.files", outbox / ".in-my-notes"
    for folder in (*left[:2], going, own):
        (folder / "deep").mkdir(parents=True)
        (folder / "deep/half.bin").touch()
    left[2].touch()
    tick(bus)
    assert all(path.exists() for path in left)
    clock.set(DAY + 60)
    (going / "deep/half.bin").write_text("more of it")
    os.utime(going / "deep/half.bin", (time.time(), time.time()))
    tick(bus)
    assert [path.exists() for path in (*left, going, own)] == [False, False, False, True, True]
