"""`fsbus status`: the whole bus, or one agent, from names alone; no task file is opened.

100,000 names are counted in the time of listing them: states are looked for in one joined text, and only names that
do not add up are looked at one by one.
"""
from __future__ import annotations

import calendar
import os
import time

from fsbus.core import health
from fsbus.core.names import born, parse_task
from fsbus.core.states import INBOX_STATES, OUTBOX_STATES
from fsbus.spool import careful, channel
from fsbus.spool.journal import stamp
from fsbus.spool.tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def bus(tree: Tree, now: float) -> dict[str, Any]:
    """Everything, as data."""
    timers = _timers(tree)
    agents = [agent(tree, name, now, timers) for name in tree.agents()]
    return {"root": tree.root, "host": tree.host, "as_of": stamp(now), "agents": agents}


def agent(tree: Tree, name: str, now: float, timers: dict[str, float] | None = None) -> dict[str, Any]:
    """One agent: health and its cause, counts by state, the age of what waits, its beat."""
    timers = timers or _timers(tree)
    settings = tree.settings(name)
    inbox = channel.listing(tree.folder(name, "inbox"))
    counts = count(inbox, INBOX_STATES) | count(channel.listing(tree.folder(name, "outbox")), OUTBOX_STATES)
    beat = _beat(tree, name)
    facts = health.AgentFacts(
        role=str(settings.get("role", "")), pulls=not settings.get("run"),
        paused=os.path.exists(f"{tree.root}/agents/{name}/PAUSE"), running=counts["running"],
        beat_age=_age(beat.get("beat"), now), stopped="stopped" in beat,
        oldest_queued=_oldest(inbox, now) if counts["queued"] else None,
    )  # fmt: skip
    word, cause = health.word(facts, timers["lease"], timers["ack"])
    return {
        "agent": name, "role": facts.role, "home": str(settings.get("home", "")), "health": word, "cause": cause, **counts,
        "rejected": sum(not n.endswith(".why") for n in channel.listing(tree.folder(name, "inbox/rejected"))),
        "oldest_queued": facts.oldest_queued, "beat": beat.get("beat"), "pid": beat.get("pid"), "trouble": beat.get("trouble"),
    }  # fmt: skip


def count(names: list[str], states: tuple[str, ...]) -> dict[str, int]:
    """How many tasks of each state are among these names."""
    text = "\n".join(names)
    fast = {state: text.count(f".{state}.") for state in states}
    if sum(fast.values()) == len(names):
        return fast  # every name shows one state; a stranger's that looks like it has to have these four parts, too
    found = [task.state for task in map(parse_task, names) if task is not None]
    return {state: found.count(state) for state in states}


def _oldest(names: list[str], now: float) -> float | None:
    keys = [task.key for task in map(parse_task, (n for n in names if ".queued." in n)) if task is not None]
    return max(0.0, round(now - born(min(keys)), 1)) if keys else None


def _beat(tree: Tree, name: str) -> dict[str, Any]:
    from fsbus.core import flat

    text = careful.read_text(f"{tree.root}/agents/{name}/alive.yaml") or ""
    found = flat.load(text)
    return found if isinstance(found, dict) else {}


def _age(text: object, now: float) -> float | None:
    if not isinstance(text, str):
        return None
    try:
        return now - calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        return None


def _timers(tree: Tree) -> dict[str, float]:
    """The two timers that health needs, without the whole of `core/config.py`."""
    from fsbus.core.moment import duration

    timers = tree.timers()
    found = {name: duration(timers.get(name, default)) for name, default in (("lease", "30s"), ("ack", "5m"))}
    return {name: value if isinstance(value, float) else 300.0 for name, value in found.items()}
