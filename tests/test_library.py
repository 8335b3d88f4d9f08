"""What the library takes from a program and gives back to it; what it cannot take it says as its own errors."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fsbus import Bus
from fsbus.core.errors import BadUsage, NotFound, Refused, WaitedTooLong
from fsbus.spool.bell import Bell
from fsbus.views import ends
from fsbus.views.ends import Ends
from tests.kit import TestBus, until


class Mute:
    """An object of a stranger."""

    def __str__(self) -> str:
        raise OSError("mute")


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize("timeout", ["20d", 1728000, 1728000.0])
def test_a_timeout_of_weeks_is_kept_to_the_second(bus: TestBus, timeout: Any) -> None:
    bus.agent("code", "cat", timeout="60d")
    key = Bus(str(bus.root)).submit("take your time", to="code", timeout=timeout)
    assert "timeout: 1728000s\n" in bus.fsbus("show", key)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), 1e30])
def test_a_time_that_is_none_is_refused(bus: TestBus, odd: float) -> None:
    with pytest.raises(BadUsage, match="is no time"):
        Bus(str(bus.root)).submit("x", to="echo", not_before=odd)


@pytest.mark.parametrize("odd", [CIRCLE, Mute(), {1: 2, "1": 3}, 10**5000], ids=["circle", "mute", "twice", "endless"])
def test_input_that_no_file_can_hold_is_refused(bus: TestBus, odd: Any) -> None:
    with pytest.raises(BadUsage, match="input: "):
        Bus(str(bus.root)).submit("look at it", to="echo", input=odd)
    assert bus.ls("echo", "inbox") == []


@pytest.mark.parametrize("odd", [None, b"bytes", 5, ["a", "b"], "latin \udce9"])
def test_what_is_no_text_is_refused_and_not_stored_as_something_else(bus: TestBus, odd: Any) -> None:
    own = Bus(str(bus.root))
    for call in (
        lambda: own.submit(odd, to="echo"), lambda: own.submit("x", to="echo", title=odd),
        lambda: own.send("echo", "note", odd), lambda: own.send("echo", "note", title=odd),
    ):  # fmt: skip
        with pytest.raises(BadUsage, match=r"(text|title): this is no"):
            call()
    assert bus.ls("echo", "inbox") + bus.ls("echo", "urgent") == []


def test_to_wait_for_many_is_no_more_looking_than_to_wait_for_one(bus: TestBus, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand were looked for one by one: 5 s for each look."""
    own, listed = Bus(bus.root), list[str]()
    keys = [own.submit(f"task {number}", to="echo") for number in range(30)]
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: (listed.append(path), listdir(path))[1])
    counts = []
    for some in (keys[:1], keys):
        listed.clear()
        assert not Ends(own.tree, some).all_ended()
        counts.append(len(listed))
    assert counts[1] <= counts[0]


def test_a_name_that_lies_on_when_a_later_attempt_has_ended_is_not_waited_for(bus: TestBus) -> None:
    """As that of a task whose host sleeps, and that another agent did."""
    own = Bus(bus.root)
    key = own.submit("do it", to="echo")
    [name] = bus.ls("echo", "inbox")
    tasks = Ends(own.tree, [key])
    assert not tasks.all_ended()
    (bus.root / "agents/dispatch/outbox" / name.replace(".a1.queued.", ".a2.done.")).write_text("task: do it\n")
    until(tasks.all_ended, "it to see that")
    assert tasks.ended == {key: "done"}


def test_what_ended_shortly_before_the_time_was_up_is_not_said_to_be_open(bus: TestBus, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one open task stands for all, nobody looks at the others."""
    monkeypatch.setattr("fsbus.views.ends.SHARE", 1e9)
    own = Bus(bus.root)
    first, second = own.submit("first", to="echo"), own.submit("second", to="echo")

    def until_the_time_is_up(bell: Bell, found: Callable[[], bool], seconds: float) -> bool:
        [name] = [n for n in bus.ls("echo", "inbox") if first in n]
        (bus.root / "agents/echo/inbox" / name).rename(bus.root / "agents/dispatch/outbox" / name.replace(".queued.", ".done."))
        return found()

    monkeypatch.setattr(Bell, "until", until_the_time_is_up)
    with pytest.raises(WaitedTooLong) as caught:
        own.wait([first, second], timeout=0.2)
    assert caught.value.ended == {first: "done"}
    assert f"1 of 2 tasks have not ended: {second} is queued" in str(caught.value)


def test_of_several_that_are_not_there_the_first_is_named(bus: TestBus) -> None:
    missing = [f"20261122-021455123-m2x9r{letter}" for letter in "0123456789"]
    with pytest.raises(NotFound, match=missing[0]):
        Bus(bus.root).wait(missing)


def test_a_task_of_which_dispatch_makes_a_further_attempt_this_moment_has_not_ended(
    bus: TestBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wait that begins right after `fsbus retry` saw the earlier end, and then that nobody wants another attempt."""
    own, agents = Bus(bus.root), bus.root / "agents"
    bus.agent("sour", run="false")
    key = own.submit("do it", to="sour")
    bus.fsbus("tick")
    assert own.wait([key]) == {key: "failed"}
    own.retry(key)
    find_all = ends.story.find_all

    def then_dispatch_acts(tree: Any, keys: set[str]) -> Any:
        found = find_all(tree, keys)
        [failed] = [n for n in bus.ls("dispatch", "outbox") if ".failed." in n]
        (agents / "sour/inbox" / failed.replace(".a1.failed.", ".a2.queued.")).write_text("task: do it\n")
        (agents / "dispatch/outbox" / failed).rename(agents / "dispatch/outbox/late" / failed)
        for name in bus.ls("dispatch", "urgent"):
            (agents / "dispatch/urgent" / name).unlink()
        return found

    monkeypatch.setattr(ends.story, "find_all", then_dispatch_acts)
    assert ends.Ends(own.tree, [key]).ended == {}


def test_one_key_alone_is_a_list_of_it(bus: TestBus) -> None:
    own = Bus(bus.root)
    first = own.submit("first", to="echo")
    second = own.submit("second", to="echo", after=first)
    bus.fsbus("tick")
    assert (own.wait(first), own.wait(second)) == ({first: "done"}, {second: "done"})


@pytest.mark.parametrize("odd", [None, 5, b"m2x9rt", ["m2x9rt"], Path("m2x9rt")])
def test_what_is_no_key_is_refused(bus: TestBus, odd: Any) -> None:
    own = Bus(bus.root)
    for call in (own.task, own.result, own.trace, own.output, own.cancel, own.retry, own.ack):
        with pytest.raises(BadUsage, match="is not a key"):
            call(odd)
    with pytest.raises(BadUsage, match="is not a key"):
        own.wait([odd])


@pytest.mark.parametrize("odd", ["5m", None, float("nan"), timedelta(minutes=5)])
def test_what_is_no_number_of_seconds_is_refused(bus: TestBus, odd: Any) -> None:
    own = Bus(bus.root)
    key, note = own.submit("x", to="echo"), own.send("echo", "note", "x")
    for call in (
        lambda: own.wait([key], odd), lambda: own.next("human", odd), lambda: list(own.messages("human", odd)),
        lambda: own.receipt(note, "shown", odd),
    ):  # fmt: skip
        with pytest.raises(BadUsage, match="is no number of seconds"):
            call()


def test_what_only_looks_like_a_time_is_refused(bus: TestBus) -> None:
    own: Any = Bus(bus.root)
    for odd in ("2026-12-01", datetime(2026, 12, 1), timedelta(minutes=5)):
        with pytest.raises(BadUsage, match="is no time"):
            own.submit("x", to="echo", not_before=odd)
    with pytest.raises(BadUsage, match="is no number of seconds"):
        own.submit("x", to="echo", timeout=timedelta(minutes=5))
    with pytest.raises(BadUsage, match="there is no receipt 'read'"):
        own.receipt(own.send("echo", "note", "x"), "read", 0)


def test_what_is_no_path_is_no_bus() -> None:
    with pytest.raises(NotFound):
        Bus("/tmp/\0")


def test_a_worker_of_an_agent_that_cannot_be_used_is_refused(bus: TestBus) -> None:
    bus.agent("odd", rnu="cat")
    for name, why in (("odd", Refused), ("nobody", NotFound)):
        with pytest.raises(why):
            Bus(bus.root).work(name, lambda job: None)


def test_a_worker_is_a_function_in_the_main_thread(bus: TestBus) -> None:
    bus.agent("shout")
    odd: Any = "shout"
    own, said = Bus(bus.root), []
    with pytest.raises(BadUsage, match="is no function"):
        own.work("shout", odd)

    def elsewhere() -> None:
        with pytest.raises(BadUsage, match="main thread") as caught:
            own.work("shout", str)
        said.append(caught.value.sentence())

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert len(said) == 1
