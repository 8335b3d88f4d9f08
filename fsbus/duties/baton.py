"""The baton of one process: whichever of its threads does fsbus's own work holds it, and lays it aside to wait.

Threads that make system calls side by side take the interpreter lock from each other at every call: a slot, the press
and the loop together spent 600 µs on a task whose steps take 350 µs one after the other (2 cores, Python 3.11). So
they take turns by the task and by the pass. It guards nothing that would be wrong without it but the `Backlog`.
"""
from __future__ import annotations

import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType


SHARE = 0.0005  # seconds that it is kept at least while others wait: handing it on costs 20 µs


class Baton:
    """A lock, fair to its waiters: a busy slot must not keep the loop from acking. Its maker holds it from the start."""

    def __init__(self) -> None:
        self._next = threading.Lock()  # held by the one whose turn is next
        self._held = threading.Lock()
        self._held.acquire()
        self._since = time.monotonic()
        self.aside = Aside(self)

    def acquire(self, blocking: bool = True) -> bool:
        """Wait for it; without `blocking`, take it only if it lies there."""
        if not blocking:
            return self._held.acquire(blocking=False)
        with self._next:
            self._held.acquire()
        self._since = time.monotonic()
        return True

    def release(self) -> None:
        """Let the next one have it."""
        self._held.release()

    def offer(self) -> None:
        """Between two steps of something long: let the next one have it, if somebody has waited for a while."""
        if self._next.locked() and time.monotonic() - self._since > SHARE:
            self.release()
            self.acquire()

    def __enter__(self) -> Baton:
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


class Aside:
    """`with baton.aside:` what may take long: a command, a function, a barrier, a pause. The caller holds the baton."""

    def __init__(self, baton: Baton) -> None:
        self._baton = baton

    def __enter__(self) -> None:
        self._baton.release()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._baton.acquire()
