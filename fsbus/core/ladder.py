"""When a running command is told to stop, and how firmly: a pure function of the facts of one run.

INT first, since agent programs end their turn cleanly on it; TERM after a grace; KILL after another. The process
group is meant each time, never one pid: a killed leader leaves its children running (facts/faults.md row 8).
"""
from __future__ import annotations

from dataclasses import dataclass
from signal import SIGINT, SIGKILL, SIGTERM, Signals

INT_GRACE = 10.0  # seconds between INT and TERM: Claude Code needs some to end its turn and write its session
TERM_GRACE = 5.0  # seconds between TERM and KILL


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is known about a running command, all in seconds of one monotonic clock."""

    started: float
    moved: float  # the last time it wrote output or touched its files
    timeout: float  # from start; 0 = none
    silence: float  # from the last movement; 0 = none
    cancelled: float | None = None  # when somebody asked for its end
    stopping: float | None = None  # when its worker was asked to stop
    superseded: float | None = None  # when a higher attempt was seen


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a command must end, and the signal that its group should have had by now."""

    kind: str  # a failure kind: timeout, silent, cancelled, crashed (its worker was stopped), lost (superseded)
    since: float  # when the reason came up
    signal: Signals


def due(facts: RunFacts, now: float) -> Stop | None:
    """The stop that is due now, for the reason that came first; None while the command may go on."""
    reasons = [(at, kind) for kind, at in _reasons(facts) if at is not None and at <= now]
    if not reasons:
        return None
    since, kind = min(reasons)
    return Stop(kind, since, _rung(now - since))


def next_look(facts: RunFacts, now: float) -> float:
    """The moment at which `due` may answer something new."""
    times = [at for _, at in _reasons(facts) if at is not None]
    rungs = [at + grace for at in times for grace in (0.0, INT_GRACE, INT_GRACE + TERM_GRACE)]
    return min((at for at in rungs if at > now), default=now + 3600.0)


def _reasons(facts: RunFacts) -> list[tuple[str, float | None]]:
    return [
        ("timeout", facts.started + facts.timeout if facts.timeout else None),
        ("silent", facts.moved + facts.silence if facts.silence else None),
        ("cancelled", facts.cancelled),
        ("crashed", facts.stopping),
        ("lost", facts.superseded),
    ]


def _rung(waited: float) -> Signals:
    if waited < INT_GRACE:
        return SIGINT
    return SIGTERM if waited < INT_GRACE + TERM_GRACE else SIGKILL
