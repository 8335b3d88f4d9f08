"""The press of one worker: publishes what its attempts came to, in the order in which they ended.

A thread of its own, so that a slot goes on while the disk does its work, and so that short tasks which end together
share their barriers: one alone is published at once, those that end meanwhile go together. It never waits for a task.
Until its result is published an attempt is `running`; a kill within these milliseconds leaves it `crashed`.
"""
from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from fsbus.core.result import Outcome, failure
from fsbus.duties import ending
from fsbus.duties.ending import End
from fsbus.duties.shop import Shop
from fsbus.spool import fault

DISK_RETRY = 1.0  # seconds between attempts to publish on a disk that refuses
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
        self._open = True
        self._changed = threading.Condition(shop.baton)  # type: ignore[arg-type]

    def give(self, end: End) -> None:
        """Have it published soon."""
        while len(self._ends) >= MOST:
            self._changed.wait()
        self._ends.append(end)
        if len(self._ends) in (1, ENOUGH):
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing more will come."""
        self._open = False
        self._changed.notify_all()

    def run(self) -> None:
        """Until it is closed and all is published."""
        with self.shop.baton:
            while ends := self._next():
                self._publish(ends)
                for end in ends:
                    self._published(end)
                if self._ends:
                    self._changed.wait_for(lambda: len(self._ends) >= ENOUGH, TOGETHER)

    def _next(self) -> list[End]:
        """All that waits, as soon as something does; nothing once closed."""
        while self._open and not self._ends:
            self._changed.wait()
        ends, self._ends = self._ends, []
        self._changed.notify_all()
        return ends

    def _publish(self, ends: list[End]) -> None:
        """Together; where a fault of ours is in the way each alone, and the one that it is about as failed by it."""
        try:
            self._until_the_disk_takes(ends)
        except Exception as error:
            if len(ends) == 1:
                self._fail(ends[0], error)
            else:
                for end in ends:
                    self._publish([end])

    def _fail(self, end: End, error: Exception) -> None:
        try:
            self._until_the_disk_takes([replace(end, outcome=Outcome(failure("crashed", fault.sentence(error))))])
        except Exception as again:  # still `running`, with its case folder: the next start says `crashed`
            self.shop.complain(f"{end.name.key}: there is no result: {fault.sentence(again)}")

    def _until_the_disk_takes(self, ends: list[End]) -> None:
        while True:
            try:
                ending.end_all(self.shop, ends)
                self.shop.complain("")
                return
            except OSError as error:
                self.shop.complain(f"{ends[0].name.key}: the result waits for the disk: {error.strerror} ({error.filename})")
                with self.shop.baton.aside:
                    stopping = self.shop.stopping.wait(DISK_RETRY)
                if stopping:
                    return  # still `running`, with its case folder: the next start says `crashed`
