"""Collecting: an ended attempt becomes the task's final result, once, in dispatch's outbox (DESIGN section 8).

    marker (a link `.node/collected/<key>` that names the attempt), result and files, then the task's name

The marker outlives the result, so that a name that comes back later, from a sleeping host or a backup, is delivered
to nobody a second time: it goes to `late/`. Where markers are lost, the next start makes them again from the outbox.

A person may ask again for a task that is done. Its result stays until there is another `done`, which sends it to
`late/`; the failure of such an attempt goes there itself. Each step may be repeated after a kill.
"""
from __future__ import annotations

import os

from fsbus.core import forgotten
from fsbus.core.names import TaskName, born
from fsbus.core.paths import RESULT
from fsbus.duties import tell, whole
from fsbus.duties.shop import Shop
from fsbus.spool import atomic, careful, channel
from fsbus.spool.channel import Place
from fsbus.spool.journal import SKEW, recent

HOP = "collected"  # as the journal says it
STAYS = "the earlier done stays its result"


def remember(shop: Shop, but: list[str]) -> None:
    """Mark what has been collected and bears no marker, as in a tree from a backup; not what people want tried again.

    What dispatch ended itself was collected from nobody.
    """
    markers, final = shop.tree.node("collected"), shop.folder("outbox")
    atomic.folder(markers)
    unmarked = (name for name in channel.listing(final) if not counted(shop, name[2:27]))
    for name in (task for task in channel.tasks(unmarked, "outbox") if task.key not in but):
        with shop.apart(f"{name.key} cannot be marked as collected"):
            if forgotten.ender(careful.head(channel.beside(final, name, RESULT), forgotten.HEAD).encode()) != shop.agent.name:
                atomic.tag(f"{markers}/{name.key}", f"a{name.attempt}.{name.state}")


def bring(shop: Shop, ended: list[Place]) -> None:
    """Collect these ended attempts, or put them aside if another one counts. One barrier for all of them."""
    if not ended:
        return
    markers, final = shop.tree.node("collected"), shop.folder("outbox")
    for folder in (markers, final):
        atomic.folder(folder)
    marked: list[tuple[Place, str]] = []
    had: set[str] = set()
    with shop.apart():  # whoever is told twice has lost nothing
        had = _collected_before(shop, [place.name for place in ended if counted(shop, place.name.key)])
    for place in ended:
        with shop.apart(f"{place.name.key} cannot be collected"):
            marked.append((place, _aside(shop, markers, place)))
    with shop.barrier():
        atomic.sync_folder(markers)  # before the first move
    for place, why in marked:
        shop.baton.offer()
        with shop.apart(f"{place.name.key} cannot be collected"):
            _carry(shop, place, why, f"{place.name.key}.a{place.name.attempt}" in had)


def _carry(shop: Shop, place: Place, why: str, again: bool) -> None:
    """To dispatch's outbox, or to `late/` if there is a reason for that; who was told of it is not told `again`."""
    if why:
        put_aside(shop, place, why)
        return
    if not again:
        tell.final(shop, channel.path(shop.tree, place), place.name)
    why = "it was removed, and came back" if again else "its final result"
    _move(shop, place, shop.folder("outbox"), place.name, HOP, why)


def _collected_before(shop: Shop, marked: list[TaskName]) -> set[str]:
    """By `<key>.a<N>`, what lay in the outbox already, these among it: marked is also what a kill kept from it.

    One look into the journal for all: a person may have removed a thousand, and they all come back at once.
    """
    since = min((born(name.key) for name in marked), default=0.0) - SKEW
    said = recent(shop.tree.root, since, f'> {HOP}"') if marked else ()
    return {f"{record.get('key')}.a{record.get('attempt')}" for record in said}


def put_aside(shop: Shop, place: Place, why: str) -> None:
    """Keep the end of an attempt that does not count, in `late/`."""
    late = shop.folder(channel.LATE)
    atomic.folder(late)
    to = whole.free(channel.folder(shop.tree, place), late, place.name)
    _move(shop, place, late, to, "late", why)


def counted(shop: Shop, key: str) -> bool:
    """Whether some attempt of this task has been collected."""
    return os.path.lexists(f"{shop.tree.node('collected')}/{key}")


def counts_instead(shop: Shop, name: TaskName) -> bool:
    """Whether another attempt of this task than that of `name` has been collected."""
    try:
        return not os.readlink(f"{shop.tree.node('collected')}/{name.key}").startswith(f"a{name.attempt}.")
    except OSError:
        return False


def reopen(shop: Shop, key: str) -> None:
    """Forget that a task was collected: a person wants another attempt."""
    atomic.discard(f"{shop.tree.node('collected')}/{key}")


def done_before(name: TaskName, found: list[Place]) -> Place | None:
    """The earlier attempt of this task that is its result until a further one is done; `found`: all places of the task."""
    return max((p for p in _others(name, found) if p.name.state == "done"), key=lambda p: p.name.attempt, default=None)


def _others(name: TaskName, found: list[Place]) -> list[Place]:
    return [p for p in found if p.collected and p.name.attempt != name.attempt]


def _aside(shop: Shop, markers: str, place: Place) -> str:
    """Why this end is not the result of its task, '' if it is. Which one counts is marked on the way, and others make room."""
    name, final = place.name, shop.folder("outbox")
    there = whole.beside(final, name)
    if there and whole.has_end(final, name):
        return "another end of this attempt counts"
    if name.attempt > 1 and not counted(shop, name.key):
        found = channel.places(shop.tree, name.key)
        before = done_before(name, found) if name.state == "failed" else None
        if before is not None:
            atomic.tag(f"{markers}/{name.key}", f"a{before.name.attempt}.done")
            return STAYS
        for other in _others(name, found):
            put_aside(shop, other, "a further attempt took its place")
    if not _mark(shop, markers, name):
        return "another attempt counts"
    if there:  # only now: it may be the result of a name whose priority a person changed
        whole.clear(channel.folder(shop.tree, place), final, shop.folder(channel.LATE), name)
    return ""


def _mark(shop: Shop, markers: str, name: TaskName) -> bool:
    """Whether this is the one that counts: the first that was marked, unless it was delivered and now came back."""
    word = f"a{name.attempt}.{name.state}"
    before = atomic.tag(f"{markers}/{name.key}", word)
    if before is None:
        return True
    return before == word and not any(place.collected for place in channel.places(shop.tree, name.key))


def _move(shop: Shop, place: Place, target: str, to: TaskName, called: str, why: str) -> None:
    name = place.name
    if whole.move(channel.folder(shop.tree, place), target, name, to):
        event = f"{name.state} > {called}"
        shop.journal.record("dispatch", name.key, event, why, agent=place.agent, attempt=name.attempt)
