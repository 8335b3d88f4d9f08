"""A machine that slept, or whose clock was set, while a node ran: what that must not end, and what it must not say."""
from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fsbus.bus import Bus
from fsbus.core import gate
from fsbus.duties import dispatch
from fsbus.duties.node import Node
from fsbus.spool import keys, linkfacts, owner
from fsbus.spool.tree import Tree
from tests.kit import TestBus, until

HOUR = 3600.0
VPS = "here: {}\n  vps: {ssh: nobody@nowhere.invalid, root: /bus}"
STEP = 4.0  # seconds; less than what is taken for a jump


class Clock:
    """This process's wall clock, with a difference; no other clock is touched."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.off: Callable[[], float] = lambda: 0.0
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + self.off())

    def set(self, seconds: float) -> None:
        """So much later than the real one."""
        self.off = lambda: seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The real time, until it is set."""
    return Clock(monkeypatch)


def lay(bus: TestBus, agent: str) -> str:
    """A task in an inbox; its key."""
    key = keys.make()
    (bus.root / "agents" / agent / "inbox" / f"5-{key}-task.a1.queued.yaml").write_text("task: hello\n")
    return key


def result(root: Path, key: str) -> dict[str, object]:
    """What came of it."""
    (path,) = root.glob(f"agents/*/outbox/5-{key}-*.result.yaml")
    found = gate.own(path.read_text())
    assert isinstance(found, dict)
    return found


def step(node: Node, after: float = 0.05) -> None:
    """A pass, late enough for its worker to list the inbox again."""
    time.sleep(after)
    node._step()


@pytest.mark.parametrize("limit", ["silence", "timeout"])
def test_a_pulled_task_is_not_judged_by_the_hours_that_this_machine_slept(bus: TestBus, clock: Clock, limit: str) -> None:
    settings = bus.root / "bus.yaml"
    settings.write_text(settings.read_text().replace("lease: 30s", "lease: 0.2s"))
    bus.agent("hand", **{limit: "60s"})
    key = lay(bus, "hand")
    with Node(Tree(str(bus.root))) as node:
        node.take_on("pull:hand", node.posts.all()["pull:hand"])
        step(node)
        bus.fsbus("task", "next", "hand")
        step(node, 0.3)  # the grace of its start
        clock.set(8 * HOUR)
        step(node)
        assert [name.split(".")[2] for name in bus.ls("hand", "inbox")] == ["running"]
        step(node, 0.3)  # that of its awakening
        for number in range(1, 20):
            clock.set(8 * HOUR + number * STEP)
            step(node)
    error = result(bus.root, key)["error"]
    assert isinstance(error, dict)
    assert error["kind"] == {"silence": "silent", "timeout": "timeout"}[limit], "and then it is"


@pytest.mark.parametrize("trouble", ["", "no route"])
def test_a_host_is_not_out_of_reach_for_the_hours_that_this_one_slept(
    bus: TestBus, clock: Clock, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Mac wakes up for a moment each quarter of an hour, and has no network yet: each time the human was rung for."""
    settings = bus.root / "bus.yaml"
    there = "here: {}\n  vps: {ssh: nobody@nowhere.invalid, root: /bus}"
    settings.write_text(settings.read_text().replace("lease: 30s", "lease: 0.2s").replace("here: {}", there))
    bus.agent("far", home="vps")
    monkeypatch.setattr(dispatch, "OFTEN", 0.0)
    tree = Tree(str(bus.root))
    linkfacts.good(tree, "vps", time.time())
    with Node(tree) as node:
        node.take_on("dispatch", node.posts.all()["dispatch"])
        step(node)
        step(node, 0.3)  # the grace of its start
        if trouble:
            linkfacts.bad(tree, "vps", time.time(), trouble)
        clock.set(8 * HOUR)
        step(node)
        for number in range(100):
            step(node, 0.3 if number == 0 else 0.06)  # the grace of its awakening
            if bus.ls("human", "urgent"):
                break
            clock.set(8 * HOUR + number * STEP)
    assert 5 * 60 / STEP <= number < 99, "five minutes awake, timers.ack, and then it is"


def test_a_task_that_goes_over_when_this_machine_wakes_has_not_waited_there(bus: TestBus, clock: Clock) -> None:
    """It was written, and the lid was closed; at the next look its worker was down for it, and another got it."""
    settings = bus.root / "bus.yaml"
    settings.write_text(settings.read_text().replace("here: {}", VPS))
    bus.agent("far", home="vps")
    tree, library = Tree(str(bus.root)), Bus(str(bus.root))
    waited = []
    for slept in (0.0, 8 * HOUR, *(8 * HOUR + minutes * 60 for minutes in range(1, 9))):
        clock.set(slept)
        linkfacts.good(tree, "vps", time.time())
        waited.append(library.status("far")["oldest_queued"])
        if not slept:
            lay(bus, "far")
    assert waited[:2] == [None, 0.0]
    assert waited[-2] > 5 * 60, "it does since then"


@pytest.mark.parametrize("jump", [-24 * HOUR, 24 * HOUR])
def test_what_a_task_took_is_not_what_the_clock_jumped(bus: TestBus, clock: Clock, jump: float) -> None:
    there = bus.root.parent / "there"
    clock.off = lambda: jump if os.path.exists(there) else 0.0
    bus.agent("code", f"touch {there}")
    key = lay(bus, "code")
    with Node(Tree(str(bus.root)), once=True) as node:
        node.take_on("worker:code", node.posts.all()["worker:code"])
        node.tick()
    took = result(bus.root, key)["took"]
    assert isinstance(took, float)
    assert 0.0 <= took < 60.0


@pytest.mark.parametrize("restarted", [False, True])
def test_a_clock_that_was_ahead_holds_no_further_attempt_back(bus: TestBus, clock: Clock, restarted: bool) -> None:
    """It was a day ahead when the wait of a second was decided, and is set right."""
    settings = bus.root / "bus.yaml"
    settings.write_text(settings.read_text().replace("backoff: 30s", "backoff: 1s"))
    bus.agent("code", "sh -c 'exit 75'")
    clock.set(24 * HOUR)
    key = lay(bus, "code")
    ledger = bus.root / f".node/ledger/{key}.yaml"

    def steps(node: Node, duties: tuple[str, ...], there: Callable[[], bool]) -> None:
        for name in duties:
            node.take_on(name, node.posts.all()[name])
        until(lambda: step(node) or there())

    tree = Tree(str(bus.root))
    with Node(tree, once=True) as node:
        node.take_on("worker:code", node.posts.all()["worker:code"])
        node.tick()
    with Node(tree) as node:
        steps(node, ("dispatch",), ledger.exists)
        if not restarted:
            clock.set(0.0)
            steps(node, (), lambda: bool(bus.ls("code", "inbox")))
    clock.set(0.0)
    with Node(tree) as node:
        steps(node, ("dispatch",), lambda: bool(bus.ls("code", "inbox")))
    assert [name.split(".")[1:3] for name in bus.ls("code", "inbox")] == [["a2", "queued"]]


def test_a_clock_at_its_very_beginning_ends_no_process_of_ours(
    bus: TestBus, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A board without a battery boots in 1970; no ring was ever on, and 0 is the group of whoever asks."""
    ended: list[int] = []
    monkeypatch.setattr(owner, "signal_group", lambda group, number: ended.append(group))
    clock.set(10 - time.time())
    with Node(Tree(str(bus.root))) as node:
        node.take_on("dispatch", node.posts.all()["dispatch"])
    assert ended == []
