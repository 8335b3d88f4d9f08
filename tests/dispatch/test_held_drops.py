"""Drops that have to wait: what `not_before` and `after` say counts in whosever inbox the file was put."""
from __future__ import annotations

import json
import time
from pathlib import Path

from tests.kit import TestBus, until


def iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def waiting(bus: TestBus, agent: str) -> list[str]:
    return [name for name in bus.ls(agent, "inbox") if ".queued." in name]


def test_a_drop_with_a_worker_is_held_by_dispatch(bus: TestBus) -> None:
    first = bus.fsbus("submit", "--to", "human", "first").strip()
    bus.drop("echo", "after.md", f"---\nafter: {first}\n---\nThen this\n")
    bus.drop("echo", "later.yaml", f"task: in an hour\nnot_before: {iso(3600)}\n")
    bus.drop("echo", "now.md", "---\ntype: any\n---\nThis at once\n")
    bus.fsbus("tick")
    assert ["this-at-once" in name for name in bus.ls("dispatch", "outbox") if ".done." in name] == [True]
    held = waiting(bus, "dispatch")
    assert [name.split("-", 4)[4].split(".")[0] for name in held] == ["then-this", "in-an-hour"]
    why = [json.loads(bus.fsbus("trace", name[2:27], "--json"))[-1]["why"] for name in held]
    assert why == [f"waits for {first}", "not_before is not reached"]
    bus.fsbus("task", "next", "human")
    bus.fsbus("task", "done", first, "ok")
    bus.fsbus("tick")
    assert bus.result(held[0][2:27])["state"] == "done"
    assert bus.result(held[0][2:27])["agent"] == "echo"


def test_a_held_drop_reaches_a_human(bus: TestBus) -> None:
    bus.up()  # before the clock runs: a start takes seconds on a slow machine
    bus.drop("human", "x.md", f"---\nnot_before: {iso(4)}\n---\nCall the bank\n")
    (name,) = until(lambda: waiting(bus, "dispatch"))
    until(lambda: waiting(bus, "human") == [name], "its time")


def test_what_would_be_refused_later_is_refused_at_once(bus: TestBus) -> None:
    bus.drop("echo", "x.yaml", f"task: x\nverify: tests\nnot_before: {iso(3600)}\n")
    bus.fsbus("tick")
    why = Path(bus.root / "agents/echo/inbox/rejected/x.yaml.why").read_text()
    assert "echo has no check 'tests'" in why


def test_without_dispatch_a_drop_stays_where_it_is(bus: TestBus) -> None:
    (bus.root / "agents/dispatch/agent.yaml").unlink()
    bus.drop("echo", "x.yaml", f"task: x\nnot_before: {iso(3600)}\n")
    bus.fsbus("tick")
    assert [name for name in bus.ls("echo", "outbox") if ".done." in name]


def test_what_is_edited_while_dispatch_holds_it_wins(bus: TestBus) -> None:
    bus.agent("code", run="cat", accepts="code")
    typed = bus.fsbus("submit", "--type", "nobody", "one").strip()
    timed = bus.fsbus("submit", "--to", "echo", "--not-before", "2h", "two").strip()
    bus.up()
    for key in (typed, timed):
        until(lambda key=key: "held" in bus.fsbus("trace", key))
    inbox = bus.root / "agents/dispatch/inbox"
    (one,), (two,) = ([n for n in waiting(bus, "dispatch") if key in n] for key in (typed, timed))
    with (inbox / one).open("w") as editor:  # in place, slowly
        editor.flush()
        time.sleep(1.5)
        editor.write("task: one, edited\ntype: code\n")
    (inbox / ".two").write_text("task: two, edited\nto: echo\n")  # by another file in its place
    (inbox / ".two").rename(inbox / two)
    bus.fsbus("wait", typed, timed, "--timeout", "20s")
    assert [bus.result(key)["result"] for key in (typed, timed)] == ["one, edited", "two, edited"]
