"""What some tasks came to, looked at again and again until all have ended: what `wait` waits for.

Not all have ended as long as one has not. So one of those that are open stands for all: while its name lies where it
lay, a look costs one system call, however many tasks there are. When it moved the tree is read; and now and then in any
case, since a name may lie on, on a host that is away, when another attempt of its task has ended.
"""
from __future__ import annotations

import os
import time

from fsbus.core import given
from fsbus.core.names import is_key
from fsbus.spool import channel
from fsbus.spool.channel import Place
from fsbus.spool.tree import Tree
from fsbus.views import story

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# Seconds for dispatch to collect what is done. People script with `wait` and look into its outbox then, and it takes
# milliseconds; where it takes longer, a task that is done is no reason to sleep on.
COLLECTED = 1.0
SHARE = 20  # reading the tree while nothing seems to have moved may take 1/20 of the time


class Ends:
    """Some tasks on one bus. Raises NotFound for one that is not there."""

    def __init__(self, tree: Tree, keys: Iterable[str]) -> None:
        self._tree = tree
        self.ended: dict[str, str] = {}  # those that have ended for good: key -> done or failed
        self._loose: set[str] = set()  # of these, the ones that dispatch has not collected
        self._last = ""  # the path of one that is open, of which the end is likely to come last
        self._rested = 0.0  # until when that is enough, on the monotonic clock
        asked = dict.fromkeys(given.part(key) for key in keys)
        began, again = time.monotonic(), story.asked_again(tree)
        found = story.find_all(tree, {key for key in asked if is_key(key)})
        for part in (key for key in asked if key not in found):
            places = story.find(tree, part)
            found[places[0].name.key] = places
        self._keys = set(found)
        self._note(began, again, found)

    def all_ended(self) -> bool:
        """One look at those that had not ended, or were not collected, at the last one."""
        began = time.monotonic()
        if not (began < self._rested and self._last and os.path.lexists(self._last)):
            left = self._keys - self.ended.keys() | self._loose
            again = story.asked_again(self._tree)  # before the rest, since dispatch acts meanwhile
            found = story.find_all(self._tree, left)
            self._note(began, again, {key: found.get(key) or story.find(self._tree, key) for key in left})
        return len(self.ended) == len(self._keys)

    def at_last(self) -> bool:
        """The same, now that the time is up, with a look at each."""
        self._rested = 0.0
        return self.all_ended()

    def _note(self, began: float, again: set[str], found: dict[str, list[Place]]) -> None:
        """Note what has ended, and which of the others stands for all; `again`: what a person wants tried again."""
        open_ = []
        for key, places in found.items():
            place = story.present(self._tree, places)
            if not story.final(place):
                open_.append(place)
            elif key not in again:
                self.ended[key] = place.name.state
                (self._loose.discard if place.collected else self._loose.add)(key)
        self._last = channel.path(self._tree, max(open_, key=lambda place: place.name)) if open_ else ""
        self._rested = time.monotonic() + SHARE * (time.monotonic() - began)

    def all_there(self) -> bool:
        """Whether all have ended, and dispatch has collected what it will collect soon."""
        return self.all_ended() and not (self._loose and story.collects(self._tree))

    def open(self) -> str:
        """The others, in words."""
        left = sorted(self._keys - self.ended.keys())
        states = [story.present(self._tree, story.find(self._tree, key)).name.state for key in left[:3]]
        says = ", ".join(f"{key} is {state}" for key, state in zip(left, states, strict=False))
        return f"{len(left)} of {len(self._keys)} tasks have not ended: {says}"
