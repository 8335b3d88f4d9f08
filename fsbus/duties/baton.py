"""The baton of one process: whichever of its threads does fsbus's own work holds it, and lays it aside to wait.

Threads that make system calls side by side take the interpreter lock from each other at every call: a slot, the press
and the loop together spent 600 µs on a task whose steps take 350 µs one after the other (2 cores, Python 3.11). So
they take turns by the task and by the pass. It guards nothing that would be wrong without it but the `Backlog`.

Handing it on costs two wake-ups. What surely takes long is done with it `aside`; a function that may be over at once
with it `lent`: nobody is woken then, and who needs it takes it away from one that has stayed for longer. Who comes back
from a command has it next: the command after it waits for nothing else, and waited 1.2 ms of 3 for steps that can wait.
"""
from __future__ import annotations

import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType


SHARE = 0.002  # seconds that it is kept at least while others wait
STEP = 0.0001  # the same while one of them comes first
LONG = 0.05  # seconds; who waited up to so long keeps it for half of that: many slots with short commands must not stop the loop
STAY = 0.005  # seconds after which one that was lent may be taken; who waits looks as often, and looking disturbs who works


class Baton:
    """A lock, fair to its waiters: a busy slot must not keep the loop from acking. Its maker holds it from the start."""

    def __init__(self) -> None:
        self._next = threading.Lock()  # held by the one whose turn is next
        self._held = threading.Lock()
        self._held.acquire()
        self._since = time.monotonic()
        self._keep = 0.0  # seconds for which its holder, who has waited long for it, may keep it
        self._away: dict[int, float] = {}  # the thread that lent it, and since when: taken out by itself, or by who takes it
        self._first: set[int] = set()  # the threads that wait for it and come before others
        self.aside = Aside(self)
        self.command = Aside(self, first=True)
        self.lent = Lent(self)

    def acquire(self, blocking: bool = True) -> bool:
        """Wait for it; without `blocking`, take it only if it lies there."""
        if not blocking:
            return self._held.acquire(blocking=False)
        with self._next:
            self._take()
        return True

    def acquire_first(self) -> None:
        """Wait for it before others: whoever holds it offers it at its next step."""
        thread = threading.get_ident()
        self._first.add(thread)
        self._take()
        self._first.discard(thread)

    def _take(self) -> None:
        began = time.monotonic()
        while not (self._taken_away() or self._held.acquire(timeout=STAY)):
            pass
        self._since = time.monotonic()
        self._keep = min(self._since - began - STAY, LONG) / 2

    def release(self) -> None:
        """Let the next one have it."""
        self._held.release()

    def offer(self) -> None:
        """Between two steps of something long: let the next one have it, if somebody has waited for a while."""
        if self.is_due():
            self.release()
            self.acquire()

    def is_due(self) -> bool:
        """Whether somebody waits for it, and it was held for long enough."""
        if not (self._first or self._next.locked()):
            return False
        return time.monotonic() - self._since > max(STEP if self._first else SHARE, self._keep)

    def lend(self, thread: int) -> None:
        """The thread that holds it goes away with it."""
        self._away[thread] = time.monotonic()

    def still_has(self, thread: int) -> bool:
        """Whether the thread comes back with it: nobody took it meanwhile."""
        return self._away.pop(thread, None) is not None

    def _taken_away(self) -> bool:
        for thread, since in list(self._away.items()):
            return time.monotonic() - since > STAY and self.still_has(thread)
        return False

    def __enter__(self) -> Baton:
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


class Aside:
    """`with baton.aside:` what takes long: a barrier, a pause; `with baton.command:` a command. The caller holds the baton."""

    def __init__(self, baton: Baton, first: bool = False) -> None:
        self._baton = baton
        self._back = baton.acquire_first if first else baton.acquire

    def __enter__(self) -> None:
        self._baton.release()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._back()


class Lent:
    """`with baton.lent:` what may take long, or no time at all: a function. The caller holds the baton."""

    def __init__(self, baton: Baton) -> None:
        self._baton = baton

    def __enter__(self) -> None:
        if self._baton.is_due():
            self._baton.release()
        else:
            self._baton.lend(threading.get_ident())

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not self._baton.still_has(threading.get_ident()):
            self._baton.acquire()
