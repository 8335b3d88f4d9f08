"""A duty in the hand of this host's node: its lock, its steps, and what is in their way."""
from __future__ import annotations

from collections.abc import Callable

from fsbus.duties.duty import Duty
from fsbus.duties.possible import Post
from fsbus.spool import fault
from fsbus.spool.locks import DutyLock


class Held:
    """A duty that this process has: its lock, and the post it was made for."""

    def __init__(self, post: Post, lock: DutyLock) -> None:
        self.post, self.lock = post, lock
        self.duty: Duty = post.make()
        self.awake = self.leaving = False
        self.trouble = ""  # what kept it from its last step

    def step(self) -> float:
        """Start it if it was not, and step; what keeps it from that is its trouble, to be tried again. Returns as `Duty.step`."""
        self.trouble, look = "", 1.0
        try:
            if not self.awake:
                self.duty.start()
                self.awake = True
            look = self.duty.step()
        except Exception as error:  # the disk, or a fault of ours: the other duties go on
            self.trouble = fault.sentence(error)
            error.__traceback__ = None  # of one that is raised in every pass it grows by each
        if self.duty.shop is not None:
            self.duty.shop.stuck = self.trouble
        return look

    def end(self, say: Callable[[str], None]) -> None:
        """Its last words, then the lock is free."""
        try:
            self.duty.close()
        except Exception as error:  # as at a step
            say(f"{self.lock.duty}: {fault.sentence(error)}")
        self.lock.__exit__(None, None, None)
