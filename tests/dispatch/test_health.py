"""Who is up: health words, alarms that come once, and the day's story."""
from __future__ import annotations

import json
import time
from pathlib import Path

from fsbus.views.day import spans
from tests.dispatch.rig import Rig
from tests.kit import TestBus, until

COUNT = 'echo "$FSBUS_AGENT $FSBUS_ATTEMPT" >> $LOG'
AT_THE_GATE = f"{COUNT}; while [ ! -e $LOG.gate ]; do sleep 0.05; done"


def test_queued_too_long_is_one_alarm_and_runs_when_the_worker_comes(rig: Rig) -> None:
    rig.timers(ack="1s", lease="1s")
    rig.agent("one", f"{COUNT}; echo fine", accepts="build")
    rig.up("dispatch")
    keys = [rig.submit("--to", "one", f"job {n}") for n in (1, 2)]
    (alert,) = until(rig.alerts)
    assert alert["title"] == "one is down"
    assert "timers.ack" in alert["text"]
    assert "fsbus up" in alert["text"]
    assert rig.health("one") == "down"
    assert rig.status("one")["cause"] == "never started"
    one = rig.up("worker:one")
    for key in keys:
        assert rig.ended(key, "done")["attempt"] == 1
    assert sum("timers.ack" in alert["text"] for alert in rig.alerts()) == 1
    until(lambda: rig.health("one") == "ok")
    rig.bus.stop(one)
    assert (rig.health("one"), rig.status("one")["cause"]) == ("down", "stopped")
    assert rig.lines() == ["one 1", "one 1"]


def test_queued_too_long_goes_to_another_that_accepts_it(rig: Rig) -> None:
    rig.timers(ack="1s", lease="1s")
    rig.agent("one", COUNT, accepts="build")
    rig.agent("two", f"{COUNT}; cat", accepts="build")
    rig.up("dispatch", "worker:two")
    key = rig.submit("--type", "build", "--to", "one", "Build it")
    done = rig.ended(key, "done")
    assert (done["agent"], done["attempt"]) == ("two", 2)
    rig.told(key, "timers.ack")
    rig.up("worker:one")
    until(lambda: rig.late(key) == ["a1.failed"], "the first attempt is called off")
    assert rig.lines() == ["two 2"]
    assert rig.final(key) == "done"


def test_a_worker_that_comes_back_while_another_has_its_task_leaves_it_alone(rig: Rig) -> None:
    rig.timers(ack="1s", lease="1.5s")
    rig.agent("one", COUNT, accepts="build")
    rig.agent("two", AT_THE_GATE, accepts="build")
    rig.up("dispatch", "worker:two")
    key = rig.submit("--type", "build", "--to", "one", "Build it")
    until(rig.lines)
    rig.up("worker:one")
    until(lambda: rig.late(key) == ["a1.failed"])
    assert rig.final(key) == ""
    Path(f"{rig.log}.gate").touch()
    rig.ended(key, "done")
    assert rig.lines() == ["two 2"]


def test_ok_busy_paused_and_silent(rig: Rig) -> None:
    rig.agent("one", AT_THE_GATE, silence="20s")
    rig.up()
    until(lambda: rig.health("one") == "ok")
    key = rig.submit("--to", "one", "x")
    until(rig.lines)
    assert rig.health("one") == "busy"
    shorter = rig.root / "agents/one/agent.yaml"
    shorter.write_text(shorter.read_text().replace("20s", "0.3s"))  # what status goes by; the run goes on under its own
    until(lambda: rig.health("one") == "silent")
    assert "no progress" in rig.status("one")["cause"]
    pause = rig.root / "agents/one/PAUSE"
    pause.touch()
    assert rig.health("one") == "paused"
    pause.unlink()
    Path(f"{rig.log}.gate").touch()
    rig.ended(key, "done")


def test_today_tells_what_was_done_failed_waits_and_was_down(rig: Rig) -> None:
    rig.timers(ack="1s", lease="1s")
    rig.agent("one", "echo fine")
    rig.agent("bad", "exit 3")
    rig.up("dispatch", "worker:bad")
    done, failed = rig.submit("--to", "one", "a good one"), rig.submit("--to", "bad", "a bad one")
    until(lambda: len(rig.alerts()) == 2)
    one = rig.up("worker:one")
    rig.ended(done, "done")
    rig.ended(failed, "failed")
    until(lambda: any(hop["event"] == "down > ok" and hop["agent"] == "one" for hop in rig.journal()))
    found = json.loads(rig.bus.fsbus("today", "--json"))
    assert found["done"] == 1
    assert [(f["key"], f["kind"]) for f in found["failed"]] == [(failed, "exit")]
    assert sorted(w["what"] for w in found["waits_for_you"]) == ["a-bad-one failed: exit", "one is down"]
    (span,) = rig.down("one")
    assert span["health"] == "down"
    assert span["to"]
    text = rig.bus.fsbus("today")
    assert "1 done, 1 failed, 2 waiting for you" in text
    rig.bus.stop(one)


def test_the_end_of_one_agents_trouble_is_not_that_of_anothers() -> None:
    told = [("one", "ok > down"), ("two", "ok > silent"), ("two", "silent > ok")]
    records = [{"key": f"agent:{agent}", "agent": agent, "event": event, "at": f"{n}"} for n, (agent, event) in enumerate(told)]
    found = [(span["agent"], span["health"], span["to"]) for span in spans(records)]
    assert found == [("one", "down", None), ("two", "silent", "2")]


def test_what_waits_for_you_is_told_oldest_first(bus: TestBus) -> None:
    keys = [bus.fsbus("send", "human", "alert", "look", env={"FSBUS_AGENT": "dispatch"}).strip() for _ in range(6)]
    assert [w["key"] for w in json.loads(bus.fsbus("today", "--json"))["waits_for_you"]] == keys


def test_what_waits_for_you_goes_away_by_what_is_said_to_type(rig: Rig) -> None:
    rig.agent("bad", "exit 3")
    rig.submit("--to", "bad", "a bad one")
    rig.submit("--to", "human", "choose a name")
    rig.bus.fsbus("tick")
    said = []
    while (text := rig.bus.fsbus("today")).count("\n  you "):
        said.append(text.rpartition("; ")[2].split())
        rig.bus.fsbus(*said[-1][1:])
    assert [words[1:3] for words in said] == [["task", "next"], ["task", "done"], ["ack", said[-1][2]]]
    assert "0 waiting for you" in text


def test_a_lease_shorter_than_the_beat_calls_nobody_down_that_lives(rig: Rig) -> None:
    rig.timers(timers={"ack": "5m", "beat": "5s", "lease": "1.5s"})
    rig.agent("one", "sleep 3")
    rig.up()
    key = rig.submit("--to", "one", "take your time")
    assert rig.ended(key, "done")["attempt"] == 1
    assert rig.alerts() == []
    assert [hop for hop in rig.journal() if "> down" in hop["event"]] == []


def test_a_beat_of_nothing_is_not_all_that_a_worker_does(rig: Rig) -> None:
    rig.timers(timers={"beat": "0"})
    rig.agent("one", "sleep 3")
    rig.up("worker:one")
    alive, seen = rig.root / "agents/one/alive.yaml", set()
    until(alive.exists)
    end = time.monotonic() + 1
    while time.monotonic() < end:
        seen.add(alive.stat().st_mtime_ns)
    assert len(seen) < 15
    until(lambda: seen.add(alive.stat().st_mtime_ns) or len(seen) > 1, "it beats")


def test_what_was_down_before_a_restart_of_dispatch_is_up_after_it(rig: Rig) -> None:
    rig.timers(ack="1s", lease="1s")
    rig.agent("one", "echo fine")
    up = rig.up("dispatch")
    rig.submit("--to", "one", "x")
    until(rig.alerts)
    rig.bus.stop(up)
    rig.up("worker:one")
    rig.up("dispatch")
    until(lambda: any(hop["event"] == "down > ok" and hop["agent"] == "one" for hop in rig.journal()))
    (span,) = rig.down("one")
    assert span["to"]
