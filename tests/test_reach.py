"""Agents of another host, looked at from here: unreachable is not down, and everything is as of the last good pass.

The link is played by its facts in `.node/links/`; tests/twohosts has real ones.
"""
from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fsbus.core.names import new_key
from fsbus.spool.journal import stamp
from tests.kit import TestBus

HOUR = 3600.0


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[TestBus]:
    made = TestBus(tmp_path / "bus")
    text = (made.root / "bus.yaml").read_text()
    (made.root / "bus.yaml").write_text(text.replace("  here: {}", "  here: {}\n  away: {ssh: nobody@away.invalid}"))
    made.agent("code", "cat", home="away", accepts="coding")
    yield made
    made.close()


def link(bus: TestBus, ago: float, **facts: Any) -> None:
    """The last good pass was so many seconds ago, and the link has been up for an hour unless said otherwise."""
    folder = bus.root / ".node/links"
    folder.mkdir(exist_ok=True)
    known = {"as_of": stamp(time.time() - ago), "offset": 0.0, "up": stamp(time.time() - HOUR)} | facts
    (folder / "away.yaml").write_text("".join(f"{name}: '{value}'\n" for name, value in known.items()))


def beat(bus: TestBus, ago: float, more: str = "") -> None:
    (bus.root / "agents/code/alive.yaml").write_text(f"host: away\nbeat: '{stamp(time.time() - ago)}'\n{more}")


def health(bus: TestBus) -> tuple[str, str]:
    found = json.loads(bus.fsbus("status", "code", "--json"))
    return found["health"], found["cause"]


def test_without_a_pass_nothing_is_known(bus: TestBus) -> None:
    beat(bus, 0)
    assert health(bus) == ("unreachable", "never synced")


def test_a_link_in_trouble_says_which_and_as_of_when(bus: TestBus) -> None:
    link(bus, 40, trouble="no route to host", since=stamp(time.time()))
    beat(bus, 500)
    word, cause = health(bus)
    assert word == "unreachable"
    assert cause.startswith("no route to host; as of 4")
    assert "link to away: down since" in bus.fsbus("status")


@pytest.mark.parametrize(
    ("passed", "beaten", "offset", "word"),
    [
        pytest.param(50, 53, 0, "ok", id="a-beat-just-before-the-last-pass"),
        pytest.param(5, 200, 0, "down", id="no-beat-long-before-the-last-pass"),
        pytest.param(5, 7 - 24 * HOUR, 24 * HOUR, "ok", id="their-clock-is-a-day-ahead"),
        pytest.param(5, 7 + 24 * HOUR, -24 * HOUR, "ok", id="their-clock-is-a-day-behind"),
        pytest.param(5, 200 + 24 * HOUR, -24 * HOUR, "down", id="a-day-behind-and-down"),
        pytest.param(400, 403, 0, "unreachable", id="no-pass-for-long"),
    ],
)
def test_a_beat_is_measured_at_the_last_pass_by_their_clock(
    bus: TestBus, passed: float, beaten: float, offset: float, word: str
) -> None:
    link(bus, passed, offset=offset)
    beat(bus, beaten)
    assert health(bus)[0] == word


def test_what_waited_for_the_link_did_not_wait_for_the_worker(bus: TestBus) -> None:
    name = f"5-{new_key(int((time.time() - HOUR) * 1000), 3)}-t.a1.queued.md"
    path = bus.root / "agents/code/inbox" / name
    path.write_text("x")
    link(bus, 0, up=stamp(time.time() - 5))
    beat(bus, 1)
    found = json.loads(bus.fsbus("status", "code", "--json"))
    assert found["health"] == "ok"
    assert (found["oldest_queued"] or 0.0) <= 5.0
    assert os.path.exists(path)


def test_paused_over_there_is_paused_here(bus: TestBus) -> None:
    link(bus, 1)
    beat(bus, 2, "paused: true\n")
    assert health(bus)[0] == "paused"


def test_a_task_with_an_agent_elsewhere_is_as_of_then(bus: TestBus) -> None:
    key = bus.fsbus("submit", "--to", "code", "hello").strip()
    link(bus, 100)
    beat(bus, 101)
    found = bus.task(key)
    assert found["state"] == "queued"
    assert found["as_of"] < stamp(time.time() - 60)


def test_a_stranger_here_is_not_heard_there(bus: TestBus) -> None:
    """The human lives here; on the other host nobody may speak for it."""
    (bus.root / "host").write_text("away\n")
    done = bus.run("send", "dispatch", "note", "hello")
    assert done.returncode == 5
    assert "human lives on here: from away it is not heard by dispatch" in done.stderr
    bus.fsbus("send", "dispatch", "note", "hello", "--from", "code")
    bus.fsbus("send", "code", "note", "hello")


def test_who_is_not_heard_there_has_not_asked_for_another_attempt(bus: TestBus) -> None:
    key = bus.fsbus("submit", "--to", "dispatch", "hello").strip()
    bus.fsbus("task", "next", "dispatch")
    bus.fsbus("task", "done", key, "it is done")
    (bus.root / "host").write_text("away\n")
    done = bus.run("retry", key)
    assert done.returncode == 5
    assert "human lives on here: from away it is not heard by dispatch" in done.stderr


def test_work_for_an_agent_of_another_host_goes_by_dispatch(bus: TestBus) -> None:
    bus.agent("builder", "cat", home="here")
    (bus.root / "host").write_text("away\n")
    key = bus.fsbus("submit", "--to", "builder", "hello").strip()
    assert [n[2:27] for n in bus.ls("dispatch", "inbox")] == [key]
    key = bus.fsbus("submit", "--to", "code", "hello").strip()
    assert [n[2:27] for n in bus.ls("code", "inbox")] == [key]
    bus.fsbus("cancel", key)
    assert [n.split("-")[3].split(".")[0] for n in bus.ls("code", "urgent")] == ["cancel"]
    assert bus.ls("dispatch", "urgent") == []


def test_what_nobody_saw_within_the_retention_is_put_aside_and_told(bus: TestBus) -> None:
    bus.agent("builder", "cat", home="here")
    text = (bus.root / "bus.yaml").read_text()
    (bus.root / "bus.yaml").write_text(text.replace("results: 7d", "results: 1s"))
    name = f"5-{new_key(int((time.time() - HOUR) * 1000), 3)}-t.a1.queued.md"
    (bus.root / "agents/builder/inbox" / name).write_text("x")
    time.sleep(1.1)  # not a wait for a condition: it is the retention
    bus.fsbus("tick", code=None)
    assert (bus.root / "archive/stale" / name).read_text() == "x"
    assert bus.ls("builder", "inbox") == []
    assert any("-alert." in n for n in bus.ls("human", "urgent"))
