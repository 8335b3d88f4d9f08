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
    if not ended:
        return []
    markers, final = shop.tree.node("collected"), shop.tree.folder(shop.agent.name, "outbox")
    for folder in (markers, final):
        atomic.folder(folder)
    counts = [_mark(shop, markers, place.name) for place in ended]
    with shop.baton.aside:
        atomic.sync_folder(markers)  # before the first move
    for place, first in zip(ended, counts, strict=True):
        shop.baton.offer()
        if first:
            tell.final(shop, channel.path(shop.tree, place), place.name)
            _move(shop, place, final, "collected", "its final result")
        else:
            put_aside(shop, place, "another attempt counts")
    return [place for place, first in zip(ended, counts, strict=True) if first]


def put_aside(shop: Shop, place: Place, why: str) -> None:
    """Keep the end of an attempt that does not count, in `late/`."""
    late = shop.tree.folder(shop.agent.name, channel.LATE)
    atomic.folder(late)
    _move(shop, place, late, "late", why)


def counted(shop: Shop, key: str) -> bool:
    """Whether some attempt of this task has been collected."""
    return os.path.lexists(f"{shop.tree.node('collected')}/{key}")


def reopen(shop: Shop, key: str) -> None:
    """Forget that a task was collected: a person wants another attempt, and the old end was put aside."""
    atomic.discard(f"{shop.tree.node('collected')}/{key}")


def _mark(shop: Shop, markers: str, name: TaskName) -> bool:
    """Whether this is the one that counts: the first that was marked, unless it was delivered and now came back."""
    word = f"a{name.attempt}.{name.state}"
    before = atomic.tag(f"{markers}/{name.key}", word)
    if before is None:
        return True
    return before == word and not any(place.collected for place in channel.places(shop.tree, name.key))


def _move(shop: Shop, place: Place, target: str, called: str, why: str) -> None:
    source, name, run = channel.folder(shop.tree, place), place.name, place.name.run
    atomic.advance(f"{source}/{run}{RESULT}", f"{target}/{run}{RESULT}")
    if os.path.isdir(f"{source}/{run}{FILES}"):
        atomic.advance(f"{source}/{run}{FILES}", f"{target}/{run}{FILES}")
    if atomic.advance(f"{source}/{name}", f"{target}/{name}"):
        event = f"{name.state} > {called}"
        shop.journal.record("dispatch", name.key, event, why, agent=place.agent, attempt=name.attempt)
