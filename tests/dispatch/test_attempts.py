"""Two names of one attempt, and two attempts of one task: the greater one counts, wherever they came from.

Names are written into the tree by hand, as a restored backup or a host that slept brings them.
"""
from __future__ import annotations

import shutil
import time

import pytest

from tests.dispatch.rig import Rig
from tests.kit import until

KEY = time.strftime("%Y%m%d-%H%M%S000-jjjjj0", time.gmtime(time.time() - 3600))
WAITS = 'echo "$FSBUS_AGENT $FSBUS_ATTEMPT" >> $LOG; cat > /dev/null; while [ ! -e "$LOG.go" ]; do sleep 0.02; done; echo said'
COUNTS = 'echo "$FSBUS_AGENT $FSBUS_ATTEMPT" >> $LOG; cat > /dev/null; echo said'
ONCE = '[ "$FSBUS_ATTEMPT" = 1 ] && { echo fine; exit 0; }'


def put(rig: Rig, place: str, name: str, text: str = "x") -> None:
    """A file of the task KEY, whole at once."""
    path = rig.root / "agents" / place / f"5-{KEY}-x.{name}"
    hidden = path.with_name(".hidden")
    hidden.write_text(text)
    hidden.rename(path)


def ended(rig: Rig, place: str, attempt: int, state: str, result: str) -> None:
    """An ended attempt of KEY."""
    error = "error: {what: no, kind: exit, retryable: false}\n" if state == "failed" else ""
    said = f"key: {KEY}\nagent: echo\nhost: here\nattempt: {attempt}\nstate: {state}\n{error}result: {result}\n"
    put(rig, place, f"a{attempt}.result.yaml", said)
    put(rig, place, f"a{attempt}.{state}.md")


def go(rig: Rig) -> None:
    """Let the commands that wait end."""
    (rig.log.parent / f"{rig.log.name}.go").touch()


def orders(rig: Rig) -> list[str]:
    """The orders that are not carried out."""
    names = [name for agent in ("dispatch", "one") for name in rig.bus.ls(agent, "urgent")]
    return [name for name in names if "-assign." in name or "-cancel." in name]


# --- two names of one attempt


@pytest.mark.parametrize("agent", ["one", "pulls"])
@pytest.mark.parametrize("place", ["dispatch/outbox", "dispatch/outbox/late", "{}/outbox"])
@pytest.mark.parametrize("state", ["queued", "acked"])
def test_an_attempt_that_has_ended_is_not_started_again(rig: Rig, agent: str, place: str, state: str) -> None:
    rig.agent("one", COUNTS)
    rig.bus.agent("pulls")
    ended(rig, place.format(agent), 1, "done", "handmade")
    put(rig, f"{agent}/inbox", f"a1.{state}.md")
    if agent == "pulls":
        rig.bus.fsbus("task", "next", "pulls", code=4)
    rig.bus.fsbus("tick")
    assert rig.lines() == []
    assert rig.bus.result(KEY)["result"] == "handmade"
    assert len(rig.find(KEY)) == 1, "the lesser name is swept"
    assert any(hop["event"].endswith("> swept") for hop in rig.hops(KEY))


def test_a_second_end_of_an_attempt_replaces_nothing(rig: Rig) -> None:
    """Not in the outbox, and not in `late/` either; as it comes back when `.node` was not in the backup."""
    rig.agent("one", COUNTS)
    ended(rig, "dispatch/outbox", 1, "done", "first")
    for number, (state, result) in enumerate([("done", "second"), ("failed", "third"), ("done", "fourth")]):
        ended(rig, "one/outbox", 1, state, result)
        files = rig.root / f"agents/one/outbox/5-{KEY}-x.a1.files"
        files.mkdir()
        (files / "left").write_text(result)
        shutil.rmtree(rig.root / ".node/collected")
        rig.bus.fsbus("tick")
        assert rig.bus.result(KEY)["result"] == "first"
        assert len(rig.late(KEY)) == number + 1
    late = rig.root / "agents/dispatch/outbox/late"
    for result in ("second", "third", "fourth"):
        assert sum(f"result: {result}\n" in path.read_text() for path in late.glob("*.result.yaml")) == 1
        assert sum(path.read_text() == result for path in late.glob("*.files/left")) == 1
    assert rig.final(KEY) == "done"


def files(rig: Rig, path: str, text: str) -> None:
    """A folder with what an agent left for its result."""
    folder = rig.root / "agents" / path.replace("KEY", f"5-{KEY}-x.a1")
    folder.mkdir(parents=True)
    (folder / "left").write_text(text)


def test_files_that_a_backup_has_twice_hold_up_nobody(rig: Rig) -> None:
    """The backup read `runs/` before the files of an attempt moved, and the outbox after that."""
    rig.agent("one", COUNTS)
    put(rig, "one/inbox", "a1.running.md")
    files(rig, "one/runs/KEY/files", "the same")
    files(rig, "one/outbox/KEY.files", "the same, elsewhere")
    other = rig.submit("--to", "one", "behind it")
    rig.bus.fsbus("tick")
    assert rig.ended(other, "done")["result"] == "said\n"
    assert rig.bus.result(KEY)["files"] == ["left"]
    assert rig.lines() == ["one 1"], "the other one alone"
    kept = [path.read_text() for path in rig.root.glob(f"agents/*/*/*{KEY}*/**/left")]
    assert sorted(kept) == ["the same", "the same, elsewhere"]


@pytest.mark.parametrize("ends", [["a1.files"], ["a1.result.yaml"], ["a1.files", "a1.result.yaml"]])
def test_what_lies_beside_no_name_keeps_no_result_out(rig: Rig, ends: list[str]) -> None:
    """The backup read dispatch's outbox while an attempt was collected, and the worker's before that."""
    rig.agent("one", COUNTS)
    if "a1.files" in ends:
        files(rig, "dispatch/outbox/KEY.files", "half")
    if "a1.result.yaml" in ends:
        put(rig, "dispatch/outbox", "a1.result.yaml", "half")
    ended(rig, "one/outbox", 1, "done", "whole")
    files(rig, "one/outbox/KEY.files", "whole")
    rig.bus.fsbus("tick")
    assert rig.final(KEY) == "done"
    assert rig.bus.result(KEY)["result"] == "whole"
    outbox = rig.root / "agents/dispatch/outbox"
    assert (outbox / f"5-{KEY}-x.a1.files/left").read_text() == "whole"
    kept = [path for path in (outbox / "late").rglob("*") if path.is_file() and path.read_text() == "half"]
    assert len(kept) == len(ends), "what was in the way is kept"


def test_a_task_has_one_result_where_the_mark_of_collection_was_lost(rig: Rig) -> None:
    """Also when the other end is of another attempt: the backup read a worker's outbox long before that of dispatch."""
    rig.agent("one", COUNTS)
    ended(rig, "dispatch/outbox", 2, "done", "second")
    ended(rig, "one/outbox", 1, "done", "first")
    rig.bus.fsbus("tick")
    assert rig.bus.result(KEY)["result"] == "second"
    assert (rig.final(KEY), rig.late(KEY)) == ("done", ["a1.done"])


@pytest.mark.parametrize(("place", "copied"), [("two", "queued"), ("two", "acked"), ("dispatch", "queued")])
def test_an_attempt_that_lies_with_two_agents_is_run_by_one(rig: Rig, place: str, copied: str) -> None:
    """A copy made by hand; or the backup read dispatch's inbox before, and the worker's after it was given to that one."""
    for agent in ("one", "two"):
        rig.agent(agent, WAITS, accepts="x")
    text = "---\ntype: x\n---\ngo\n"
    put(rig, "one/inbox", "a1.acked.md", text)
    put(rig, f"{place}/inbox", f"a1.{copied}.md", text)
    rig.up()
    until(rig.lines)
    until(lambda: any(hop["event"].endswith("> swept") for hop in rig.hops(KEY)), "the copy to be swept")
    go(rig)
    rig.ended(KEY, "done")
    assert len(rig.lines()) == 1
    assert rig.late(KEY) == []


# --- two attempts of one task


def test_the_highest_attempt_in_an_inbox_is_the_one_that_is_started(rig: Rig) -> None:
    rig.agent("one", COUNTS)
    put(rig, "one/inbox", "a1.queued.md")
    put(rig, "one/inbox", "a2.queued.md")
    rig.up()
    assert rig.ended(KEY, "done")["attempt"] == 2
    until(lambda: rig.late(KEY) == ["a1.failed"])
    assert rig.lines() == ["one 2"]
    rig.told(KEY, "lost: a later attempt took its place")


def test_a_tick_starts_the_highest_attempt_only(rig: Rig) -> None:
    rig.agent("one", COUNTS)
    for name in ("a1.acked.md", "a2.queued.md", "a3.acked.md"):
        put(rig, "one/inbox", name)
    rig.bus.fsbus("tick")
    assert rig.lines() == ["one 3"]
    assert rig.ended(KEY, "done")["attempt"] == 3
    assert rig.late(KEY) == ["a1.failed", "a2.failed"]


def test_an_agent_that_pulls_gets_the_highest_attempt(rig: Rig) -> None:
    rig.bus.agent("pulls")
    put(rig, "pulls/inbox", "a1.queued.md")
    put(rig, "pulls/inbox", "a2.queued.md")
    assert rig.bus.fsbus("task", "next", "pulls").startswith(KEY)
    rig.bus.fsbus("task", "next", "pulls", code=4)
    rig.bus.fsbus("tick")
    assert [name.split(".")[1:3] for name in rig.bus.ls("pulls", "inbox")] == [["a2", "running"]]


def test_a_running_attempt_stops_when_a_higher_one_comes_into_its_inbox(rig: Rig) -> None:
    rig.agent("one", WAITS, slots=2)
    put(rig, "one/inbox", "a1.queued.md")
    rig.up()
    until(lambda: rig.lines() == ["one 1"])
    put(rig, "one/inbox", "a2.queued.md")
    until(lambda: rig.late(KEY) == ["a1.failed"])
    go(rig)
    assert rig.ended(KEY, "done")["attempt"] == 2


def test_a_running_attempt_stops_when_a_higher_one_is_seen_elsewhere(rig: Rig) -> None:
    rig.agent("one", WAITS)
    rig.agent("two", WAITS)
    put(rig, "one/inbox", "a1.queued.md")
    rig.up()
    until(lambda: rig.lines() == ["one 1"])
    put(rig, "two/inbox", "a2.queued.md")
    until(lambda: rig.late(KEY) == ["a1.failed"])
    go(rig)
    assert rig.ended(KEY, "done")["agent"] == "two"


@pytest.mark.parametrize(("first", "other"), [(1, 2), (2, 1)])
def test_another_attempt_stops_when_one_was_collected(rig: Rig, first: int, other: int) -> None:
    rig.agent("one", WAITS)
    rig.agent("two", COUNTS)
    put(rig, "one/inbox", f"a{other}.queued.md")
    rig.up()
    until(lambda: rig.lines() == [f"one {other}"])
    ended(rig, "two/outbox", first, "done", "said before")
    until(lambda: rig.late(KEY) == [f"a{other}.failed"])
    assert rig.final(KEY) == "done"
    assert rig.bus.result(KEY)["result"] == "said before"


# --- one more attempt of a task that is done


def test_a_done_task_stays_done_when_the_attempt_asked_for_fails(rig: Rig) -> None:
    rig.agent("one", f'{ONCE}; exit 3')
    key = rig.submit("--to", "one", "x")
    rig.up()
    rig.ended(key, "done")
    rig.bus.fsbus("retry", key, "--note", "again")
    assert rig.bus.run("wait", key).returncode == 0
    assert rig.late(key) == ["a2.failed"]
    assert rig.final(key) == "done"
    assert rig.bus.result(key)["result"] == "fine\n"
    rig.told(key, "stays its result")
    (alert,) = until(rig.alerts)
    assert "stays its result" in alert["text"]


def test_after_a_failed_retry_a_done_task_can_be_asked_for_again(rig: Rig) -> None:
    rig.timers(attempts=2)
    rig.agent("one", f'{ONCE}; [ "$FSBUS_ATTEMPT" = 4 ] && {{ echo better; exit 0; }}; exit 75')
    key = rig.submit("--to", "one", "x")
    up = rig.up()
    rig.ended(key, "done")
    rig.bus.fsbus("retry", key)
    assert rig.bus.run("wait", key).returncode == 0
    assert rig.late(key) == ["a2.failed", "a3.failed"]
    rig.bus.stop(up)
    rig.bus.fsbus("retry", key)
    rig.up()
    assert rig.bus.run("wait", key).returncode == 0
    assert rig.bus.result(key)["result"] == "better\n"
    assert rig.late(key) == ["a1.done", "a2.failed", "a3.failed"]
    until(lambda: orders(rig) == [], "the orders are filed")


def test_while_a_done_task_is_tried_again_it_is_told_as_it_is(rig: Rig) -> None:
    rig.agent("one", f"{ONCE}; {WAITS}")
    key = rig.submit("--to", "one", "x")
    up = rig.up()
    rig.ended(key, "done")
    rig.bus.fsbus("retry", key)
    until(lambda: rig.lines() == ["one 2"])
    told = rig.bus.task(key)
    assert (told["attempt"], told["state"], told["final"]) == (2, "running", False)
    rig.bus.fsbus("result", key, code=5)
    rig.bus.fsbus("retry", key, code=5)
    assert rig.bus.run("wait", key, "--timeout", "0.1s").returncode == 4
    assert rig.final(key) == "done", "the one that it has stays where it is until there is another"
    rig.kill(up)
    up = rig.up()  # a2 has crashed with its worker, and a3 is made
    until(lambda: rig.lines() == ["one 2", "one 3"])
    rig.bus.fsbus("cancel", key)
    assert rig.bus.run("wait", key).returncode == 0
    assert rig.late(key) == ["a2.failed", "a3.failed"]
    assert rig.bus.result(key)["result"] == "fine\n"
    until(lambda: orders(rig) == [], "the orders are filed")


def test_a_result_that_was_taken_away_is_not_collected_again_while_its_task_is_tried_again(rig: Rig) -> None:
    rig.agent("one", f"{ONCE}; {WAITS}")
    ended(rig, "one/outbox", 1, "done", "fine")
    up = rig.up()
    rig.ended(KEY, "done")
    rig.bus.fsbus("retry", KEY, "--to", "one")
    until(lambda: rig.lines() == ["one 2"])
    for end in ("a1.done.md", "a1.result.yaml"):
        (rig.root / f"agents/dispatch/outbox/5-{KEY}-x.{end}").unlink()
    rig.bus.stop(up)
    ended(rig, "one/outbox", 1, "done", "fine")  # from a backup
    go(rig)
    rig.up()
    assert rig.bus.run("wait", KEY).returncode == 0
    assert rig.bus.result(KEY)["result"] == "said\n"
    assert rig.late(KEY) == ["a1.done", "a2.failed"], "a2 crashed with its worker"
