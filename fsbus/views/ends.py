"""What some tasks came to, looked at again and again until all have ended: what `wait` waits for."""
from __future__ import annotations

import os

from fsbus.spool import careful
from fsbus.spool.tree import Tree
from fsbus.views import story

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# Seconds for dispatch to collect what is done. People script with `wait` and look into its outbox then, and it takes
# milliseconds; where it takes longer, a task that is done is no reason to sleep on.
COLLECTED = 1.0


class Ends:
    """Some tasks on one bus. Raises NotFound for one that is not there."""

    def __init__(self, tree: Tree, keys: Iterable[str]) -> None:
        self._tree = tree
        self._keys = {story.find(tree, key)[0].name.key for key in keys}
        self.ended: dict[str, str] = {}  # those that have ended for good: key -> done or failed
        self._loose: set[str] = set()  # of these, the ones that dispatch has not collected

    def all_ended(self) -> bool:
        """One look at those that had not ended, or were not collected, at the last one."""
        again = story.asked_again(self._tree)
        for key in self._keys - self.ended.keys() | self._loose:
            place = story.present(self._tree, story.find(self._tree, key))
            if story.final(place) and key not in again:
                self.ended[key] = place.name.state
                (self._loose.discard if place.collected else self._loose.add)(key)
        return len(self.ended) == len(self._keys)

    def all_there(self) -> bool:
        """Whether all have ended, and dispatch has collected what it will collect soon."""
        return self.all_ended() and not (self._loose and self._collects())

    def open(self) -> str:
        """The others, in words."""
        left = sorted(self._keys - self.ended.keys())
        states = [story.present(self._tree, story.find(self._tree, key)).name.state for key in left[:3]]
        says = ", ".join(f"{key} is {state}" for key, state in zip(left, states, strict=False))
        return f"{len(left)} of {len(self._keys)} tasks have not ended: {says}"

    def _collects(self) -> bool:
        """Whether dispatch is at work on this host: its beat is here, and does not say that it went in good order."""
        dispatch = self._tree.with_role("dispatch")
        beat = f"{self._tree.root}/agents/{dispatch}/alive.yaml"
        here = bool(dispatch) and self._tree.home(dispatch) == self._tree.host and os.path.exists(beat)
        return here and "stopped" not in careful.mapping(beat)
