"""Workers that die, stand still or do nothing useful; agents at their usage limit."""
from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.dispatch.rig import Rig
from tests.kit import alive, until

COUNT = 'echo "$FSBUS_AGENT $FSBUS_ATTEMPT $$" >> $LOG'
# Works until somebody opens the gate; the gate is a file beside the bus.
AT_THE_GATE = f"{COUNT}; while [ ! -e $LOG.gate ]; do sleep 0.05; done; echo done by $FSBUS_AGENT"


def starts(rig: Rig) -> list[str]:
    """Who was started, with the attempt."""
    return [line.rsplit(" ", 1)[0] for line in rig.lines()]


def pid_of(rig: Rig, number: int = 0) -> int:
    """The process of the command that was started as number so-and-so."""
    return int(rig.lines()[number].split()[2])


def open_gate(rig: Rig) -> None:
    """Let them finish."""
    Path(f"{rig.log}.gate").touch()


@pytest.fixture
def dispatch(rig: Rig) -> subprocess.Popen[str]:
    """Dispatch in a process of its own, with short timers for those who are down."""
    rig.timers(ack="1s", lease="1.5s")
    return rig.up("dispatch", "sweep")


def test_a_killed_workers_task_is_rerouted_and_the_dead_ones_is_stopped(rig: Rig, dispatch: Any) -> None:
    rig.agent("one", AT_THE_GATE, accepts="build")
    rig.agent("two", AT_THE_GATE, accepts="build")
    one = rig.up("worker:one")
    key = rig.submit("--to", "one", "--type", "build", "x")
    until(rig.lines)
    rig.up("worker:two")
    rig.kill(one)
    until(lambda: "two 2" in starts(rig))
    (alert,) = rig.alerts()
    assert "one is down" in alert["title"]
    assert "timers.lease" in alert["text"]
    rig.up("worker:one")
    until(lambda: rig.late(key) == ["a1.failed"])
    until(lambda: not alive(pid_of(rig)))  # what the dead worker left running
    assert rig.final(key) == ""
    open_gate(rig)
    assert rig.ended(key, "done")["result"] == "done by two\n"
    assert starts(rig) == ["one 1", "two 2"]
    rig.told(key, "timers.lease")


def test_a_killed_worker_that_comes_back_first_says_crashed(rig: Rig, dispatch: Any) -> None:
    rig.agent("one", f"[ $FSBUS_ATTEMPT = 2 ] && cat && exit; {AT_THE_GATE}")
    one = rig.up("worker:one")
    key = rig.submit("--to", "one", "x")
    until(rig.lines)
    rig.kill(one)
    rig.up("worker:one")
    told = rig.ended(key, "done")["result"]
    assert "Attempt 1, by one, crashed" in told
    assert not alive(pid_of(rig))
    assert rig.late(key) == ["a1.failed"]


def test_a_stopped_worker_wakes_and_finds_its_task_given_away(rig: Rig, dispatch: Any) -> None:
    rig.agent("one", AT_THE_GATE, accepts="build")
    rig.agent("two", AT_THE_GATE, accepts="build")
    one = rig.up("worker:one")
    key = rig.submit("--to", "one", "--type", "build", "x")
    until(rig.lines)
    rig.up("worker:two")
    one.send_signal(signal.SIGSTOP)
    try:
        until(lambda: "two 2" in starts(rig))
        assert rig.health("one") == "down"
    finally:
        one.send_signal(signal.SIGCONT)
    until(lambda: not alive(pid_of(rig)))
    until(lambda: rig.late(key) == ["a1.failed"])
    assert rig.final(key) == ""
    open_gate(rig)
    assert rig.ended(key, "done")["agent"] == "two"
    until(lambda: rig.health("one") == "ok")


def test_a_stopped_workers_finished_work_is_one_of_two_ends_and_only_one_counts(rig: Rig, dispatch: Any) -> None:
    rig.agent("one", AT_THE_GATE, accepts="build")
    rig.agent("two", AT_THE_GATE, accepts="build")
    one = rig.up("worker:one")
    key = rig.submit("--to", "one", "--type", "build", "x")
    until(rig.lines)
    rig.up("worker:two")
    one.send_signal(signal.SIGSTOP)
    until(lambda: "two 2" in starts(rig))
    open_gate(rig)
    until(lambda: not alive(pid_of(rig)))  # its command goes on without it, and ends
    assert rig.ended(key, "done")["agent"] == "two"
    one.send_signal(signal.SIGCONT)
    until(lambda: len(rig.late(key)) == 1, "the first attempt's end")
    assert rig.bus.result(key)["agent"] == "two"


def test_a_single_stopped_worker_is_waited_for(rig: Rig, dispatch: Any) -> None:
    rig.agent("one", AT_THE_GATE, accepts="build")
    one = rig.up("worker:one")
    key = rig.submit("--type", "build", "x")
    until(rig.lines)
    one.send_signal(signal.SIGSTOP)
    until(rig.alerts)
    one.send_signal(signal.SIGCONT)
    open_gate(rig)
    assert rig.ended(key, "done")["attempt"] == 1


# --- alive, and no use

def test_a_silent_command_is_stopped_and_tried_again(rig: Rig) -> None:
    rig.agent("one", f"{COUNT}; [ $FSBUS_ATTEMPT = 1 ] && sleep 600; echo fine", silence="1s")
    key = rig.submit("--to", "one", "x")
    rig.up()
    rig.ended(key, "done")
    assert not alive(pid_of(rig))
    rig.told(key, "silent")


def test_a_command_that_moves_is_not_silent(rig: Rig) -> None:
    rig.agent("one", f"{COUNT}; for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo $n; sleep 0.25; done", silence="2s")
    key = rig.submit("--to", "one", "x")
    rig.up()
    rig.ended(key, "done")
    assert starts(rig) == ["one 1"]


def test_a_command_that_takes_too_long_is_stopped(rig: Rig) -> None:
    rig.timers(attempts=1)
    rig.agent("one", f"{COUNT}; while true; do echo busy; sleep 0.1; done", timeout="1s")
    key = rig.submit("--to", "one", "x")
    rig.up()
    assert rig.ended(key, "failed")["error"]["kind"] == "timeout"
    assert not alive(pid_of(rig))


def test_chatty_but_useless_does_not_pass_its_check(rig: Rig) -> None:
    rig.timers(attempts=2)
    check = rig.script("check", "echo the tests are red; exit 1")
    rig.agent("one", f"{COUNT}; for n in 1 2 3; do echo working hard; done", checks=f"{{tests: 'sh {check}'}}", verify="tests")
    key = rig.submit("--to", "one", "x")
    rig.up()
    failed = rig.ended(key, "failed")
    assert failed["error"]["kind"] == "verify"
    assert "the tests are red" in failed["error"]["what"]
    assert starts(rig) == ["one 1", "one 2"]


def test_exit_0_with_nothing_done_is_no_success(rig: Rig) -> None:
    rig.agent("one", f'{COUNT}; [ $FSBUS_ATTEMPT = 1 ] || echo text > "$FSBUS_FILES/report.md"')
    rig.bus.drop("one", "x.md", "---\nexpect: report.md\n---\nWrite a report\n")
    rig.up()
    until(lambda: any(name.endswith(".done.md") for name in rig.bus.ls("dispatch", "outbox")))
    assert starts(rig) == ["one 1", "one 2"]
    (late,) = [n for n in rig.bus.ls("dispatch", "outbox/late") if n.endswith(".result.yaml")]
    assert "kind: verify" in (rig.root / "agents/dispatch/outbox/late" / late).read_text()


# --- usage limits

LIMIT = 'printf "error: {what: come back later, kind: limit, until: %s}" $(cat $LOG.until) > "$FSBUS_RESULT_FILE"; exit 1'


def limit_until(rig: Rig, when: float) -> None:
    """When the limit of the agents ends, as they will say."""
    Path(f"{rig.log}.until").write_text(f"{when:.3f}")


def test_a_usage_limit_parks_the_agent_and_eats_no_attempts(rig: Rig) -> None:
    rig.timers(attempts=1)
    limit_until(rig, time.time() + 3600)
    rig.agent("one", f"{COUNT}; [ -e $LOG.gate ] || {{ {LIMIT}; }}")
    keys = [rig.submit("--to", "one", f"job {n}") for n in (1, 2, 3)]
    up = rig.up()
    until(lambda: rig.health("one") == "parked")
    assert "usage limit" in rig.status("one")["cause"]
    assert "parked_until: '2" in (rig.root / "agents/one/alive.yaml").read_text()
    until(lambda: any(hop["event"] == "decided" for hop in rig.hops(keys[0])))
    assert starts(rig) == ["one 1"]  # the others wait for the end of the limit, too
    assert "1 running" not in rig.bus.fsbus("status", "one")
    rig.bus.stop(up)
    rig.up()
    until(lambda: rig.health("one") == "parked", "still parked after a restart")
    assert starts(rig) == ["one 1"]
    assert rig.alerts() == []


def test_after_the_limit_it_goes_on_by_itself(rig: Rig) -> None:
    rig.timers(attempts=1)
    limit_until(rig, time.time() + 3)
    rig.agent("one", f"{COUNT}; [ $FSBUS_ATTEMPT = 1 ] && {{ {LIMIT}; }}; echo fine")
    key = rig.submit("--to", "one", "x")
    rig.up()
    assert rig.ended(key, "done")["attempt"] == 2
    until(lambda: rig.health("one") == "ok")


def test_at_a_limit_another_takes_over(rig: Rig) -> None:
    rig.timers(attempts=1)
    limit_until(rig, time.time() + 3600)
    rig.agent("one", f"{COUNT}; {LIMIT}", accepts="build")
    rig.agent("two", f"{COUNT}; echo fine", accepts="build")
    key = rig.submit("--type", "build", "x")
    rig.up()
    assert rig.ended(key, "done")["agent"] == "two"
    rig.told(key, "one is at its usage limit")


def test_what_waits_with_a_parked_agent_is_not_lost(rig: Rig) -> None:
    limit_until(rig, time.time() + 2)
    rig.agent("one", f"{COUNT}; [ $(wc -l < $LOG) = 1 ] && {{ {LIMIT}; }}; echo fine")
    keys = [rig.submit("--to", "one", f"job {n}") for n in (1, 2, 3)]
    rig.up()
    for key in keys:
        rig.ended(key, "done")
    assert len(starts(rig)) == 4


def test_what_ran_when_its_worker_was_stopped_is_run_again(rig: Rig, dispatch: Any) -> None:
    rig.agent("one", AT_THE_GATE)
    one = rig.up("worker:one")
    key = rig.submit("--to", "one", "x")
    until(rig.lines)
    rig.bus.stop(one)
    assert not alive(pid_of(rig))
    open_gate(rig)
    rig.up("worker:one")
    assert rig.ended(key, "done")["attempt"] == 2
