"""To whom a task goes: a pure function of the task, the agents and how much each has to do (DESIGN section 6)."""
from __future__ import annotations

from dataclasses import dataclass

from fsbus.core.config import AgentConfig
from fsbus.core.settings import ANY

WELL = ("ok", "busy")  # who gets a new task before others: a silent one ends its own, a down one may come back


@dataclass(frozen=True, slots=True)
class Candidate:
    """A worker as dispatch sees it now."""

    agent: AgentConfig
    load: int  # tasks in its inbox
    health: str = "ok"  # one word of core/health.py


@dataclass(frozen=True, slots=True)
class Route:
    """Give it to this agent."""

    agent: str
    why: str


@dataclass(frozen=True, slots=True)
class Hold:
    """It stays with dispatch, for this reason."""

    why: str


def accepts(agent: AgentConfig, kind: str) -> bool:
    """Whether an agent takes tasks of this type ('' = none given): a typed task only by name, or by `*`."""
    return kind in agent.accepts or ANY in agent.accepts or (not kind and not agent.accepts)


def choose(to: str, kind: str, candidates: list[Candidate]) -> Route | Hold:
    """The agent named by `to`, else the least loaded of those that accept the type; else why nobody can have it."""
    if to:
        if any(c.agent.name == to for c in candidates):
            return Route(to, f"to: {to}")
        return Hold(f"there is no worker {to!r} (yet); fsbus agent add {to}, or fsbus cancel")
    able = [c for c in candidates if accepts(c.agent, kind)]
    if not able:
        asked = f"type {kind!r}" if kind else "tasks without a type"
        return Hold(f"no worker accepts {asked}; add it to the `accepts` of one")
    best = min(able, key=lambda c: (c.health not in WELL, c.load / c.agent.slots, c.agent.name))
    asked = f"type {kind}" if kind else "no type"
    return Route(best.agent.name, f"{asked}: {best.agent.name} is the least loaded of {len(able)}")
