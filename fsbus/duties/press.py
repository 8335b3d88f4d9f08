"""The press of one worker: publishes what its attempts came to, in the order in which they ended.

A thread of its own, so that a slot goes on while the disk does its work, and so that short tasks which end together
share their barriers: one alone is published at once, those that end meanwhile go together. It never waits for a task.
Until its result is published an attempt is `running`; a kill within these milliseconds leaves it `crashed`.
"""
from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from fsbus.core.result import Outcome, failure
from fsbus.duties import ending
from fsbus.duties.ending import End
from fsbus.duties.shop import Shop
from fsbus.spool import fault

LONGEST = 20.0  # seconds for which a `tick` waits for one
RETRY = 1.0  # seconds between attempts to publish what was refused
TOGETHER = 0.01  # seconds in which those that end share their barriers, when they come one after the other
ENOUGH = 16  # results that do not wait for others
MOST = 32  # results that may wait; with more the slots wait, too, so that a kill costs little


class Press(threading.Thread):
    """See the module."""

    def __init__(self, shop: Shop, published: Callable[[End], None]) -> None:
        """`published` is called for each, also if its task was taken away meanwhile."""
        super().__init__(name="press", daemon=True)
        self.shop, self._published = shop, published
        self._ends: list[End] = []
        self._refused: list[tuple[End, Exception]] = []  # what could not be published, and why
        self._again = 0.0  # when that is tried again, in monotonic seconds
        self._open = True
        self._changed = threading.Condition(shop.baton)  # type: ignore[arg-type]

    def give(self, end: End) -> None:
        """Have it published soon."""
        while len(self._ends) + len(self._refused) >= MOST:
            self._changed.wait()
        self._ends.append(end)
        if len(self._ends) in (1, ENOUGH):
            self._changed.notify_all()

    def tell(self) -> None:
        """Keep for this pass what is in the way of those that could not be published."""
        for _, error in self._refused:
            self.shop.apart.keep(error)

    def close(self) -> None:
        """Nothing more will come."""
        self._open = False
        self._changed.notify_all()

    def run(self) -> None:
        """Until it is closed and all is published."""
        with self.shop.baton:
            while ends := self._next():
                self._publish(ends)
                if self._ends:
                    self._changed.wait_for(lambda: len(self._ends) >= ENOUGH, TOGETHER)

    def _next(self) -> list[End]:
        """All that waits, as soon as something does, and after a while what was refused; nothing once closed."""
        while self._open and not (self._ends or self._is_time()):
            self._changed.wait(RETRY if self._refused else None)
        ends, self._ends = self._ends, []
        if self._open and self._is_time():
            ends += [end for end, _ in self._refused]
            self._refused = []
        self._changed.notify_all()
        return ends

    def _is_time(self) -> bool:
        return bool(self._refused) and time.monotonic() >= self._again

    def _publish(self, ends: list[End]) -> None:
        """Together; where something is in the way each alone, so that the others are."""
        try:
            ending.end_all(self.shop, ends)
        except Exception as error:  # the disk, or a fault of ours
            if len(ends) == 1:
                self._see(ends[0], error)
            for end in ends if len(ends) > 1 else ():
                self._publish([end])
            return
        self.shop.complain("")
        self.shop.apart.each(ends, self._published)

    def _see(self, end: End, error: Exception) -> None:
        """A fault of ours fails the one that it is about; what the disk refuses, or cannot even fail, waits."""
        what = end.outcome.failure
        if not isinstance(error, OSError) and (what is None or what.kind != "crashed"):
            self._publish([replace(end, outcome=Outcome(failure("crashed", fault.sentence(error))))])
            return
        error.add_note(f"{end.name.key}: the result waits" + (" for the disk" if isinstance(error, OSError) else ""))
        if self.shop.stopping.is_set() or (self.shop.once and time.time() - end.now > LONGEST):
            self.shop.apart.keep(error)  # still `running`, with its case folder: the next start says `crashed`
            self.shop.apart.each([end], self._published)
            return
        self._refused.append((end, error))
        self._again = time.monotonic() + RETRY
        self.shop.wake()
