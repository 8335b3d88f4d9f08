"""The merge of two trees as a pure function of what lies in them: two listings in, a list of steps out (DESIGN section 8).

    For each attempt the truer name wins, everywhere, always (core/order.py), if its side may say so (core/trust.py).

Nothing is concluded from an absence. No step removes a name but `sweep`, and that only where the truer one of the same
attempt lies beside it or is brought by an earlier step; whoever carries a step out looks again right before. So the
plan may be wrong about a world that moved on, cut off anywhere, repeated or made by both sides at once: what it does
is brought nearer to the same end. `plan(a, a)` is empty but for doubled names, and `plan(b, a)` is the mirror image.
"""
from __future__ import annotations

from collections.abc import Generator, Iterator

from fsbus.core import forgotten, gathered
from fsbus.core.besides import accompany, outlived
from fsbus.core.gathered import STRANGE_MOST, Half, Halves, Held, Listing, truest
from fsbus.core.order import WAITING
from fsbus.core.states import COLLECTED, FAILED
from fsbus.core.steps import Step, Way
from fsbus.core.trust import Entry, Rules, judged, may_come

__all__ = ["Entry", "Listing", "Rules", "Step", "may_come", "plan"]

NOTHING = Half([], [])
REWRITTEN = 64 << 10  # bytes of a queued task up to which its next name comes with its own text, and not by a rename


def plan(near: Listing, far: Listing, rules: Rules) -> list[Step]:
    """What brings these two trees together, oldest task first, its last attempt first; what announces a name comes before it."""
    keys = gathered.changed(near, far, rules)
    if not keys:
        return []
    here, _ = gathered.gather(near, keys, rules)
    there, strange = gathered.gather(far, keys, rules)
    steps = [Step("refuse", path, "", "this is not a name that may cross") for path in strange[:STRANGE_MOST]]
    inward, outward = _way("pull", "near", rules, here, there), _way("push", "far", rules.flipped, there, here)
    for group in sorted(here.keys() | there.keys(), key=lambda group: (group[0], -group[1], group[2])):
        one, other = here.get(group, NOTHING), there.get(group, NOTHING)
        steps += _toward(inward, one, other)
        steps += _toward(outward, other, one)
        steps += _texts(inward, outward, one, other)
    return steps


def _way(bring: str, end: str, rules: Rules, here: Halves, there: Halves) -> Way:
    return Way(bring, end, rules, {group[0] for group in here}, forgotten.finals(here), forgotten.finals(there, FAILED))


def _toward(way: Way, here: Half, source: Half) -> Iterator[Step]:
    """The steps that bring to one side what the other knows better, and tidy up there."""
    source = forgotten.as_ended(way, here, source)
    own, arrivals = truest(here.names), _arrivals(way, here, source)
    best = truest(held for held, why in arrivals if not why)
    if way.bring == "pull":
        yield from _refused(way, arrivals, own)
    else:
        yield from _stale(way, source, own)
    gone = ""
    if best is not None and (own is None or _is_truer(way, best, own)) and not _held_back(way, best, own):
        yield from accompany(way, here, source, best, True)
        gone = yield from _announce(way, here, best)
        own = best
    elif own is not None and any(held.path == own.path for held in source.names):
        yield from accompany(way, here, source, own, False)
    if own is not None:
        yield from _swept(way, here, own, gone)


def _is_truer(way: Way, best: Held, own: Held) -> bool:
    """Whether the arrival counts more; of two that differ by what a person renamed, also if ours could not go there."""
    if best.rank != own.rank or best.path == own.path:
        return best.order > own.order
    return best.order > own.order or bool(may_come(own.path, own.entry, way.rules.flipped, {best.path}))


def _swept(way: Way, here: Half, top: Held, gone: str) -> Iterator[Step]:
    """The lesser names of this side, now that it has `top`."""
    for held in here.names:
        if held.order < top.order and held.path != gone and not _is_kept(way, held):
            yield Step(f"sweep-{way.end}", held.path, "", f"{top.path} is truer", top.path)
    yield from outlived(way, here, top)


def _arrivals(way: Way, here: Half, source: Half) -> list[tuple[Held, str]]:
    """The names of the other side, each with why this one does not take it, '' if it does or has it."""
    paths, spots = {held.path for held in here.names}, [held.spot for held in here.names]
    return [(h, "" if h.path in paths else judged(h.spot, h.entry[0], way.rules, spots)) for h in source.names]


def _refused(way: Way, arrivals: list[tuple[Held, str]], own: Held | None) -> Iterator[Step]:
    """What near would follow if far had the right to say it."""
    for held, why in arrivals:
        better = own is None or held.order > own.order
        if why and better and _concerns(way, held) and not (own is None and way.rules.old(held.spot.key)):
            yield Step("refuse", held.path, "", why)


def _stale(way: Way, source: Half, own: Held | None) -> Iterator[Step]:
    """What near has, and nobody has started in all this time: it goes nowhere."""
    last = truest(source.names)
    waits = last is not None and last.spot.kind == "task" and last.rank <= WAITING and (own is None or own.rank <= WAITING)
    if last is not None and waits and way.rules.old(last.spot.key):
        yield Step("stale", last.path, "", "nobody has started it within the retention")


def _concerns(way: Way, held: Held) -> bool:
    """Whether this side has to do with it: somebody it is about lives here, or it has something of that key already."""
    spot = held.spot
    if spot.kind == "message":
        return spot.key in way.keys or way.rules.here(spot.agent) or way.rules.here(spot.name.sender)
    return spot.key in way.keys or way.rules.carried(spot.agent)


def _held_back(way: Way, best: Held, own: Held | None) -> bool:
    """Whether it stays where it is although it may come: it concerns nobody here, or its time is over."""
    if own is not None and own.rank == best.rank and best.spot.name.state not in ("queued", "acked"):
        return True  # only the priority differs, and nothing waits for its turn any more
    if not _concerns(way, best):
        return True
    old = way.rules.old(best.spot.key)
    if best.spot.kind == "message":
        return old and own is None
    return old and (best.rank <= WAITING or (best.rank >= COLLECTED and own is None))


def _announce(way: Way, here: Half, best: Held) -> Generator[Step, None, str]:
    """Bring the name itself: by a rename where this side has the content; returns the path that is gone by it."""
    for held in sorted(here.names, key=lambda held: held.order, reverse=True):
        if not best.lies and _has_its_text(way, held, best):  # else all attempts come at once, for dispatch to see together
            yield Step(f"advance-{way.end}", held.path, best.path, "the other side is further")
            return held.path
    why = "the other side is further" if here.names else "the other side has it"
    yield Step(way.bring, best.lies or best.path, best.path, why)
    return ""


def _has_its_text(way: Way, held: Held, best: Held) -> bool:
    """Whether this name's content may stand under the better name. What waits may have been edited; its author's text stays."""
    if held.spot.name.state != "queued":
        return held.entry[0] == best.entry[0]
    if best.spot.name.state == "queued":
        return best.order < held.order or held.entry == best.entry or way.rules.authors.get(held.spot.key) in way.rules.near
    return held.entry[0] == best.entry[0] > REWRITTEN


def _is_kept(way: Way, held: Held) -> bool:
    """Whether it is not for a merge to remove: what dispatch collected, on dispatch's home."""
    return held.rank >= COLLECTED and way.rules.here(way.rules.dispatch)


def _texts(inward: Way, outward: Way, here: Half, there: Half) -> Iterator[Step]:
    """One name with two contents: of a queued task the author's counts; of anything else both stay, and a human is told."""
    own, other = truest(here.names), truest(there.names)
    if own is None or other is None or own.path != other.path or own.entry == other.entry:
        return
    if own.spot.name.state != "queued":
        yield Step("refuse", own.path, "", "the two sides have different contents under this name")
        return
    author = inward.rules.authors.get(own.spot.key) or inward.rules.homes.get(inward.rules.dispatch)
    ways = [outward, inward] if author in inward.rules.near else [inward, outward]
    for way in ways:
        path, entry = own.path, (own if way is outward else other).entry
        if not may_come(path, entry, way.rules, {path}):
            yield Step(f"edit-{way.end}", path, "", f"its author's text, from {author}")
            return
