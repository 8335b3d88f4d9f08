"""Collecting: an ended attempt becomes the task's final result, once, in dispatch's outbox (DESIGN section 8).

    marker (a link `.node/collected/<key>` that names the attempt), result and files, then the task's name

The marker outlives the result, so that a name that comes back later, from a sleeping host or a backup, is delivered
to nobody a second time: it goes to `late/`. Each step may be repeated after a kill.
"""
from __future__ import annotations

import os

from fsbus.core.names import TaskName
from fsbus.duties.ending import FILES, RESULT
from fsbus.duties.shop import Shop
from fsbus.spool import atomic, channel


def everything(shop: Shop) -> int:
    """Collect all ended attempts of all other agents; returns how many."""
    markers = shop.tree.node("collected")
    atomic.folder(markers)
    count = 0
    for agent in shop.tree.agents():
        if agent == shop.agent.name:
            continue
        outbox = shop.tree.folder(agent, "outbox")
        ended = sorted(channel.tasks(channel.listing(outbox), "outbox"))
        verdicts = [(name, _mark(shop, markers, name)) for name in ended]
        if ended:
            atomic.sync_folder(markers)  # one barrier for the batch, before the first move
        for name, first in verdicts:
            count += _bring(shop, agent, outbox, name, first)
    return count


def _mark(shop: Shop, markers: str, name: TaskName) -> bool:
    """Whether this is the one that counts: the first that was marked, unless it was delivered and now came back."""
    word, marker = f"a{name.attempt}.{name.state}", f"{markers}/{name.key}"
    again = os.path.lexists(marker)
    if atomic.tag(marker, word) != word:
        return False
    return not (again and any(place.collected for place in channel.places(shop.tree, name.key)))


def _bring(shop: Shop, agent: str, outbox: str, name: TaskName, first: bool) -> bool:
    target = shop.outbox("").rstrip("/") if first else shop.tree.folder(shop.agent.name, channel.LATE)
    atomic.folder(target)
    for sibling in (RESULT, FILES):
        if os.path.lexists(f"{outbox}/{name.run}{sibling}"):
            atomic.advance(f"{outbox}/{name.run}{sibling}", f"{target}/{name.run}{sibling}")
    if not atomic.advance(f"{outbox}/{name}", f"{target}/{name}"):
        return False
    place, why = ("collected", "its final result") if first else ("late", "another attempt counts")
    shop.journal.record("dispatch", name.key, f"{name.state} > {place}", why, agent=agent, attempt=name.attempt)
    return True
