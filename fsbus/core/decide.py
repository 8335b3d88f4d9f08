"""What dispatch does about a failed attempt: a pure function of what happened so far, the policy, the agents and now.

retry on the same agent, with back-off and jitter; reroute to another that accepts the task and has not failed it;
escalate to a human. Starts are bounded whatever happens: the count is the attempt number in the task's name, which
nothing that crashes or restarts can reset (users of comparable tools lost nights to counters that did).
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fsbus.core.result import Failure

CEILING = 50  # attempts of one task in all, those that met a usage limit included
BACKOFF_MAX = 3600.0  # seconds
SLEW = 1.0  # seconds by which a clock that is being set right may differ
JITTER = 0.2  # of the back-off, so that fifty tasks that failed together do not come back together
LIMIT_WAIT = 900.0  # seconds to wait for a usage limit that did not say when it ends
AGENT_TROUBLE = frozenset({"auth", "denied", "spawn"})  # the agent's fault, not the task's: another may do it
FIT = ("ok", "busy", "silent")  # healths of an agent that may be given a new attempt; `silent` ends by itself


@dataclass(frozen=True, slots=True)
class Past:
    """One attempt that failed."""

    attempt: int
    agent: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class Policy:
    """How often and how soon."""

    attempts: int  # hard stop; attempts that met a usage limit are not counted
    backoff: float  # seconds before the second attempt, doubled for each further one


@dataclass(frozen=True, slots=True)
class Able:
    """An agent that accepts this task, as dispatch sees it now."""

    agent: str
    health: str  # one word of core/health.py
    load: float  # tasks per slot
    parked_until: float | None = None  # a usage limit, in seconds since 1970


@dataclass(frozen=True, slots=True)
class Again:
    """Make the next attempt: `agent` gets it at `at` (seconds since 1970); a reroute if it is another one."""

    agent: str
    at: float
    why: str
    rule: str  # retry or reroute


@dataclass(frozen=True, slots=True)
class Escalate:
    """The task ends as failed, and a human is told."""

    why: str


@dataclass(frozen=True, slots=True)
class End:
    """The task ends as failed, and nobody need be told: it was asked for."""

    why: str


Decision = Again | Escalate | End


def decide(history: tuple[Past, ...], policy: Policy, able: list[Able], now: float, chance: float) -> Decision:
    """What to do about the last failure in `history`; `chance` is a random number from 0 to 1."""
    last = history[-1]
    counted = [past for past in history if past.failure.kind != "limit"]
    if last.failure.kind == "cancelled":
        return End("cancelled")
    if len(counted) >= policy.attempts:
        return Escalate(f"{len(counted)} of {policy.attempts} attempts failed")
    if last.attempt >= CEILING:
        return Escalate(f"{last.attempt} attempts were made")
    if last.failure.kind == "limit":
        return _after_limit(history, policy, able, now, chance)
    others = _others(history, able, now)
    if not last.failure.retryable:
        if last.failure.kind in AGENT_TROUBLE and others:
            return _reroute(others[0], now, f"{last.agent}: {last.failure.kind}")
        return Escalate(f"{last.failure.kind}, which trying again does not mend")
    return _once_more(history, counted, others, policy, able, now, chance)


def _once_more(
    history: tuple[Past, ...], counted: list[Past], others: list[Able],
    policy: Policy, able: list[Able], now: float, chance: float,
) -> Decision:  # fmt: skip
    last = history[-1]
    same = next((a for a in able if a.agent == last.agent), None)
    again_here = same is not None and same.health in FIT and sum(p.agent == last.agent for p in counted) < 2
    if others and not again_here:
        return _reroute(others[0], now, f"{last.agent} has failed it" if same else f"{last.agent} is not there")
    if same is None:
        return Escalate(f"nobody else accepts it, and {last.agent} is not there")
    wait = _back_off(counted, policy) * (1 + JITTER * chance)
    return Again(last.agent, now + wait, f"attempt {last.attempt} failed: {last.failure.kind}", "retry")


def _back_off(counted: Sequence[Past], policy: Policy) -> float:
    return min(float(policy.backoff * 2 ** (len(counted) - 1)), BACKOFF_MAX)


def too_long(to: Again, history: tuple[Past, ...], policy: Policy, now: float) -> bool:
    """Whether it would wait for longer than any back-off: the clock was ahead when it was decided, and is set right.

    When a usage limit ends its agent said; nobody here knows better.
    """
    counted = [past for past in history if past.failure.kind != "limit"]
    return bool(counted) and history[-1] is counted[-1] and to.at - now > _back_off(counted, policy) * (1 + JITTER) + SLEW


def _after_limit(history: tuple[Past, ...], policy: Policy, able: list[Able], now: float, chance: float) -> Decision:
    """To one who has not had it and is not at a limit; else wait. So agents at their limits do not hand it to and fro."""
    last, had = history[-1], {past.agent for past in history}
    free = [a for a in _others(history, able, now) if a.agent not in had and not (a.parked_until and a.parked_until > now)]
    if free:
        return _reroute(free[0], now, f"{last.agent} is at its usage limit")
    if all(a.agent != last.agent for a in able):
        return Escalate(f"nobody else accepts it, and {last.agent} is not there")
    met = sum(past.failure.kind == "limit" and past.agent == last.agent for past in history)
    least = min(policy.backoff * 2 ** (met - 2), BACKOFF_MAX) if met > 1 else 0.0  # the time it named was wrong before
    until = max(last.failure.until or now + LIMIT_WAIT, now + max(least, 1.0))
    at = until + JITTER * min(60.0, until - now) * chance
    return Again(last.agent, at, "its usage limit ends then; no attempt is counted", "retry")


def _others(history: tuple[Past, ...], able: list[Able], now: float) -> list[Able]:
    """Those who may take it over: not who had it last, nor who failed it, nor who is at a usage limit that it met."""
    out = {past.agent for past in history if not _is_over(past, now)} | {past.agent for past in history[-1:]}
    return [a for a in _fit(able) if a.agent not in out]


def _is_over(past: Past, now: float) -> bool:
    """Whether this was a usage limit that has ended by now."""
    return past.failure.kind == "limit" and past.failure.until is not None and past.failure.until <= now


def _fit(able: list[Able]) -> list[Able]:
    return sorted((a for a in able if a.health in FIT), key=lambda a: (a.load, a.agent))


def _reroute(to: Able, now: float, why: str) -> Again:
    return Again(to.agent, now, why, "reroute")


def rescue(agent: str, attempt: int, history: tuple[Past, ...], policy: Policy, able: list[Able], now: float) -> Again | None:
    """Who takes over `attempt` of a task, which lies with an agent that is down; None if nobody can: it waits there.

    Giving it to the same agent again would help nobody: when that one comes back, it goes on, or says `crashed`.
    """
    counted = [past for past in history if past.failure.kind != "limit"]
    others = [a for a in _others(history, able, now) if a.agent != agent]
    if not others or len(counted) >= policy.attempts - 1 or attempt >= CEILING:
        return None
    return _reroute(others[0], now, f"{agent} is down")
