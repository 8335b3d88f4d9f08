"""What waits for a slot, in service order; filled by the worker's loop, emptied by its slots. Its callers hold the baton.

The inbox is listed and sorted once and then walked: listing it for each claim costs 121 ms at 100,000 names, walking
the list 10 µs (facts/speed.md).
"""
from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterable

from fsbus.core.names import TaskName
from fsbus.duties.baton import Baton


class Backlog:
    """Tasks that may be started, first the one whose name sorts first."""

    def __init__(self, baton: Baton) -> None:
        self._waiting: list[TaskName] = []  # a heap: names sort as `ls` does, priority first, then age
        self._listed: set[TaskName] = set()  # the same, for looking up
        self._urgent: list[TaskName] = []  # to be started now, before all others, whatever slot is free
        self._taken: dict[tuple[str, int], TaskName] = {}  # in a slot, and by which name
        self._ended: dict[tuple[str, int], TaskName] = {}  # the same, since the last listing began, which may still show it
        self._twins: list[TaskName] = []  # further names of what is in a slot: a person copied it under another digit
        self._ready = threading.Condition(baton)  # type: ignore[arg-type]
        self._open = True
        self.held = False  # PAUSE: nothing new is given out

    def begin_listing(self) -> None:
        """The inbox is about to be listed."""
        self._ended.clear()

    def add(self, names: Iterable[TaskName]) -> None:
        """These wait, too, as that listing says; those in hand or ended meanwhile are left out, but for their further names."""
        fresh = list(names) if self._open else []
        known = self._taken | self._ended
        if known:
            fresh = [name for name in fresh if (other := known.get((name.key, name.attempt))) is None or _differ(name, other)]
        if self._listed:
            fresh = [name for name in fresh if name not in self._listed]
        self._listed.update(fresh)
        if len(fresh) > len(self._waiting):  # a whole backlog at once: one pass instead of one climb for each
            self._waiting += fresh
            heapq.heapify(self._waiting)
        else:
            for name in fresh:
                heapq.heappush(self._waiting, name)
        if fresh:
            self._ready.notify_all()

    def take(self, reserved: bool = False) -> TaskName | None:
        """The next one, when there is one; None once closed. Its key is in hand until `done`.

        The reserved slot gets only what was put first with `urge`.
        """
        while True:
            while self._open and (self.held or not (self._urgent or (self._waiting and not reserved))):
                self._ready.wait()
            if not self._open:
                return None
            name = self._urgent.pop(0) if self._urgent else heapq.heappop(self._waiting)
            attempt = (name.key, name.attempt)
            if attempt not in self._taken:
                break
            self._twins.append(name)  # two slots would run it side by side, or the second one end it as a dead worker's
        self._listed.discard(name)
        self._taken[attempt] = name
        return name

    def urge(self, key: str) -> None:
        """Put the latest attempt of a task that waits before all others."""
        name = max((n for n in self._waiting if n.key == key), key=lambda n: n.attempt, default=None)
        if name is not None:
            self._waiting.remove(name)
            heapq.heapify(self._waiting)
            self._urgent.append(name)
            self._ready.notify_all()

    def withdraw(self, key: str, covers: Callable[[int], bool]) -> TaskName | None:
        """Take an attempt of a task out of the row, if no slot has it; it is in hand until `done`."""
        rows = (self._urgent, self._waiting)
        row, name = next(((r, n) for r in rows for n in r if n.key == key and covers(n.attempt)), (self._waiting, None))
        if name is not None:
            row.remove(name)
            heapq.heapify(self._waiting)
            self._listed.discard(name)
            self._taken[name.key, name.attempt] = name
        return name

    def done(self, name: TaskName) -> None:
        """It is out of hand."""
        self._free(name)
        self._ended[name.key, name.attempt] = name

    def give_back(self, name: TaskName) -> None:
        """It was not started and waits again; said here and not left to the next listing, which may have begun already."""
        self._free(name)
        if self._open:
            heapq.heappush(self._waiting, name)
            self._listed.add(name)
        self._ready.notify_all()

    def _free(self, name: TaskName) -> None:
        """No slot has it; its further names wait again, and whoever gets one finds what became of it."""
        self._taken.pop((name.key, name.attempt), None)
        if self._twins and self._open:
            twins = [twin for twin in self._twins if (twin.key, twin.attempt) == (name.key, name.attempt)]
            for twin in twins:
                self._twins.remove(twin)
                heapq.heappush(self._waiting, twin)
            self._ready.notify_all()

    def in_hand(self) -> bool:
        """Whether a slot has one: from `take` to `done`, without a gap in which nobody seems to have it."""
        return bool(self._taken)

    def hold(self, held: bool) -> None:
        """Give out nothing new, or go on."""
        self.held = held
        self._ready.notify_all()

    def close(self, abandon: bool = False) -> None:
        """Nothing more is given out; whoever waits gets None. With `abandon` nobody waits for what is in hand."""
        self._open = False
        if abandon:
            self._taken.clear()
        self._waiting.clear()
        self._urgent.clear()
        self._ready.notify_all()

    def __contains__(self, name: TaskName) -> bool:
        """Whether it waits, or is in hand."""
        return name in self._listed or (name.key, name.attempt) in self._taken

    def __len__(self) -> int:
        return len(self._waiting) + len(self._urgent)


def _differ(name: TaskName, other: TaskName) -> bool:
    """Whether these names of one attempt differ in more than the state: in the digit, say."""
    return name != other.to(name.state)
