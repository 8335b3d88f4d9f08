"""What the side of dispatch has forgotten, since it went back to a backup: the other side still has it as collected.

A host may not say that dispatch collected something. So an end that dispatch's side lacks comes back as what it was
before, an end in its agent's outbox, by the rules for that; and dispatch collects it again, as anything that ended.
Of a task in several attempts the one that counted comes first, so that dispatch comes to the same end; what had been put
aside comes once that one is collected, or along with it if the whole task failed: dispatch then sees what was tried.
"""
from __future__ import annotations

import re

from fsbus.core.gathered import Half, Halves, Held, Listing
from fsbus.core.names import parse_task
from fsbus.core.order import PUT_ASIDE, order, rank
from fsbus.core.paths import LATE, OUTBOX, RESULT, Spot, split
from fsbus.core.states import COLLECTED, FAILED
from fsbus.core.steps import Way
from fsbus.core.trust import Rules, judged

HEAD = 512  # bytes of a result in which it says who ended it
_AGENT = re.compile(rb"^agent: (\S+)$", re.MULTILINE)


def asked(has: Listing, lacks: Listing, rules: Rules) -> dict[str, str]:
    """By path, the ends that one side has as collected and dispatch's lacks, each with the path of its result.

    None that is old, and none while the clocks are apart: dispatch's host has let go of such.
    """
    found: dict[str, str] = {}
    for folder in (f"agents/{rules.dispatch}/{channel}" for channel in (OUTBOX, LATE)) if rules.expire else ():
        names = has.get(folder, {})
        for name in names.keys() - lacks.get(folder, {}).keys():
            task = parse_task(name)
            if task is not None and not rules.old(task.key):
                results = (f"{digit}{task.run[1:]}{RESULT}" for digit in (name[0], *"0123456789"))
                found |= {f"{folder}/{name}": f"{folder}/{result}" for result in results if result in names}
    return found


def ender(result: bytes) -> str:
    """The agent that ended it, as its result says; '' if it does not say so. Whoever stores it looks once more."""
    said = _AGENT.search(result[:HEAD])
    return said[1].decode("ascii", "replace") if said else ""


def finals(halves: Halves, state: str = "") -> set[str]:
    """The keys of which this side has the final result; with `state`, of those that ended so."""
    return {
        key
        for (key, _, _), half in halves.items()
        if any(COLLECTED <= held.rank < PUT_ASIDE and state in ("", held.spot.name.state) for held in half.names)
    }


def as_ended(way: Way, here: Half, source: Half) -> Half:
    """What the other side has of an attempt, with its collected ends as ends of their agents, where these may come."""
    if not way.rules.enders:
        return source
    spots = [held.spot for held in here.names]
    return source._replace(names=[_ended(way, held, spots) for held in source.names])


def _ended(way: Way, held: Held, spots: list[Spot]) -> Held:
    rules, agent = way.rules, way.rules.enders.get(held.path, "")
    if not agent or not _has_its_turn(way, held, bool(spots)):
        return held
    spot, path = held.spot._replace(agent=agent, channel=OUTBOX), f"agents/{agent}/{OUTBOX}/{split(held.path)[1]}"
    if judged(spot, held.entry[0], rules, spots):
        return held
    return Held(path, spot, held.entry, rank(spot, rules.dispatch), order(spot, path, rules.dispatch), held.path)


def _has_its_turn(way: Way, held: Held, waited_for: bool) -> bool:
    """Whether dispatch, given this end now, comes to the same conclusion as before."""
    key = held.spot.key
    if held.rank < PUT_ASIDE:
        return held.rank >= COLLECTED and (waited_for or key not in way.final)
    return key in way.final or (key in way.failing and held.spot.name.state == FAILED)
