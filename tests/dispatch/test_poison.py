"""Poison: a task that takes its own worker with it costs a bounded number of starts, however often the node comes back."""
from __future__ import annotations

from tests.dispatch.rig import Rig
from tests.kit import until

POISON = 'echo "$FSBUS_AGENT $FSBUS_ATTEMPT" >> $LOG; kill -9 $PPID; sleep 600'


def restart_until_ended(rig: Rig, key: str, most: int) -> int:
    """Start the node, again and again as launchd would; how often it was started."""
    for count in range(1, most + 1):
        up = rig.up()
        until(lambda up=up: up.poll() is not None or rig.final(key))
        if rig.final(key):
            return count
    raise AssertionError(f"no end after {most} starts: {rig.story(key)}")


def test_a_task_that_kills_its_node_is_started_attempts_times(rig: Rig) -> None:
    rig.agent("one", POISON)
    key = rig.submit("--to", "one", "x")
    restart_until_ended(rig, key, 6)
    failed = rig.ended(key, "failed")
    assert failed["error"]["kind"] == "crashed"
    assert rig.lines() == ["one 1", "one 2", "one 3"]
    (alert,) = until(rig.alerts)
    assert "3 of 3 attempts failed" in alert["text"]


def test_tries_do_not_multiply_it(rig: Rig) -> None:
    rig.agent("one", POISON, tries=5, accepts="build")
    rig.agent("two", POISON, tries=5, accepts="build")
    key = rig.submit("--type", "build", "x")
    restart_until_ended(rig, key, 6)
    assert len(rig.lines()) == 3


def test_what_lies_beside_it_ends_and_what_comes_after_it_is_done(rig: Rig) -> None:
    rig.agent("one", POISON)
    rig.agent("two", "cat")
    key = rig.submit("--to", "one", "x")
    others = [rig.submit("--to", "two", f"job {n}") for n in range(5)]
    restart_until_ended(rig, key, 6)
    for other in others:  # what ran when the node was killed has crashed with it, each time
        until(lambda other=other: rig.final(other))
    rig.ended(rig.submit("--to", "two", "afterwards"), "done")
