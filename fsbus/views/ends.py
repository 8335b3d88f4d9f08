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

    Seen = tuple[set[str], dict[str, list[Place]]]  # what a person wants tried again, and where everything lies

# Seconds for dispatch to collect what is done. People script with `wait` and look into its outbox then, and it takes
# milliseconds; where it takes longer, a task that is done is no reason to sleep on.
COLLECTED = 1.0
SHARE = 20  # reading the tree while nothing seems to have moved may take 1/20 of the time


class Ends:
    """Some tasks on one bus. Raises NotFound for one that is not there."""

    def __init__(self, tree: Tree, keys: Iterable[str]) -> None:
        self._tree = tree
        asked = dict.fromkeys(given.part(key) for key in keys)
        again = story.asked_again(tree)
        found = story.find_all(tree, {key for key in asked if is_key(key)})
        self._keys = {key if key in found else story.find(tree, key)[0].name.key for key in asked}
        self.ended: dict[str, str] = {}  # those that have ended for good: key -> done or failed
        self._loose: set[str] = set()  # of these, the ones that dispatch has not collected
        self._last = ""  # the path of one that is open, of which the end is likely to come last
        self._rested = 0.0  # until when that is enough, on the monotonic clock
        self._first: Seen | None = (again, found)  # for the first look; in this order, since dispatch acts meanwhile

    def all_ended(self) -> bool:
        """One look at those that had not ended, or were not collected, at the last one."""
        began = time.monotonic()
        if began < self._rested and self._last and os.path.lexists(self._last):
            return False
        open_ = self._look()
        self._last = channel.path(self._tree, max(open_, key=lambda place: place.name)) if open_ else ""
        self._rested = time.monotonic() + SHARE * (time.monotonic() - began)
        return len(self.ended) == len(self._keys)

    def at_last(self) -> bool:
        """The same, now that the time is up, with a look at each."""
        self._rested = 0.0
        return self.all_ended()

    def _look(self) -> list[Place]:
        """Note what has ended; where those lie that have not."""
        left, open_ = self._keys - self.ended.keys() | self._loose, []
        again, found = self._first or (story.asked_again(self._tree), story.find_all(self._tree, left))
        self._first = None
        for key in left:
            place = story.present(self._tree, found.get(key) or story.find(self._tree, key))
            if not story.final(place):
                open_.append(place)
            elif key not in again:
                self.ended[key] = place.name.state
                (self._loose.discard if place.collected else self._loose.add)(key)
        return open_

    def all_there(self) -> bool:
        """Whether all have ended, and dispatch has collected what it will collect soon."""
        return self.all_ended() and not (self._loose and story.collects(self._tree))

    def open(self) -> str:
        """The others, in words."""
        left = sorted(self._keys - self.ended.keys())
        states = [story.present(self._tree, story.find(self._tree, key)).name.state for key in left[:3]]
        says = ", ".join(f"{key} is {state}" for key, state in zip(left, states, strict=False))
        return f"{len(left)} of {len(self._keys)} tasks have not ended: {says}"
