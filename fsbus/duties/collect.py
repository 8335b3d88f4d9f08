"""Collecting: an ended attempt becomes the task's final result, once, in dispatch's outbox (DESIGN section 8).

    marker (a link `.node/collected/<key>` that names the attempt), result and files, then the task's name

The marker outlives the result, so that a name that comes back later, from a sleeping host or a backup, is delivered
to nobody a second time: it goes to `late/`. Each step may be repeated after a kill.
"""
from __future__ import annotations

import os

from fsbus.core.names import TaskName
from fsbus.duties import tell
from fsbus.duties.ending import FILES, RESULT
from fsbus.duties.shop import Shop
from fsbus.spool import atomic, channel
from fsbus.spool.channel import Place


def bring(shop: Shop, ended: list[Place]) -> list[Place]:
    """Collect these ended attempts; returns those that became final results. One barrier for all of them."""
    markers = shop.tree.node("collected")
    atomic.folder(markers)
    first = [place for place in ended if _mark(shop, markers, place.name)]
    if ended:
        atomic.sync_folder(markers)  # before the first move
    for place in ended:
        if place in first:
            tell.final(shop, channel.path(shop.tree, place), place.name)
            _move(shop, place, shop.outbox("").rstrip("/"), "collected", "its final result")
        else:
            put_aside(shop, place, "another attempt counts")
    return first


def put_aside(shop: Shop, place: Place, why: str) -> None:
    """Keep the end of an attempt that does not count, in `late/`."""
    _move(shop, place, shop.tree.folder(shop.agent.name, channel.LATE), "late", why)


def counted(shop: Shop, key: str) -> bool:
    """Whether some attempt of this task has been collected."""
    return os.path.lexists(f"{shop.tree.node('collected')}/{key}")


def reopen(shop: Shop, key: str) -> None:
    """Forget that a task was collected: a person wants another attempt, and the old end was put aside."""
    atomic.discard(f"{shop.tree.node('collected')}/{key}")


def _mark(shop: Shop, markers: str, name: TaskName) -> bool:
    """Whether this is the one that counts: the first that was marked, unless it was delivered and now came back."""
    word, marker = f"a{name.attempt}.{name.state}", f"{markers}/{name.key}"
    again = os.path.lexists(marker)
    if atomic.tag(marker, word) != word:
        return False
    return not (again and any(place.collected for place in channel.places(shop.tree, name.key)))


def _move(shop: Shop, place: Place, target: str, called: str, why: str) -> None:
    source, name = os.path.dirname(channel.path(shop.tree, place)), place.name
    atomic.folder(target)
    for sibling in (RESULT, FILES):
        if os.path.lexists(f"{source}/{name.run}{sibling}"):
            atomic.advance(f"{source}/{name.run}{sibling}", f"{target}/{name.run}{sibling}")
    if atomic.advance(f"{source}/{name}", f"{target}/{name}"):
        event = f"{name.state} > {called}"
        shop.journal.record("dispatch", name.key, event, why, agent=place.agent, attempt=name.attempt)
