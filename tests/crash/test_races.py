"""A claim has one winner, whatever the number of claimers: real processes, started from one instant.

Two detectors each time: what the processes say they got, and what the tree and the started commands show.
"""
from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from fsbus import Bus
from fsbus.core.names import parse_task
from fsbus.spool import atomic, keys
from tests.kit import TestBus, clean_env

RACERS = 4


def race(*lines: list[str]) -> list[list[str]]:
    """Run these racers at the same time; what each says."""
    ear, shot = os.pipe()  # one for all: they hear its end at once, however long this process is kept waiting
    racers = [_racer(line, ear) for line in lines]
    os.close(ear)
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    os.close(shot)
    return [_end(racer) for racer in racers]


def _racer(words: list[str], ear: int) -> subprocess.Popen[str]:
    pipes = {"stdin": ear, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-m", "tests.crash.racer", *words]
    return subprocess.Popen(command, text=True, env=clean_env(FSBUS_DURABILITY="kill"), **pipes)  # type: ignore[call-overload,no-any-return]


def _end(racer: subprocess.Popen[str]) -> list[str]:
    out, err = racer.communicate(timeout=100)
    assert racer.returncode == 0, err
    return list(json.loads(out))


def appending(bus: TestBus, name: str = "does", then: str = "") -> Path:
    """An agent whose command writes down its task's key, outside of the bus, and then takes a moment."""
    started = bus.root.parent / "started"
    script = bus.root.parent / "command.sh"
    script.write_text(f'echo "$FSBUS_KEY" >> {started}\n{then}\n')
    bus.agent(name, f"/bin/sh {script}", accepts="thing", slots=2)
    return started


def test_each_task_is_pulled_once(bus: TestBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "_power", False)
    bus.agent("pulls")
    library = Bus(str(bus.root))
    wanted = [library.submit(f"task {number}", to="pulls") for number in range(200)]
    taken = race(*[["pull", str(bus.root), "pulls"]] * RACERS)
    assert sorted(key for one in taken for key in one) == wanted
    assert sum(bool(one) for one in taken) > 1, "there was no race"
    inbox = [parse_task(name) for name in bus.ls("pulls", "inbox")]
    assert [name.key for name in inbox if name is not None and name.state == "running"] == wanted


def test_a_key_is_one_task(bus: TestBus) -> None:
    """Several submit the same keys while a node moves the tasks on: what is acked meanwhile must not come back."""
    started = appending(bus)
    wanted = [keys.make() for _ in range(60)]
    bus.up()
    said = race(*[["submit", str(bus.root), to, *wanted] for to in ("does", "does", "does", "does")])
    assert said == [wanted] * RACERS
    bus.fsbus("wait", *wanted)
    assert Counter(started.read_text().split()) == Counter(wanted)
    _only_their_ends(bus, wanted)


def test_a_key_given_to_dispatch_is_one_task(bus: TestBus) -> None:
    """The same, where dispatch moves it to one of two workers."""
    started = appending(bus)
    appending(bus, "also")
    wanted = [keys.make() for _ in range(60)]
    bus.up()
    assert race(*[["submit", str(bus.root), "-", *wanted]] * RACERS) == [wanted] * RACERS
    bus.fsbus("wait", *wanted)
    assert Counter(started.read_text().split()) == Counter(wanted)
    _only_their_ends(bus, wanted)


def test_several_ticks_at_once(bus: TestBus) -> None:
    started = appending(bus, then="sleep 0.1")
    wanted = [bus.fsbus("submit", "--type", "thing", f"task {number}").strip() for number in range(12)]
    ticks = [bus.start("tick") for _ in range(RACERS)]
    for tick in ticks:
        _, err = tick.communicate(timeout=60)
        assert tick.returncode in (0, 75), err
    bus.fsbus("tick")
    assert Counter(started.read_text().split()) == Counter(wanted)
    _only_their_ends(bus, wanted)


def _only_their_ends(bus: TestBus, wanted: list[str]) -> None:
    bus.close()
    bus.fsbus("tick")
    found = Counter((name.key, name.state) for name in map(parse_task, bus.ls("dispatch", "outbox")) if name is not None)
    assert found == Counter((key, "done") for key in wanted)
    left = [bus.ls(agent, channel) for agent in ("dispatch", "does") for channel in ("inbox", "outbox/late")]
    assert left == [[]] * 4


def test_a_priority_changed_while_it_runs(bus: TestBus) -> None:
    """`mv 5-... 0-...` is allowed at any time; the case folder keeps the name it has."""
    bus.agent("pulls")
    key = bus.fsbus("submit", "--to", "pulls", "text").strip()
    bus.fsbus("task", "next", "pulls")
    (name,) = bus.ls("pulls", "inbox")
    inbox = bus.root / "agents/pulls/inbox"
    (inbox / name).rename(inbox / f"0{name[1:]}")
    bus.fsbus("tick")
    bus.fsbus("task", "done", key, "said")
    bus.fsbus("tick")
    assert bus.result(key)["result"] == "said"
