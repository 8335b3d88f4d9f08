"""What is past `retention.results` does not cross to another host any more (DESIGN section 8): dispatch gives it to nobody there.

It would lie queued here for ever, and its worker would look down: `not_before` and `after` may hold a task for that
long, and a person may want another attempt of an old one. Agents of this host take it all the same.
"""
from __future__ import annotations

from fsbus.core.decide import Able
from fsbus.core.moment import show_duration
from fsbus.core.names import born
from fsbus.core.refusal import Refusal
from fsbus.duties.shop import Shop

MARGIN = 3600.0  # seconds that a pass may be late: a name that nobody sent in time is sent no more


def too_old(shop: Shop, key: str, agent: str, at: float) -> Refusal | None:
    """Why this agent cannot be given this task at that time (seconds since 1970), None if it can."""
    age = at - born(key)
    if age < shop.bus.keep_results - min(MARGIN, shop.bus.keep_results / 2):
        return None  # nearly always: dispatch asks of all that waits, at each pass
    home = shop.tree.home(agent)
    if home == shop.tree.host:
        return None
    keep, old = show_duration(shop.bus.keep_results), show_duration(age)
    what = f"it is {old} old by then, and what is as old as retention.results ({keep}) does not cross to {home}, where {agent} is"
    return Refusal(None, what, "submit it again when it is time, or raise retention.results in bus.yaml")


def within_reach(shop: Shop, key: str, able: list[Able], at: float) -> list[Able]:
    """Those of these agents that can be given this task."""
    return [one for one in able if too_old(shop, key, one.agent, at) is None]
