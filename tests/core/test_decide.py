"""The decision about a failed attempt: each rule as a row, and what holds in every world as a property.

The property drives whole tasks to their end with the product's own `decide` and `rescue`, whatever agents accept,
fail, park, go down or disappear; the model around them only carries out what was decided.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsbus.core import decide as rules
from fsbus.core.decide import Able, Again, Decision, End, Escalate, Past, Policy, decide, rescue, too_long
from fsbus.core.result import KINDS, RETRYABLE, Failure, failure

OFTEN = settings(max_examples=400, deadline=None)
NOW = 1_800_000_000.0
POLICY = Policy(attempts=3, backoff=30.0)


def past(agent: str = "a", kind: str = "exit", attempt: int = 1, **more: object) -> Past:
    """A failed attempt, retryable unless said otherwise."""
    more.setdefault("retryable", True)
    return Past(attempt, agent, failure(kind, kind, **more))


def able(agent: str, health: str = "ok", load: float = 0.0, parked_until: float | None = None) -> Able:
    """An agent that accepts the task."""
    return Able(agent, health, load, parked_until)


def times(agents: str, kind: str = "exit", **more: object) -> tuple[Past, ...]:
    """One failed attempt by each of these one-letter agents."""
    return tuple(past(agent, kind, number, **more) for number, agent in enumerate(agents, 1))


A, B, C = able("a"), able("b", load=2.0), able("c", load=1.0)

# What the table says of a decision: the rule and the agent, or the class that ends it.
TABLE: dict[str, tuple[tuple[Past, ...], list[Able], str]] = {
    "first failure, alone": (times("a"), [A], "retry a"),
    "first failure, others there": (times("a"), [A, B, C], "retry a"),
    "second failure, alone": (times("aa"), [A], "retry a"),
    "second failure, the least loaded other": (times("aa"), [A, B, C], "reroute c"),
    "second failure, by name where loads are equal": (times("aa"), [A, able("z"), able("y")], "reroute y"),
    "both have failed it": (times("ab"), [A, B], "retry b"),
    "others are down": (times("aa"), [A, able("b", "down")], "retry a"),
    "others are paused": (times("aa"), [A, able("b", "paused")], "retry a"),
    "others are parked": (times("aa"), [A, able("b", "parked")], "retry a"),
    "others are busy": (times("aa"), [A, able("b", "busy")], "reroute b"),
    "others are silent": (times("aa"), [A, able("b", "silent")], "reroute b"),
    "it is down, another is there": (times("a"), [able("a", "down"), B], "reroute b"),
    "it is paused, another is there": (times("a"), [able("a", "paused"), B], "reroute b"),
    "it is parked, another is there": (times("a"), [able("a", "parked"), B], "reroute b"),
    "it is down, nobody else": (times("a"), [able("a", "down")], "retry a"),
    "it is gone, another is there": (times("a"), [B], "reroute b"),
    "it is gone, nobody else": (times("a"), [], "Escalate"),
    "it is gone, the other has failed it": (times("ba"), [B], "Escalate"),
    "attempts used up": (times("aab"), [A, B, C], "Escalate"),
    "cancelled": (times("a", "cancelled"), [A, B], "End"),
    "cancelled, though attempts are used up": ((*times("aa"), past("a", "cancelled", 3)), [A, B], "End"),
    "cancelled, though it says retryable": ((past(kind="cancelled", retryable=True),), [A], "End"),
    "limit, alone: waits, uncounted": (times("aaa", "limit"), [A], "retry a"),
    "limit, another is free": (times("a", "limit"), [A, B], "reroute b"),
    "limit, the other is parked": (times("a", "limit"), [A, able("b", parked_until=NOW + 9)], "retry a"),
    "limit, the other was parked": (times("a", "limit"), [A, able("b", parked_until=NOW - 9)], "reroute b"),
    "limit, the other is down": (times("a", "limit"), [A, able("b", "down")], "retry a"),
    "limit, the other has failed it": ((past("b"), past("a", "limit", 2)), [A, B], "retry a"),
    "limit at both: no to and fro": (times("ab", "limit", until=NOW - 5), [A, B], "retry b"),
    "limit, and it is gone": (times("a", "limit"), [able("b", "down")], "Escalate"),
    "limit, attempts used up before it": ((*times("aab"), past("b", "limit", 4)), [A, B, C], "Escalate"),
    "limit, called not retryable": (times("a", "limit", retryable=False), [A], "retry a"),
    "limits before do not use attempts up": ((*times("aaaa", "limit"), past("a", attempt=5)), [A], "retry a"),
    "a limit that is over is no failure": (
        (past("a", "limit", until=NOW - 1), past("b", attempt=2), past("b", attempt=3)), [A, B], "reroute a"),
    "a limit that is over, before the last failure": (
        (past("b"), past("a", "limit", 2, until=NOW - 1), past("b", attempt=3)), [A, B], "reroute a"),
    "a limit that lasts keeps it out": (
        (past("a", "limit", until=NOW + 9), past("b", attempt=2), past("b", attempt=3)), [A, B], "retry b"),
    "ceiling": ((past(attempt=rules.CEILING),), [A, B], "Escalate"),
    "ceiling, by limits": ((past("a", "limit", rules.CEILING),), [A, B], "Escalate"),
}  # fmt: skip

ALONE = {"cancelled": "End"} | dict.fromkeys(RETRYABLE, "retry a")
WITH_OTHERS = ALONE | {"limit": "reroute b"} | dict.fromkeys(rules.AGENT_TROUBLE, "reroute b")


def said(decision: Decision) -> str:
    """A decision in the words of the tables."""
    return f"{decision.rule} {decision.agent}" if isinstance(decision, Again) else type(decision).__name__


@pytest.mark.parametrize(("history", "agents", "wanted"), TABLE.values(), ids=TABLE.keys())
def test_each_rule(history: tuple[Past, ...], agents: list[Able], wanted: str) -> None:
    """Each sentence of DESIGN section 6 about retry, reroute and escalate."""
    assert said(decide(history, POLICY, agents, NOW, 0.5)) == wanted


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("agents", "wanted"), [([A], ALONE), ([A, B], WITH_OTHERS)], ids=["alone", "with another"])
def test_each_kind_of_failure(kind: str, agents: list[Able], wanted: dict[str, str]) -> None:
    """A first failure of each kind, retryable as its kind is: what is the agent's fault goes to another, once there is one."""
    first = (Past(1, "a", failure(kind, kind)),)
    assert said(decide(first, POLICY, agents, NOW, 0.5)) == wanted.get(kind, "Escalate")


@pytest.mark.parametrize("kind", sorted(rules.AGENT_TROUBLE))
def test_trouble_of_each_agent_in_turn_ends(kind: str) -> None:
    """Nobody gets a task a second time that it cannot do for reasons of its own."""
    trouble = {"retryable": False}
    assert said(decide(times("a", kind, **trouble), POLICY, [A, B, C], NOW, 0.5)) == "reroute c"
    assert said(decide(times("ac", kind, **trouble), POLICY, [A, B, C], NOW, 0.5)) == "reroute b"
    assert said(decide(times("ac", kind, **trouble), POLICY, [A, C], NOW, 0.5)) == "Escalate"


def test_a_decision_says_why() -> None:
    """The human reads how many attempts there were, what cannot be mended, or why another has it now."""
    assert decide(times("aab"), POLICY, [A], NOW, 0.5) == Escalate("3 of 3 attempts failed")
    hopeless = decide(times("a", "auth", retryable=False), POLICY, [A], NOW, 0.5)
    assert hopeless == Escalate("auth, which trying again does not mend")
    assert decide(times("a", "cancelled"), POLICY, [A], NOW, 0.5) == End("cancelled")
    assert decide(times("aa"), POLICY, [A, B], NOW, 0.5).why == "a has failed it"
    assert decide(times("aa"), POLICY, [B], NOW, 0.5).why == "a is not there"


def at(decision: Decision) -> float:
    """In how many seconds the next attempt is made."""
    assert isinstance(decision, Again)
    return decision.at - NOW


def test_a_limit_is_waited_for_until_it_ends() -> None:
    """At the time it named, or after a while if it named none or one that has passed."""
    assert at(decide(times("a", "limit", until=NOW + 5000), POLICY, [A], NOW, 0.0)) == 5000
    assert at(decide(times("a", "limit"), POLICY, [A], NOW, 0.0)) == rules.LIMIT_WAIT
    assert at(decide(times("a", "limit", until=NOW - 5000), POLICY, [A], NOW, 0.0)) == 1
    assert at(decide(times("a", "limit", until=NOW + 5000), POLICY, [A], NOW, 1.0)) == 5012, "a jitter of seconds"


def test_a_limit_that_names_the_wrong_time_again_and_again_is_asked_ever_more_seldom() -> None:
    """A reset time in the past does not make a loop of starts, one a second."""
    waits = [at(decide(times("a" * n, "limit", until=NOW - 5), POLICY, [A], NOW, 0.0)) for n in range(1, 20)]
    assert waits[:4] == [1, 30, 60, 120]
    assert waits == sorted(waits)
    assert waits[-1] == rules.BACKOFF_MAX
    assert at(decide(times("ab", "limit", until=NOW - 5), POLICY, [B], NOW, 0.0)) == 1, "another's limits are not its own"
    other = (past("a"), past("a", "limit", 2, until=NOW - 5))
    assert at(decide(other, POLICY, [A], NOW, 0.0)) == 1, "nor are failures that were none"


def test_a_reroute_does_not_wait() -> None:
    """Another agent need not serve the first one's back-off."""
    assert at(decide(times("aa"), POLICY, [A, B], NOW, 1.0)) == 0


@OFTEN
@given(st.integers(1, 40), st.floats(0, 10_000), st.floats(0, 1), st.floats(0, 1))
def test_back_off_grows_and_is_bounded(failed: int, backoff: float, chance: float, other: float) -> None:
    """Each wait is at least the one before, but for jitter; none is longer than the bound and its jitter; none is negative."""
    policy = Policy(rules.CEILING, backoff)
    waits = [at(decide(times("a" * n), policy, [A], NOW, chance)) for n in (failed, failed + 1)]
    assert 0 <= waits[0] <= waits[1] + 1e-3
    assert waits[1] <= rules.BACKOFF_MAX * (1 + rules.JITTER) + 1e-3
    again = at(decide(times("a" * failed), policy, [A], NOW, other))
    assert abs(again - waits[0]) <= waits[0] * rules.JITTER + 1e-3


@pytest.mark.parametrize(("failed", "wanted"), [(1, 30), (2, 60), (3, 120), (7, 1920), (8, 3600), (40, 3600)])
def test_back_off_doubles(failed: int, wanted: float) -> None:
    """30 s before the second attempt, then twice that; the bound is an hour."""
    assert at(decide(times("a" * failed), Policy(50, 30.0), [A], NOW, 0.0)) == wanted


def test_jitter_parts_what_failed_together() -> None:
    """Two tasks that failed in the same instant do not come back in the same instant."""
    assert at(decide(times("a"), POLICY, [A], NOW, 0.0)) < at(decide(times("a"), POLICY, [A], NOW, 1.0))


RESCUES: dict[str, tuple[tuple[Past, ...], list[Able], int, str | None]] = {
    "to the least loaded other": ((), [able("a", "down"), B, C], 1, "c"),
    "never to itself, though it looks well": ((), [A], 1, None),
    "nobody is fit": ((), [able("a", "down"), able("b", "parked"), able("c", "paused")], 1, None),
    "not to who failed it": (times("b"), [able("a", "down"), B], 2, None),
    "the last but one may go": (times("b"), [able("a", "down"), B, C], 2, "c"),
    "the last attempt stays where it is": (times("bb"), [able("a", "down"), B, C], 3, None),
    "limits do not count": (times("bbb", "limit", until=NOW - 1), [able("a", "down"), C], 4, "c"),
    "ceiling": ((), [able("a", "down"), B], rules.CEILING, None),
}


@pytest.mark.parametrize(("history", "agents", "attempt", "wanted"), RESCUES.values(), ids=RESCUES.keys())
def test_who_takes_over_from_an_agent_that_is_down(
    history: tuple[Past, ...], agents: list[Able], attempt: int, wanted: str | None
) -> None:
    """Another that is fit, has not failed it, and still has an attempt to spend; else it waits."""
    found = rescue("a", attempt, history, POLICY, agents, NOW)
    assert (found.agent if found else None) == wanted
    assert found is None or found.rule == "reroute"


names = st.sampled_from(["a", "b", "c", "d"])
healths = st.sampled_from(["ok", "busy", "silent", "paused", "parked", "down"])
ables = st.builds(Able, names, healths, st.floats(0, 9), st.none() | st.floats(NOW - 9, NOW + 9))
accepting = st.lists(ables, max_size=4, unique_by=lambda a: a.agent)
failures = st.builds(
    Failure, st.just("x"), st.sampled_from([*KINDS]) | st.sampled_from(["limit", "exit", "crashed"]), st.booleans(),
    until=st.none() | st.floats(NOW - 1e5, NOW + 1e5),
)  # fmt: skip


@dataclass
class Life:
    """One task from its first attempt to its end; `draw` gives what happens next."""

    draw: Callable[[st.SearchStrategy[object]], object]
    policy: Policy
    agent: str = "a"
    attempt: int = 1
    history: tuple[Past, ...] = ()
    now: float = NOW
    starts: list[tuple[int, str]] = field(default_factory=list)

    def end(self) -> Escalate | End:
        """Start, fail, decide, until it ends; the ceiling and two hops after it are more than it may take."""
        for _ in range(rules.CEILING + 2):
            self.starts.append((self.attempt, self.agent))
            self.fails()
            decision = self.decided()
            if not isinstance(decision, Again):
                return decision
        raise AssertionError(f"it never ends: {self.starts}")

    def fails(self) -> None:
        """The attempt fails in some way."""
        what = self.draw(failures)
        assert isinstance(what, Failure)
        self.history = (*self.history, Past(self.attempt, self.agent, what))

    def decided(self) -> Decision:
        """What is decided among whoever is there now, carried out."""
        there = self.draw(accepting)
        assert isinstance(there, list)
        chance = self.draw(st.floats(0, 1))
        assert isinstance(chance, float)
        decision = decide(self.history, self.policy, there, self.now, chance)
        if isinstance(decision, Again):
            assert decision.agent in [a.agent for a in there], "given to an agent that does not accept it"
            assert decision.at >= self.now
            self.agent, self.attempt, self.now = decision.agent, self.attempt + 1, decision.at
            self.rescued()
        return decision

    def rescued(self) -> None:
        """Perhaps that agent goes down, before the attempt starts or while it runs, and others are asked, up to three times."""
        for running in self.downs():
            there = self.draw(accepting)
            assert isinstance(there, list)
            to = rescue(self.agent, self.attempt, self.history, self.policy, there, self.now)
            if to is not None:
                assert to.agent in [a.agent for a in there]
                assert to.agent != self.agent, "an agent that is down takes over from itself"
                if running:
                    self.starts.append((self.attempt, self.agent))
                    self.history = (*self.history, past(self.agent, "lost", self.attempt))
                self.agent, self.attempt = to.agent, self.attempt + 1

    def downs(self) -> list[bool]:
        """For each time that the task's agent goes down whether the task was running."""
        found = self.draw(st.lists(st.booleans(), max_size=3))
        assert isinstance(found, list)
        return found


@OFTEN
@given(st.data(), st.integers(1, 8), st.floats(0, 100))
def test_every_task_ends_within_its_attempts(data: st.DataObject, attempts: int, backoff: float) -> None:
    """In any world: at most `attempts` that count, at most CEILING in all, only agents that accept it, and an end."""
    life = Life(data.draw, Policy(attempts, backoff))
    end = life.end()
    counted = [p for p in life.history if p.failure.kind != "limit"]
    assert len(counted) <= attempts
    assert max(number for number, _ in life.starts) <= rules.CEILING
    assert [number for number, _ in life.starts] == sorted({number for number, _ in life.starts})
    assert isinstance(end, End) == (life.history[-1].failure.kind == "cancelled")


@pytest.mark.parametrize("kind", ["limit", "exit", "crashed"])
@pytest.mark.parametrize("until", [None, -1e6, 30.0], ids=["no time", "a time long past", "a time to come"])
def test_a_poison_task_costs_a_bounded_number_of_starts(kind: str, until: float | None) -> None:
    """Two healthy agents that always fail it the same way: it ends, and never twice within a second at the same agent."""
    history: tuple[Past, ...] = ()
    now, agent, starts = NOW, "a", []
    for attempt in range(1, 100):
        starts.append((agent, now))
        history = (*history, past(agent, kind, attempt, until=None if until is None else now + until))
        decision = decide(history, POLICY, [A, B], now, 0.0)
        if not isinstance(decision, Again):
            break
        now, agent = decision.at, decision.agent
    assert len(starts) == (rules.CEILING if kind == "limit" else 3)
    seconds = [now for _, now in starts]
    assert all(later - sooner >= 1 for sooner, later in zip(seconds, seconds[2:], strict=False))


@OFTEN
@given(st.lists(failures, min_size=1, max_size=6), accepting, st.floats(0, 1), st.floats(0, 1e5))
def test_only_a_clock_that_was_set_back_makes_a_wait_too_long(
    failed: list[Failure], there: list[Able], chance: float, later: float
) -> None:
    history = tuple(Past(number, "a", what) for number, what in enumerate(failed, 1))
    decision = decide(history, POLICY, there, NOW, chance)
    if isinstance(decision, Again):
        assert not too_long(decision, history, POLICY, NOW + later)
        if failed[-1].kind != "limit":
            assert too_long(decision, history, POLICY, NOW - 2 * rules.BACKOFF_MAX)


@OFTEN
@given(st.lists(failures, min_size=1, max_size=6), accepting, st.floats(0, 1))
def test_a_decision_is_a_function_of_its_arguments(failed: list[Failure], there: list[Able], chance: float) -> None:
    """Nothing else is looked at: the same again is the same, in whatever order the agents are listed."""
    history = tuple(Past(number, "a", what) for number, what in enumerate(failed, 1))
    first = decide(history, POLICY, there, NOW, chance)
    assert decide(history, POLICY, list(reversed(there)), NOW, chance) == first
    told = tuple(replace(p, failure=replace(p.failure, what="other words", stderr_tail="more")) for p in history)
    assert decide(told, POLICY, there, NOW, chance) == first
