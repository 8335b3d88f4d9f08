"""A failed attempt: again, elsewhere, or to a human; and what the next one is told."""
from __future__ import annotations

import os
import subprocess
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tests.dispatch.rig import Rig
from tests.kit import until

TEMPFAIL = 'echo "$FSBUS_AGENT $FSBUS_ATTEMPT" >> $LOG; cat > /dev/null; echo no luck >&2; exit 75'
COUNT = 'echo "$FSBUS_AGENT $FSBUS_ATTEMPT" >> $LOG'


def test_again_at_the_same_agent_then_at_another_then_to_the_human(rig: Rig) -> None:
    rig.agent("one", TEMPFAIL, accepts="build")
    rig.agent("two", TEMPFAIL, accepts="build")
    rig.agent("other", COUNT, accepts="deploy")
    key = rig.submit("--type", "build", "Build the shop")
    rig.up()
    failed = rig.ended(key, "failed")
    assert rig.lines() == ["one 1", "one 2", "two 3"]
    assert failed["attempt"] == 3
    assert failed["error"]["kind"] == "exit"
    assert rig.late(key) == ["a1.failed", "a2.failed"]
    rig.rules(key, "retry", "reroute", "escalate")
    (alert,) = until(rig.alerts)
    assert alert["task"] == key
    for words in ("build-the-shop", "two", "no luck", "3 of 3 attempts failed", "attempt 1, one: exit", "attempt 2, one: exit",
                  f"fsbus retry {key} --note", f"fsbus trace {key}"):  # fmt: skip
        assert words in alert["text"]


def test_attempts_are_a_hard_stop_with_one_agent(rig: Rig) -> None:
    rig.timers(attempts=4)
    rig.agent("one", TEMPFAIL)
    key = rig.submit("--to", "one", "x")
    rig.up()
    rig.ended(key, "failed")
    assert rig.lines() == [f"one {n}" for n in (1, 2, 3, 4)]


def test_a_failure_that_is_not_for_now_goes_to_the_human_at_once(rig: Rig) -> None:
    rig.agent("one", f"{COUNT}; exit 3", accepts="build")
    rig.agent("two", COUNT, accepts="build")
    key = rig.submit("--type", "build", "x")
    rig.up()
    assert rig.ended(key, "failed")["error"]["exit_code"] == 3
    assert rig.lines() == ["one 1"]
    assert len(until(rig.alerts)) == 1


def test_a_person_who_may_yet_do_it_has_it_again_and_is_told_what_happened(rig: Rig) -> None:
    rig.agent("one", COUNT, accepts="build")
    key = rig.submit("--to", "human", "Call the bank")
    rig.up()
    for number in (1, 2):
        until(lambda number=number: any(f".a{number}.queued." in n for n in rig.bus.ls("human", "inbox")), f"attempt {number}")
        said = rig.bus.fsbus("task", "next", "human")
        rig.bus.fsbus("task", "fail", key, "nobody answers", "--retryable")
    for words in ("Call the bank", "Attempt 1, by human, exit: nobody answers"):
        assert words in said
    until(lambda: any(".a3.queued." in n for n in rig.bus.ls("human", "inbox")), "attempt 3")
    rig.rules(key, "retry", "retry")
    assert rig.alerts() == []
    rig.bus.fsbus("task", "next", "human")
    rig.bus.fsbus("task", "fail", key, "nobody answers", "--retryable")
    rig.ended(key, "failed")
    rig.told(key, "3 of 3 attempts failed")


def test_an_agent_that_pulls_is_told_the_note(rig: Rig) -> None:
    rig.bus.agent("hand", accepts="hand")
    key = rig.submit("--type", "hand", "Sweep the yard")
    up = rig.up()
    until(lambda: rig.bus.ls("hand", "inbox"))
    rig.bus.fsbus("task", "next", "hand", "--wait", "10s")
    rig.bus.fsbus("task", "fail", key, "too much snow", "--final")
    rig.ended(key, "failed")
    rig.bus.fsbus("retry", key, "--note", "the shovel is in the shed")
    said = rig.bus.fsbus("task", "next", "hand", "--wait", "10s")
    for words in ("Sweep the yard", "too much snow", "the shovel is in the shed"):
        assert words in said
    assert "the shovel" in (rig.case("hand", key, 2) / "history.yaml").read_text()
    rig.bus.stop(up)


def test_the_next_attempt_knows_what_happened(rig: Rig) -> None:
    fail_once = f"""{COUNT}; cat > {rig.root}/../stdin.$FSBUS_ATTEMPT
[ $FSBUS_ATTEMPT = 1 ] && {{ echo the port is taken >&2; exit 75; }}
cp "$FSBUS_HISTORY_FILE" {rig.root}/../history.yaml; echo fine"""
    rig.agent("one", fail_once)
    key = rig.submit("--to", "one", "Start the server")
    rig.up()
    assert rig.ended(key, "done")["result"] == "fine\n"
    here = rig.root.parent
    assert (here / "stdin.1").read_text() == "Start the server"
    told = (here / "stdin.2").read_text()
    assert told.startswith("Start the server")
    for words in ("Attempt 1, by one, exit", "the port is taken", "try 1: exit"):
        assert words in told
    history = yaml.safe_load((here / "history.yaml").read_text())
    (past,) = history["attempts"]
    assert (past["attempt"], past["agent"], past["error"]["exit_code"]) == (1, "one", 75)


def test_a_persons_note_reaches_the_agent(rig: Rig) -> None:
    rig.agent("one", 'cat; [ "$FSBUS_ATTEMPT" -lt 3 ] && exit 75; exit 0')
    rig.timers(attempts=1)
    key = rig.submit("--to", "one", "Fix the bug")
    rig.up()
    rig.ended(key, "failed")
    (first,) = until(rig.alerts)
    rig.bus.fsbus("retry", key[-6:], "--note", "use the branch next")
    until(lambda: len(rig.alerts()) == 2, "a second failure is news")
    assert rig.alerts()[0] == first
    rig.bus.fsbus("retry", key, "--note", "now on main")
    until(lambda: rig.final(key) == "done")
    said = rig.bus.result(key)["result"]
    assert "A person adds to this task:\nnow on main" in said
    assert "Attempt 1, by one" in said
    assert "Attempt 2, by one" in said
    assert rig.late(key) == ["a1.failed", "a2.failed"]
    until(lambda: sum(hop["event"] == "retry asked" for hop in rig.hops(key)) == 2, "both are told")


def briefs(rig: Rig) -> list[Path]:
    """What waits for attempts to be told."""
    return list(rig.root.glob("agents/*/inbox/.brief-*"))


def test_a_note_reaches_who_gets_a_task_that_had_ended_with_dispatch(rig: Rig) -> None:
    key = rig.submit("--type", "build", "Fix the bug")
    rig.bus.fsbus("cancel", key)
    rig.bus.fsbus("tick")
    assert rig.bus.result(key)["agent"] == "dispatch"
    rig.agent("one", "cat", accepts="build")
    rig.bus.fsbus("retry", key, "--note", "use the branch next")
    rig.up()
    until(lambda: rig.final(key) == "done")
    assert "A person adds to this task:\nuse the branch next" in rig.bus.result(key)["result"]
    assert briefs(rig) == []


def test_a_note_reaches_who_gets_the_task_from_another_by_hand(rig: Rig) -> None:
    for name in ("one", "two"):
        rig.agent(name, 'cat; [ "$FSBUS_ATTEMPT" = 2 ]')
    rig.timers(attempts=1)
    key = rig.submit("--to", "one", "Fix the bug")
    rig.bus.fsbus("tick")
    (rig.root / "agents/one/PAUSE").touch()
    rig.bus.fsbus("retry", key, "--note", "use the branch next")
    rig.bus.fsbus("tick")
    (name,) = (n for n in rig.bus.ls("one", "inbox") if ".a2." in n)
    (rig.root / "agents/one/inbox" / name).rename(rig.root / "agents/two/inbox" / name)
    rig.bus.fsbus("tick")
    found = rig.bus.result(key)
    assert (found["state"], found["agent"]) == ("done", "two")
    assert "A person adds to this task:\nuse the branch next" in found["result"]
    assert briefs(rig) == []


def test_retry_elsewhere_of_a_done_task(rig: Rig) -> None:
    rig.agent("one", "echo from one")
    rig.agent("two", "echo from two")
    key = rig.submit("--to", "one", "x")
    rig.up()
    rig.ended(key, "done")
    rig.bus.fsbus("retry", key, "--to", "two")
    until(lambda: rig.late(key) == ["a1.done"] and rig.final(key) == "done")
    assert rig.bus.result(key)["result"] == "from two\n"


def test_wait_right_after_a_retry_waits_for_the_new_end(rig: Rig) -> None:
    rig.agent("one", f"[ $FSBUS_ATTEMPT = 1 ] && exit 3; while [ ! -e {rig.root}/../go ]; do sleep 0.05; done")
    key = rig.submit("--to", "one", "x")
    dispatch = rig.up()
    rig.ended(key, "failed")
    rig.bus.stop(dispatch)
    rig.bus.fsbus("retry", key)
    assert rig.bus.run("wait", key, "--timeout", "0.1s").returncode == 4
    rig.up()
    waiting = rig.bus.start("wait", key)
    (rig.root.parent / "go").touch()
    assert waiting.wait(30) == 0


def test_retry_is_refused_while_it_runs(rig: Rig) -> None:
    rig.agent("one", f"{COUNT}; sleep 60")
    key = rig.submit("--to", "one", "x")
    rig.up()
    until(rig.lines)
    refused = rig.bus.run("retry", key)
    assert refused.returncode == 5
    assert "running" in refused.stderr
    assert rig.bus.run("retry", "zzzzzz").returncode == 3


def test_a_task_that_waits_for_its_next_attempt_can_be_cancelled(rig: Rig) -> None:
    rig.timers(backoff="1h")
    rig.agent("one", TEMPFAIL)
    key = rig.submit("--to", "one", "x")
    rig.up()
    until(lambda: any(hop["event"] == "decided" for hop in rig.journal()))
    assert rig.final(key) == ""
    rig.bus.fsbus("cancel", key)
    rig.ended(key, "failed")
    assert rig.lines() == ["one 1"]
    assert rig.alerts() == []


def test_dispatch_killed_after_its_decision_carries_out_that_one(rig: Rig) -> None:
    rig.timers(backoff="2s")
    rig.agent("one", f"{COUNT}; [ $FSBUS_ATTEMPT = 1 ] && exit 75; exit 0")
    key = rig.submit("--to", "one", "x")
    up = rig.up()
    until(lambda: any(hop["event"] == "decided" for hop in rig.journal()))
    rig.kill(up)
    rig.up()
    rig.ended(key, "done")
    assert rig.lines() == ["one 1", "one 2"]
    assert sum(hop["event"] == "decided" for hop in rig.hops(key)) == 1


# --- ringing

def rings(rig: Rig) -> list[str]:
    """What the notify command was called with."""
    path = rig.root.parent / "rings"
    return path.read_text().split("\0")[:-1] if path.exists() else []


def notify(rig: Rig) -> str:
    """A notify command that writes down what it got."""
    path: Path = rig.root.parent / "rings"
    return f"printf '%s|%s|%s|%s\\0' \"$TITLE\" \"$TEXT\" \"$PRIO\" \"$KEY\" >> {path}"


@pytest.fixture
def three_failed(rig: Rig) -> list[str]:
    """Three tasks that failed while nothing could ring."""
    rig.agent("one", "exit 3")
    keys = [rig.submit("--to", "one", f"job {n}") for n in (1, 2, 3)]
    node = rig.up()
    for key in keys:
        rig.ended(key, "failed")
    until(lambda: len(rig.alerts()) == 3)
    rig.bus.stop(node)
    return keys


def test_one_ring_with_title_text_prio_and_key(rig: Rig) -> None:
    rig.timers(notify=notify(rig))
    rig.agent("one", "echo broken >&2; exit 3")
    key = rig.submit("--to", "one", "Water the plants")
    rig.up()
    (ring,) = until(lambda: rings(rig))
    title, text, prio, about = ring.split("|")
    assert title == "water-the-plants failed: exit"
    assert "broken" in text
    assert (prio, about) == ("high", key)


def sleepers(seconds: int) -> list[int]:
    """The processes whose command line holds this odd number of seconds."""
    table = subprocess.run(["ps", "-A", "-ww", "-o", "pid=", "-o", "command="], capture_output=True, text=True, check=True).stdout
    rows = (row.strip().partition(" ") for row in table.splitlines())
    return [int(pid) for pid, _, line in rows if f"sleep {seconds}" in line]


@pytest.mark.parametrize(("command", "rang"), [("sleep {}", False), ("sleep {} & true", True)])
@pytest.mark.parametrize("node", ["tick", "up"])
def test_no_ring_outlives_its_node(rig: Rig, node: str, command: str, rang: bool) -> None:
    seconds = 670_000 + os.getpid() % 10_000
    rig.timers(notify=command.format(seconds))
    rig.agent("one", "exit 3")
    rig.submit("--to", "one", "Water the plants")
    if node == "tick":
        rig.bus.fsbus("tick")
        rig.bus.fsbus("tick")
    else:
        up = rig.up()
        until(lambda: sleepers(seconds))
        if rang:  # what it left running was there before its own end was seen
            until(lambda: any(hop["event"] == "rang" for hop in rig.journal()), "the end of the ring")
        rig.bus.stop(up)
    until(lambda: sleepers(seconds) == [], "the end of what was killed")
    codes = [hop["why"].split(":")[0] for hop in rig.journal() if hop["event"] == "rang"]
    assert codes[:1] == ["code 0" if rang else "code -9"]


def test_a_ring_in_a_tick_is_one_ring(rig: Rig) -> None:
    rig.timers(notify=f"{notify(rig)}; sleep 0.5")
    rig.agent("one", "exit 3")
    rig.submit("--to", "one", "Water the plants")
    for _ in range(3):
        rig.bus.fsbus("tick")
    assert len(rings(rig)) == 1


def test_one_ring_for_many_and_none_again_for_the_same(rig: Rig, three_failed: list[str]) -> None:
    rig.timers(notify=notify(rig))
    node = rig.up()
    (ring,) = until(lambda: rings(rig))
    assert ring.startswith("fsbus: 3 things need you|")
    assert all(f"job-{n} failed" in ring for n in (1, 2, 3))
    until(lambda: sum(hop["event"] == "rang" for hop in rig.journal()) == 3)
    rig.bus.stop(node)
    rig.up()
    more = rig.submit("--to", "echo", "a task that is done means that dispatch has looked")
    rig.ended(more, "done")
    assert len(rings(rig)) == 1


def test_a_ring_that_reaches_the_human_at_last_ends_its_trouble(rig: Rig, three_failed: list[str], tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("from fsbus.duties import alarms\nalarms.RETRY = 0.1\n")
    reached = tmp_path / "reached"
    rig.timers(notify=f"test -e {reached}")
    rig.up(env={"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"})
    trouble = "notify ended with code 1"
    until(lambda: trouble in rig.bus.fsbus("status", "dispatch"), "the trouble")
    reached.touch()
    until(lambda: trouble not in rig.bus.fsbus("status", "dispatch"), "its end")


def test_what_was_acked_does_not_ring(rig: Rig, three_failed: list[str]) -> None:
    for alert in rig.alerts()[:2]:
        rig.bus.fsbus("ack", alert["message"])
    rig.timers(notify=notify(rig))
    rig.up()
    (ring,) = until(lambda: rings(rig))
    assert ring.startswith("job-3 failed: exit|")
    assert "2 waiting" not in rig.bus.fsbus("today")


def test_quiet_hours_hold_the_ring_back(rig: Rig, three_failed: list[str]) -> None:
    now = datetime.fromtimestamp(time.time())
    around = [(now + timedelta(hours=h)).strftime("%H:%M") for h in (-2, 2)]
    rig.timers(notify=notify(rig), quiet="-".join(around))
    node = rig.up()
    rig.ended(rig.submit("--to", "one", "one more"), "failed")
    until(lambda: len(rig.alerts()) == 4)
    rig.bus.stop(node)
    assert rings(rig) == []
    rig.timers(notify=notify(rig), quiet=None)
    rig.up()
    (ring,) = until(lambda: rings(rig))
    assert ring.startswith("fsbus: 4 things need you|")


def test_today_counts_what_stays_done_after_a_retry_that_failed(rig: Rig) -> None:
    rig.agent("one", 'test "$FSBUS_ATTEMPT" = 1')
    key = rig.submit("--to", "one", "x")
    rig.up()
    rig.ended(key, "done")
    rig.bus.fsbus("retry", key)
    until(lambda: rig.late(key) == ["a2.failed"], "the end of the second attempt")
    assert rig.bus.fsbus("today").startswith("1 done, 0 failed, ")
