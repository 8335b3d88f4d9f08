"""What every duty is to the node: something to start, to step through, and to end."""
from __future__ import annotations

import errno
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fsbus.duties.shop import Shop

LOOK = 2.0  # seconds between safety looks where nothing moves: no bell and no file event is relied on


class Duty:
    """One duty of a host. Whoever makes one holds its lock; a subclass overrides what it has to say."""

    name = ""
    shop: Shop | None = None  # of the agent that it serves, if it serves one
    taken_over = False  # when it is closed: whether this process goes on with its agent, so that nobody takes it for stopped
    settling = False  # something must be looked at again soon, such as a drop that may not be whole yet

    def start(self) -> None:
        """Put in order what a dead owner left; once, before the first step."""

    def step(self) -> float:
        """Do everything that can be done now; returns in how many seconds to look again at the latest.

        Raises the first of what was in the way, once everything else was seen to.
        """
        raise NotImplementedError

    def busy(self) -> bool:
        """Whether something runs, or waits and may be started."""
        return False

    def stop(self, insist: bool = False) -> None:
        """Start nothing new and ask what runs to end; `insist` ends it at once."""

    def retire(self) -> None:
        """Start nothing new and let what runs come to its end: another duty takes over."""

    def finish(self) -> None:
        """The last thing in a `tick`, when nothing is left to do here: tell others what came of it."""

    def close(self) -> None:
        """Say that this ended in good order."""


def begin(thread: threading.Thread) -> None:
    """Start a thread. Raises OSError where the system has no room for one: a trouble like a full disk, and tried again."""
    try:
        thread.start()
    except RuntimeError:
        raise OSError(errno.EAGAIN, "the system has no room for another thread; see ulimit -u", thread.name) from None
