"""From two listings to what has to be looked at: only what differs or lies doubled is parsed, whatever else there is.

A pass over a tree in which nothing changed costs a comparison of names, so that a hundred thousand of them are no
reason to look less often.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import NamedTuple

from fsbus.core.names import KEY_LENGTH
from fsbus.core.order import BESIDE, Order, order, rank
from fsbus.core.paths import BRIEF, FILES, INBOX, RESULT, SEEN, URGENT, Spot, parse_path
from fsbus.core.trust import Entry, Rules

Listing = dict[str, dict[str, Entry]]  # folder -> name -> (size, tag)
ONE_EACH = (f"/{INBOX}", f"/{URGENT}", f"/{SEEN}")  # folders in which a key has one name, and at most a brief
STRANGE_MOST = 50  # names of a peer that cannot be read and are still told one by one


class Held(NamedTuple):
    """One name that a side has."""

    path: str  # relative to the root
    spot: Spot  # what the path says
    entry: Entry  # size and tag
    rank: int  # how far it is
    order: Order  # its place among the names of its attempt
    lies: str = ""  # the path under which it lies, if that is another: an end that dispatch's side has forgotten


class Half(NamedTuple):
    """What one side has of one attempt or message."""

    names: list[Held]  # that say where it is
    beside: list[Held]  # what lies beside them: briefs, results, files


Group = tuple[str, int, str]  # a task's key, attempt, ''; or a message's key, 0 and receiver with name
Halves = dict[Group, Half]


def truest(held: Iterable[Held]) -> Held | None:
    """The one of these that counts, None if there is none."""
    return max(held, key=lambda one: one.order, default=None)


def changed(near: Listing, far: Listing, rules: Rules) -> set[str]:
    """The keys of which the two sides do not say the same, or one of them says two things, as far as anybody cares."""
    keys = _doubled(near) | _doubled(far)
    loose: tuple[set[str], set[str]] = set(), set()  # of agents with whom the other side has nothing to do
    for folder in near.keys() | far.keys():
        here, there = near.get(folder, {}), far.get(folder, {})
        if here == there:
            continue
        agent = _agent(folder)
        for has, lacks, asked, some in ((here, there, rules.flipped, loose[0]), (there, here, rules, loose[1])):
            found = _keys([n for n, e in has.items() if lacks.get(n) != e], _cut(folder))
            (keys if asked.carried(agent) else some).update(found)
    return keys | _known(loose[0], far) | _known(loose[1], near)


def gather(listing: Listing, keys: set[str], rules: Rules) -> tuple[Halves, list[str]]:
    """All that this side has of these keys, by attempt; and the paths that cannot be read."""
    found: Halves = {}
    strange: list[str] = []
    for folder, names in listing.items():
        for name in _about(names, keys, _cut(folder)):
            held = _held(f"{folder}/{name}", names[name], rules)
            if held is None:
                strange.append(f"{folder}/{name}")
            else:
                half = found.setdefault(_group(held), Half([], []))
                (half.beside if held.spot.kind in BESIDE else half.names).append(held)
    return found, strange


def _known(keys: set[str], other: Listing) -> set[str]:
    """Those of which the other side has something."""
    if not keys:
        return keys
    return {key for folder, names in other.items() for key in keys.intersection(_keys(names, _cut(folder)))}


def _doubled(listing: Listing) -> set[str]:
    """The keys of attempts and messages that one side has under more than one name.

    A key in two folders may be two attempts, so these are looked at more closely; most of a tree is in one.
    """
    seen: dict[str, set[str]] = {}
    twice: set[str] = set()
    for folder, names in listing.items():
        keys = _cuts(names, _cut(folder))
        if len(keys) < len(names) and folder.endswith(ONE_EACH):
            twice |= keys
        about = _agent(folder) if _is_urgent(folder) else ""
        before = seen.get(about)
        if before is None:
            seen[about] = keys
        else:
            twice |= keys & before
            before |= keys
    return _twice(listing, twice) if twice else twice


def _twice(listing: Listing, keys: set[str]) -> set[str]:
    """Those of these keys that are one attempt, or one message to one agent, under two names."""
    counted: Counter[tuple[str, str]] = Counter()
    for folder, names in listing.items():
        cut, about = _cut(folder), _agent(folder) if _is_urgent(folder) else ""
        found = [name for name in _about(names, keys, cut) if not name.endswith((RESULT, FILES)) and name[0] != "."]
        counted.update((about, name[cut:].rsplit(".", 2)[0]) for name in found)
    return {one[:KEY_LENGTH] for (_, one), count in counted.items() if count > 1}


def _about(names: Iterable[str], keys: set[str], cut: int) -> list[str]:
    """The names that carry one of these keys."""
    end, brief = cut + KEY_LENGTH, len(BRIEF)
    return [n for n in names if n[cut:end] in keys or (n[:1] == "." and n[brief : brief + KEY_LENGTH] in keys)]


def _keys(names: Collection[str], cut: int) -> set[str]:
    """The keys in these names, those of briefs, too."""
    start = len(BRIEF)
    return _cuts(names, cut) | {name[start : start + KEY_LENGTH] for name in names if name[:1] == "."}


def _cuts(names: Collection[str], cut: int) -> set[str]:
    end = cut + KEY_LENGTH
    return {name[cut:end] for name in names}


def _cut(folder: str) -> int:
    """Where the key begins in the names of this folder: after the priority, unless they are messages."""
    return 0 if _is_urgent(folder) else 2


def _is_urgent(folder: str) -> bool:
    return folder.endswith((f"/{URGENT}", f"/{SEEN}"))


def _agent(folder: str) -> str:
    return folder.split("/")[1] if "/" in folder else ""


def _held(path: str, entry: Entry, rules: Rules) -> Held | None:
    spot = parse_path(path)
    if spot is None or spot.kind not in ("task", "message", *BESIDE):
        return None
    return Held(path, spot, entry, rank(spot, rules.dispatch), order(spot, path, rules.dispatch))


def _group(held: Held) -> Group:
    spot = held.spot
    if spot.kind != "message":
        return spot.key, spot.attempt, ""
    return spot.key, 0, f"{spot.agent}/{spot.name.to('new')}"
