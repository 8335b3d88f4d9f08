"""The duty `mirror:<host>`: the batch lane to one host that this one dials, every `sync.every`, and after a wake-up.

It runs in a thread of its own on a connection of its own, so that no task and no message of this host ever waits for
a network. A link in trouble is tried again, at first soon, then at the pace of the passes.
"""
from __future__ import annotations

import threading
import time

from fsbus.core.errors import FsbusError
from fsbus.duties.duty import LOOK
from fsbus.duties.threaded import Threaded
from fsbus.link.dial import reach
from fsbus.link.passing import Pass
from fsbus.link.side import Side
from fsbus.spool import linkfacts
from fsbus.spool.tree import Tree

SOON = 2.0  # seconds until the first further try after a link broke; doubled each time, up to the pace of the passes


class Mirror(Threaded):
    """See the module."""

    def __init__(self, tree: Tree, host: str, every: float) -> None:
        super().__init__(tree, f"mirror:{host}")
        self._host, self._every = host, every
        self._woken = threading.Event()
        self._turn = threading.Lock()  # one pass after the other
        self._remote: Side | None = None
        self._pass: Pass | None = None
        self._trouble = ""
        self._once = False  # a pass was tried
        self.settling = True  # a `tick` waits for one pass

    def step(self) -> float:
        """See whether this machine slept: then the link is dialled anew, at once."""
        if self._slept():
            self._woken.set()
        self.settling = not self._once
        return 0.1 if self.settling else LOOK

    def finish(self) -> None:
        """One more pass: what this host did meanwhile is known over there, too."""
        if not self._trouble:
            self._try()

    def _wake(self) -> None:
        self._woken.set()

    def _run(self) -> None:
        wait, soon = 0.0, SOON
        while not self._over.is_set():
            if self._woken.wait(wait) and not self._over.is_set():
                self._woken.clear()
                with self._turn:
                    self._drop()
            if self._over.is_set():
                return
            fine = self._try()
            self._once = True
            wait = self._every if fine else min(soon, max(SOON, self._every))
            soon = SOON if fine else 2 * wait

    def _try(self) -> bool:
        with self._turn:
            return self._pass_or_trouble()

    def _pass_or_trouble(self) -> bool:
        try:
            if self._remote is None or not self._remote.alive or self._pass is None:
                self._remote = reach(self._tree, self._host)
                self._pass = Pass(self._tree, self._journal, self._host, self._remote)
            self._pass.run()
        except (FsbusError, OSError) as error:
            self._failed(error.sentence() if isinstance(error, FsbusError) else f"{error.strerror} ({error.filename})")
            return False
        except Exception as error:  # a fault of ours, or a library's: the thread must live, or nobody tries again
            self._failed(f"{type(error).__name__}: {error}")
            return False
        if self._trouble:
            self._journal.record(self.name, f"link:{self._host}", "up again", self._trouble)
        self._trouble = ""
        return True

    def _failed(self, why: str) -> None:
        self._drop()
        if self._over.is_set():
            return  # we have let go of it ourselves: that says nothing about the link
        try:
            linkfacts.bad(self._tree, self._host, time.time(), why)
        except OSError:
            pass  # the journal tells it, if the disk takes that; this thread must live, or nobody tries again
        if why != self._trouble:
            self._journal.record(self.name, f"link:{self._host}", "trouble", why)
        self._trouble = why

    def _drop(self) -> None:
        remote, self._remote, self._pass = self._remote, None, None
        if remote is not None:
            remote.close()
