"""Health in one word, who gets a task, what a planner may answer, and what the next attempt is told."""
from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsbus.core import brief, flat, gate
from fsbus.core.config import AgentConfig
from fsbus.core.decide import CEILING, Past
from fsbus.core.health import JUMP, PATIENT, QUIET, AgentFacts, Look, look, out_of_reach, word
from fsbus.core.plan import MOST, read_plan
from fsbus.core.refusal import Refusal
from fsbus.core.result import KINDS, LATEST, LINE_MOST, STDERR_TAIL, TRIED_MOST, WHAT_MOST, Failure, failure, read_failure
from fsbus.core.route import Candidate, Hold, Route, accepts, choose

OFTEN = settings(max_examples=200, deadline=None)
LEASE, ACK = 30.0, 300.0
WELL = AgentFacts(
    role="worker", pulls=False, paused=False, running=0, beat_age=1.0, stopped=False, oldest_queued=None, parked_for=None,
    still=None, silence=0.0,
)  # fmt: skip


def facts(**more: Any) -> AgentFacts:
    """A healthy idle worker but for this."""
    return WELL._replace(**more)


WORDS: dict[str, tuple[AgentFacts, str, str]] = {
    "idle": (facts(), "ok", ""),
    "running": (facts(running=2, still=3.0), "busy", "2 running"),
    "paused": (facts(paused=True), "paused", "PAUSE"),
    "paused before all else": (facts(paused=True, beat_age=None, parked_for=9.0), "paused", "PAUSE"),
    "never started": (facts(beat_age=None), "down", "never started"),
    "stopped": (facts(stopped=True), "down", "stopped"),
    "no beat for a lease and more": (facts(beat_age=LEASE + 1), "down", "timers.lease"),
    "no beat for just a lease": (facts(beat_age=LEASE), "ok", ""),
    "a beat from the future": (facts(beat_age=-9.0), "ok", ""),
    "beats, but sees nothing": (facts(oldest_queued=ACK + 1), "down", "timers.ack"),
    "a task is queued, not long": (facts(oldest_queued=ACK), "ok", ""),
    "at a usage limit": (facts(parked_for=600.0), "parked", "600 s"),
    "at a usage limit and down": (facts(parked_for=600.0, beat_age=99.0), "down", "timers.lease"),
    "runs, no progress for its own limit": (facts(running=1, still=61.0, silence=60.0), "silent", "61 s"),
    "runs, progress in time": (facts(running=1, still=60.0, silence=60.0), "busy", "1 running"),
    "runs, no progress, no limit of its own": (facts(running=1, still=QUIET + 1), "silent", "no progress"),
    "runs slowly, no limit of its own": (facts(running=1, still=QUIET), "busy", "1 running"),
    "silent and down": (facts(running=1, still=9999.0, beat_age=99.0), "down", "timers.lease"),
    "a human is never down": (facts(role="human", beat_age=None, oldest_queued=9e9), "ok", ""),
    "dispatch that holds a task back": (facts(role="dispatch", oldest_queued=9e9), "ok", ""),
    "an agent that pulls": (facts(pulls=True, oldest_queued=ACK + 1), "down", "timers.ack"),
    "dispatch": (facts(role="dispatch", beat_age=99.0), "down", "timers.lease"),
    "its home is out of reach": (facts(away="no route; as of 90 s ago", beat_age=99.0), "unreachable", "no route"),
    "its home is out of reach, before all that was known": (facts(away="no route", paused=True), "unreachable", "no route"),
    "a human who is paused": (facts(role="human", paused=True, away="no route"), "paused", "PAUSE"),
}

# trouble of the link, seconds since its last good pass, sync.every
REACH: dict[str, tuple[str, float | None, float, str]] = {
    "up": ("", 60.0, 60.0, ""),
    "never": ("", None, 60.0, "never synced"),
    "never, and why": ("refused", None, 60.0, "refused"),
    "down": ("refused", 90.0, 60.0, "refused; as of 90 s ago"),
    "three passes missed": ("", 900.0, 300.0, ""),
    "more than three": ("", 901.0, 300.0, "no pass for 901 s (sync.every 300 s)"),
    "who syncs every second is not down after three": ("", PATIENT, 1.0, ""),
    "but after a while": ("", PATIENT + 1, 1.0, "no pass for 181 s (sync.every 1 s)"),
}


@pytest.mark.parametrize(("trouble", "age", "every", "why"), REACH.values(), ids=REACH.keys())
def test_when_a_host_is_out_of_reach(trouble: str, age: float | None, every: float, why: str) -> None:
    assert out_of_reach(trouble, age, every) == why


@pytest.mark.parametrize(("known", "wanted", "cause"), WORDS.values(), ids=WORDS.keys())
def test_health_in_one_word_with_its_cause(known: AgentFacts, wanted: str, cause: str) -> None:
    """DESIGN section 6: one word each, from facts; where it is not well the cause names the fact or the timer."""
    found, why = word(known, LEASE, ACK)
    assert found == wanted
    assert cause in why
    assert bool(why) is (found != "ok")


maybe = st.none() | st.floats(-1e6, 1e6)


@OFTEN
@given(st.builds(AgentFacts, st.sampled_from(["dispatch", "worker", "human"]), st.booleans(), st.booleans(), st.integers(0, 9),
                 maybe, st.booleans(), maybe, maybe, maybe, st.floats(0, 1e6)))  # fmt: skip
def test_any_facts_have_one_of_the_six_words(known: AgentFacts) -> None:
    """And a live one that moves is not called down or silent, whatever else is true of it."""
    found, _ = word(known, LEASE, ACK)
    assert found in ("ok", "busy", "paused", "parked", "silent", "down")
    alive = known._replace(beat_age=1.0, stopped=False, oldest_queued=None, still=1.0, silence=0.0)
    assert word(alive, LEASE, ACK)[0] not in ("down", "silent")


LOOKED = Look(looked=1000.0, skew=5000.0, judge_from=900.0, grace="")

# wall clock and monotonic clock at the next look, after the one above
LOOKS: dict[str, tuple[float, float, bool, str]] = {
    "a second later": (6001.0, 1001.0, True, ""),
    "a slow pass": (6010.0, 1010.0, True, ""),
    "the clock was set a little": (6001.0 + JUMP, 1001.0, True, ""),
    "slept for an hour": (9601.0, 1001.0, False, "the clock jumped by 3600 s"),
    "the clock was set back": (2401.0, 1001.0, False, "the clock jumped by 3600 s"),
    "stood still for an hour": (9600.0, 4600.0, False, "nobody looked for 3600 s"),
    "stood still for most of a lease": (6020.0, 1020.0, False, "nobody looked for 20 s"),
}


@pytest.mark.parametrize(("wall", "monotonic", "judges", "grace"), LOOKS.values(), ids=LOOKS.keys())
def test_when_agents_are_judged(wall: float, monotonic: float, judges: bool, grace: str) -> None:
    """After a sleep, a jump or a standstill nobody is, and the journal is told why."""
    found = look(LOOKED, wall, monotonic, LEASE)
    assert found.judges is judges
    assert found.grace == grace


def test_nobody_is_judged_in_the_first_lease() -> None:
    """A dispatch that starts looks for one lease; the next look after it judges."""
    first = look(None, 5000.0, 0.0, LEASE)
    looks = [first]
    while looks[-1].looked < LEASE + 2:
        looks.append(look(looks[-1], looks[-1].looked + 5001.0, looks[-1].looked + 1.0, LEASE))
    assert first.grace == "the start"
    assert [found.looked for found in looks if found.judges] == [LEASE, LEASE + 1, LEASE + 2]


def test_a_short_lease_is_no_endless_grace() -> None:
    """With a lease below the time between two looks people are judged all the same."""
    found = look(None, 0.0, 0.0, 0.5)
    for second in range(1, 4):
        found = look(found, float(second), float(second), 0.5)
    assert found.judges


@OFTEN
@given(st.lists(st.tuples(st.floats(0.5, 2.0), st.sampled_from([0.0, 0.0, 0.0, 0.1, 3600.0, -900.0])), max_size=120))
def test_no_judgement_within_a_lease_of_a_break_and_always_after(steps: list[tuple[float, float]]) -> None:
    """For any looks and jumps: agents are judged exactly when the last break lies a lease back, by the monotonic clock."""
    wall, monotonic, broke = 1e9, 50.0, 50.0
    found = look(None, wall, monotonic, LEASE)
    for passed, jump in steps:
        wall, monotonic = wall + passed + jump, monotonic + passed
        broke = monotonic if abs(jump) > JUMP else broke
        found = look(found, wall, monotonic, LEASE)
        assert found.judges is (monotonic >= broke + LEASE)


def candidate(name: str, *types: str, load: int = 0, health: str = "ok", slots: int = 1) -> Candidate:
    """A worker that accepts these types."""
    return Candidate(AgentConfig(name, "worker", "mac", accepts=types, slots=slots), load, health)


ANY, PLAIN = candidate("any", "*", load=9), candidate("plain", load=9)
CODE, WRITE = candidate("code", "code", "test"), candidate("write", "write")

ROUTES: dict[str, tuple[str, str, list[Candidate], str | None]] = {
    "to": ("code", "", [CODE, WRITE], "code"),
    "to, though it accepts another type": ("write", "code", [CODE, WRITE], "write"),
    "to, though it is down": ("x", "", [candidate("x", health="down"), CODE], "x"),
    "to nobody known": ("nobody", "code", [CODE], None),
    "type": ("", "test", [WRITE, CODE], "code"),
    "type, nobody": ("", "paint", [CODE, WRITE], None),
    "type, not to one that accepts only what has none": ("", "paint", [PLAIN], None),
    "type, a star takes all": ("", "paint", [CODE, PLAIN, ANY], "any"),
    "type, the name is not a prefix": ("", "cod", [CODE], None),
    "no type": ("", "", [CODE, PLAIN], "plain"),
    "no type, a star takes it": ("", "", [CODE, ANY], "any"),
    "no type, nobody": ("", "", [CODE, WRITE], None),
    "nobody at all": ("", "", [], None),
    "least loaded": ("", "t", [candidate("a", "t", load=2), candidate("b", "t", load=1)], "b"),
    "least loaded by slot": ("", "t", [candidate("a", "t", load=4, slots=8), candidate("b", "t", load=1)], "a"),
    "loads equal: by name": ("", "t", [candidate("b", "t"), candidate("a", "t")], "a"),
    "healthy before least loaded": ("", "t", [candidate("a", "t", health="down"), candidate("b", "t", load=99)], "b"),
    "busy is healthy": ("", "t", [candidate("a", "t", load=1, health="busy"), candidate("b", "t", load=2)], "a"),
    "silent is not": ("", "t", [candidate("a", "t", health="silent"), candidate("b", "t", load=2, health="busy")], "b"),
    "parked is not": ("", "t", [candidate("a", "t", health="parked"), candidate("b", "t", load=2)], "b"),
    "none is healthy: least loaded": (
        "", "t", [candidate("a", "t", load=3, health="down"), candidate("b", "t", load=2, health="paused")], "b"),
}  # fmt: skip


@pytest.mark.parametrize(("to", "kind", "there", "wanted"), ROUTES.values(), ids=ROUTES.keys())
def test_who_gets_a_task(to: str, kind: str, there: list[Candidate], wanted: str | None) -> None:
    """By `to`, else by type; healthy first, then the least loaded; else it is held, with a reason to act upon."""
    found = choose(to, kind, there)
    assert (found.agent if isinstance(found, Route) else None) == wanted
    assert found.why
    if isinstance(found, Hold):
        assert (to or kind or "without a type") in found.why


candidates = st.lists(
    st.builds(
        candidate, st.sampled_from("abcdef"), load=st.integers(0, 9), slots=st.integers(1, 4),
        health=st.sampled_from(["ok", "busy", "silent", "down", "paused", "parked"]),
    ),
    max_size=6, unique_by=lambda c: c.agent.name,
)  # fmt: skip
types = st.sampled_from(["", "code", "write"])


@OFTEN
@given(st.data(), candidates, types)
def test_routing_never_gives_a_task_to_who_does_not_accept_it(data: st.DataObject, there: list[Candidate], kind: str) -> None:
    """And never to a sick one while a healthy one accepts it, and holds it only if nobody does."""
    some = st.lists(st.sampled_from(["code", "write", "*"]), max_size=2).map(tuple)
    there = [c.__class__(replace(c.agent, accepts=data.draw(some)), c.load, c.health) for c in there]
    fit = {c.agent.name: c for c in there if accepts(c.agent, kind)}
    found = choose("", kind, there)
    assert isinstance(found, Hold) is (not fit)
    if isinstance(found, Route):
        well = [c for c in fit.values() if c.health in ("ok", "busy")]
        best = well or list(fit.values())
        got = fit[found.agent]
        assert got in best
        assert got.load / got.agent.slots == min(c.load / c.agent.slots for c in best)


AGENTS = ["code", "human", "write"]
KEY = "20261122-021455123-m2x9rt"
GOOD: dict[str, tuple[object, list[dict[str, Any]]]] = {
    "a YAML list": ("- {task: One, to: code}\n- task: Two\n  type: write\n", [
        {"task": "One", "to": "code", "after": []}, {"task": "Two", "type": "write", "after": []}]),
    "under `tasks`": ("tasks:\n- {task: One, to: code}\n", [{"task": "One", "to": "code", "after": []}]),
    "a list, as data": ([{"task": "One", "to": "code"}], [{"task": "One", "to": "code", "after": []}]),
    "a mapping, as data": ({"tasks": [{"task": "One", "to": "code"}]}, [{"task": "One", "to": "code", "after": []}]),
    "JSON": ('[{"task": "One", "to": "code", "priority": 3}]', [{"task": "One", "to": "code", "priority": 3, "after": []}]),
    "in a fence": ("Here is the plan:\n```yaml\n- {task: One, to: code}\n```\nGood luck!", [
        {"task": "One", "to": "code", "after": []}]),
    "in a bare fence": ("```\n- {task: One, to: code}\n```", [{"task": "One", "to": "code", "after": []}]),
    "the first of two fences": ("```\n- {task: One, to: code}\n```\nor\n```\n- {task: Two, to: code}\n```", [
        {"task": "One", "to": "code", "after": []}]),
    "after an id, and a number for one": ("- {id: 1, task: One, to: code}\n- {task: Two, to: code, after: 1}\n", [
        {"task": "One", "to": "code", "id": "1", "after": []}, {"task": "Two", "to": "code", "after": ["1"]}]),
    "after a key": (f"- {{task: One, to: code, after: [{KEY}]}}", [{"task": "One", "to": "code", "after": [KEY]}]),
    "after one that stands below": ("- {task: One, to: code, after: [b]}\n- {id: b, task: Two, to: code}\n", [
        {"task": "One", "to": "code", "after": ["b"]}, {"task": "Two", "to": "code", "id": "b", "after": []}]),
    "free data": ("- {task: One, to: code, input: {n: 3, on: true}}", [
        {"task": "One", "to": "code", "input": {"n": 3, "on": True}, "after": []}]),
    "a text with what YAML takes for a comment": ("- task: Fix issue #42 today\n  to: code # who\n", [
        {"task": "Fix issue #42 today", "to": "code", "after": []}]),
    "text of several lines": ("- task: |\n    One\n    two: three\n  to: code\n", [
        {"task": "One\ntwo: three\n", "to": "code", "after": []}]),
}  # fmt: skip

BAD: dict[str, tuple[object, str]] = {
    "nothing": ("", "not a list of tasks"),
    "None": (None, "not a list of tasks"),
    "prose": ("I would first look at the code.", "not a list of tasks"),
    "an empty list": ("[]", "not a list of tasks"),
    "no tasks under `tasks`": ("tasks: []", "not a list of tasks"),
    "a mapping without `tasks`": ("plan: [a]", "not a list of tasks"),
    "a number": (42, "not a list of tasks"),
    "bytes that no YAML is": ("\x00\x01", "YAML"),
    "broken YAML": ("- {task: One", "YAML"),
    "an anchor": ("- &a {task: One, to: code}\n- *a\n", "anchor"),
    "a text": ("- Bump the deps\n", "task 1: it has neither"),
    "two texts": ("- {task: One, to: code}\n- Bump the deps\n", "task 2: it has neither"),
    "a list in the list": ("- [a, b]\n", "task 1: it has neither"),
    "nothing in the list": ("- null\n", "task 1: it has neither"),
    "neither to nor type": ("- {task: One}\n", "task 1: it has neither `to` nor `type`"),
    "empty to": ("- {task: One, to: ''}\n", "task 1: it has neither"),
    "unknown agent": ("- {task: One, to: coder}\n", "no agent 'coder'; there are: code, human, write"),
    "a list of agents": ("- {task: One, to: [code]}\n", "no agent ['code']"),
    "unknown key": ("- {task: One, to: code, prio: 1}\n", "unknown key 'prio'"),
    "a key of ours": ("- {task: One, to: code, parent: x}\n", "unknown key 'parent'"),
    "a key that is no text": ([{"task": "One", "to": "code", 7: "x"}], "unknown key '7'"),
    "no text": ("- {to: code}\n", "nothing to do"),
    "empty text": ("- {task: '  ', to: code}\n", "nothing to do"),
    "bad priority": ("- {task: One, to: code, priority: high}\n", "priority"),
    "bad duration": ("- {task: One, to: code, timeout: 1:30}\n", "timeout"),
    "bad type": ("- {task: One, type: 'Code Review!'}\n", "type"),
    "after nobody": ("- {task: One, to: code, after: [two]}\n", "after: 'two' is neither"),
    "an id twice": ("- {id: a, task: One, to: code}\n- {id: a, task: Two, to: code}\n", "the id 'a' is there twice"),
    "after itself": ("- {id: a, task: One, to: code, after: a}\n", "leads back to itself"),
    "in a circle": ("- {id: a, task: 1st, to: code, after: b}\n- {id: b, task: 2nd, to: code, after: a}\n", "back to itself"),
    "too many": ([{"task": "One", "to": "code"}] * (MOST + 1), "it has 1001 tasks, the limit is 1000"),
    "too many, as text": ("- {task: One, to: code}\n" * (MOST + 1), "it has 1001 tasks, the limit is 1000"),
}


@pytest.mark.parametrize(("answer", "wanted"), GOOD.values(), ids=GOOD.keys())
def test_a_plan_that_is_one(answer: object, wanted: list[dict[str, Any]]) -> None:
    """All the ways in which a program or a language model writes a list of tasks."""
    assert read_plan(answer, AGENTS) == wanted


@pytest.mark.parametrize(("answer", "why"), BAD.values(), ids=BAD.keys())
def test_an_answer_that_is_no_plan_is_refused_with_the_reason(answer: object, why: str) -> None:
    """Which task, what is wrong with it, and how to answer; never a part of a plan, never an exception."""
    found = read_plan(answer, AGENTS)
    assert isinstance(found, Refusal), found
    assert why in found.what
    assert found.fix


def test_a_plan_as_large_as_may_be_is_read_as_text_too() -> None:
    """The limit is in tasks; what is said of each does not lower it."""
    row = "- {id: t%d, task: Do it well, to: code, title: It, priority: 3, timeout: 5m, tries: 2, after: [t0]}\n"
    found = read_plan("- {id: t0, task: First, to: code}\n" + "".join(row % n for n in range(1, MOST)), AGENTS)
    assert isinstance(found, list), found
    assert len(found) == MOST


def test_a_plan_nested_without_end_is_refused() -> None:
    """Data, not text, may come in any depth."""
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    assert isinstance(read_plan([{"task": "One", "to": "code", "input": deep}], AGENTS), Refusal)


numbers = st.none() | st.booleans() | st.integers() | st.floats()
scalars = numbers | st.text(max_size=8) | st.sampled_from(["code", KEY, "a", "5m"])
keys = st.sampled_from(["task", "to", "type", "id", "after", "input", "priority", "tasks", "x", "not_before"])
plans = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=12)


@OFTEN
@given(plans | st.lists(st.dictionaries(keys, scalars), max_size=3) | st.text(max_size=80))
def test_any_answer_is_a_plan_or_a_refusal(answer: object) -> None:
    """Total; and what is a plan can be made: each child goes to somebody or has a type, ids are single, `after` is there."""
    found = read_plan(answer, AGENTS)
    if isinstance(found, Refusal):
        return
    ids = [task["id"] for task in found if "id" in task]
    assert len(ids) == len(set(ids))
    for task in found:
        assert task.get("to") in AGENTS or task["type"]
        assert set(task["after"]) <= {*ids, KEY}


ODD = ["no", "9:30", "0755", "1e3", "null", "~", "# x", "a: b", "'", '"', "\\", "\n\n", " x ", "- y", "\x1b[31m", "\x00", "\x85",
       "é\n\tz\n"]  # fmt: skip
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(ODD)
moments = st.integers(0, 16_000_000_000).map(lambda n: n / 4)  # quarters of a second: exact in floats and in files alike
structured = st.builds(
    Failure, words.filter(bool), st.sampled_from([*KINDS]), st.booleans(), st.lists(words, max_size=4).map(tuple),
    st.none() | st.integers(-64, 255), words, st.none() | moments,
)  # fmt: skip
agents = st.sampled_from(["code", "007", "on", "null", "a-b"])
pasts = st.lists(st.builds(Past, st.integers(1, 9999), agents, structured), max_size=5).map(tuple)


@OFTEN
@given(pasts, words)
def test_what_the_next_attempt_is_told_survives_its_file(history: tuple[Past, ...], note: str) -> None:
    """data -> file -> data: every attempt, kind, line and number, whatever the words look like to YAML."""
    text = flat.dump(brief.data(history, note)).encode().decode()
    assert brief.read(gate.own(text)) == (history, note)


@OFTEN
@given(pasts, words)
def test_the_prompt_holds_the_task_first_and_all_that_was_tried(history: tuple[Past, ...], note: str) -> None:
    """The task's own text comes unchanged; then each failure, each line of what was tried, and a person's note."""
    told = brief.prompt("Do it.\n", history, note)
    assert told.startswith("Do it.\n")
    assert (told == "Do it.\n") is (not history and not note)
    rest = told.removeprefix("Do it.\n")
    for past in history:
        assert f"Attempt {past.attempt}, by {past.agent}, {past.failure.kind}: {past.failure.what}" in rest
        assert all(f"  {line}\n" in rest for line in past.failure.tried)
    assert not note or rest.endswith(f"{brief.NOTE}{note}\n")


@OFTEN
@given(plans)
def test_reading_a_brief_or_a_failure_that_anybody_wrote_never_raises(found: object) -> None:
    """What cannot be read is not there."""
    history, note = brief.read(found)
    brief.read({"attempts": found, "note": found})
    brief.read({"attempts": [{"attempt": 1, "agent": found, "error": found}]})
    read_failure(found)
    read_failure({"what": found, "kind": found, "retryable": found, "tried": found, "exit_code": found, "until": found})
    assert isinstance(history, tuple)
    assert isinstance(note, str)


def test_the_history_of_a_poison_task_stays_readable_whatever_its_agent_writes() -> None:
    """The counters live in this file: were it too large to be read, every failure would count as the first."""
    wild = {"what": "\x1b" * 100_000, "tried": ["\x1b" * 9999] * 9999, "stderr_tail": "\x1b" * 100_000, "kind": "crashed"}
    found = read_failure(wild)
    assert found is not None
    assert len(found.what) <= WHAT_MOST
    assert len(found.tried) <= TRIED_MOST
    assert max(map(len, found.tried)) <= LINE_MOST
    assert len(found.stderr_tail) <= STDERR_TAIL
    history = tuple(Past(number, "a", found) for number in range(1, CEILING + 1))
    text = flat.dump(brief.data(history, ""))
    assert brief.read(gate.own(text)) == (history, "")
    tame = replace(found, what="x" * WHAT_MOST, tried=("x" * LINE_MOST,) * TRIED_MOST, stderr_tail="x" * STDERR_TAIL)
    text = flat.dump(brief.data(tuple(Past(n, "a", tame) for n in range(1, CEILING + 1)), ""))
    assert len(text) < gate.MAX_CHARS


@pytest.mark.parametrize("until", [1e300, float("inf"), float("nan"), -1.0, LATEST, "soon", "9999-01-01", [], True])
def test_the_end_of_a_limit_that_cannot_be_meant_is_none(until: object) -> None:
    """Milliseconds for seconds, infinity, a word: the usual wait is taken, and no clock fails on it."""
    found = read_failure({"kind": "limit", "until": until})
    assert found is not None
    assert found.until in (None, 1.0)
    found.data()


def test_a_failure_keeps_its_kind_and_whether_it_may_be_retried() -> None:
    """A kind that is not known is `exit`; a word for true is true; else each kind's own rule."""
    assert read_failure({"kind": "boom"}) == failure("exit", KINDS["exit"])
    assert read_failure({"kind": "exit", "retryable": "yes"}) == failure("exit", KINDS["exit"], retryable=True)
    assert read_failure({"kind": "verify"}) == failure("verify", KINDS["verify"], retryable=True)
    assert read_failure("it broke") == failure("exit", "it broke")
    assert read_failure(None) is None


def test_the_end_of_a_limit_may_be_seconds_as_text() -> None:
    """What a shell writes with `date +%s.%N` and YAML keeps as text, since the last nought would be lost."""
    found = read_failure({"kind": "limit", "until": "1795380539.950"})
    assert found is not None
    assert found.until == 1795380539.95
