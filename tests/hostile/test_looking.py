"""What people, agents and peers leave where fsbus only looks keeps no command and no duty from its work."""
from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.kit import TestBus

DEEP = "[" * 100_000


def done(bus: TestBus, agent: str = "echo") -> str:
    """The key of a task that was done."""
    key = bus.fsbus("submit", "--to", agent, "hello").strip()
    bus.fsbus("tick")
    assert bus.task(key)["state"] == "done"
    return key


def test_a_file_in_the_archive_is_nobodys_trouble(bus: TestBus) -> None:
    settings = bus.root / "bus.yaml"
    settings.write_text(settings.read_text().replace("attempts: 3", "attempts: 1"))
    (bus.root / "archive/notes.txt").write_text("mine")
    bus.agent("bad", "false")
    key = bus.fsbus("submit", "--to", "bad", "hello").strip()
    bus.fsbus("tick")
    assert bus.task(key)["final"], "dispatch looked for further attempts of it"
    (alert,) = json.loads(bus.fsbus("today", "--json"))["waits_for_you"]
    shown = bus.run("show", key)
    assert (shown.returncode, shown.stderr) == (0, "")
    bus.fsbus("ack", alert["key"])


def test_what_an_agent_writes_beside_its_output_is_not_taken_for_it(bus: TestBus) -> None:
    bus.agent("odd", "sh -c 'echo mine > stdout.log; echo mine > stdout.9.log; echo hi'")
    key = done(bus, "odd")
    assert bus.fsbus("log", key) == "hi\n"


def test_a_folder_in_the_place_of_its_output_has_no_last_line(bus: TestBus) -> None:
    bus.agent("odd", "sh -c 'rm stdout.1.txt; mkdir stdout.1.txt'")
    key = bus.fsbus("submit", "--to", "odd", "hello").strip()
    bus.fsbus("tick")
    assert bus.task(key)["last_output"] == ""


@pytest.mark.parametrize("more", ["error: oops", "error: [oops]", "error: {what: oops, tried: 7}", "error: {}\nleft_out: 7"])
def test_an_odd_result_file_is_shown_as_far_as_it_goes(bus: TestBus, more: str) -> None:
    key = done(bus)
    (path,) = (bus.root / "agents/dispatch/outbox").glob(f"?-{key}-*.result.yaml")
    path.write_text(f"key: {key}\nstate: failed\n{more}\n")
    path.with_name(path.name.replace(".result.", ".done.")).rename(path.with_name(path.name.replace(".result.", ".failed.")))
    for words in (("result", key), ("result", key, "--json"), ("status", key), ("today",)):
        said = bus.run(*words)
        assert said.returncode in (0, 1), said.stderr
        assert "bug" not in said.stderr


@pytest.mark.parametrize("line", [
    '{"at": "%s", "key": "agent:echo", "event": "ok > down", "more": ' + DEEP, '{"key": "agent:echo", "event": "ok > down"}',
    '{"at": "%s", "event": "done > collected", "more": "agent:echo"}',
    '{"at": "9999", "key": "agent:echo", "agent": "echo", "event": "ok > down"}', '{"at": 7, "key": "agent:echo", "event": 7}',
    '["agent:echo"]',
])  # fmt: skip
def test_a_line_that_is_none_in_a_peers_journal_is_passed_over(bus: TestBus, line: str) -> None:
    key, now = done(bus), time.gmtime()
    log: Path = bus.root / "log/away" / time.strftime("%Y-%m-%d.jsonl", now)
    log.parent.mkdir()
    log.write_text(f"{line}\n{line.replace('agent:echo', key)}\n".replace("%s", time.strftime("%Y-%m-%dT%H:%M:%S.000Z", now)))
    assert "collected" in bus.fsbus("trace", key)
    assert bus.fsbus("today").startswith("1 done, ")
    done(bus)
