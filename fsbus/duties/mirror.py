"""The duty `mirror:<host>`: the batch lane to one host that this one dials, every `sync.every`, and after a wake-up.

It runs in a thread of its own on a connection of its own, so that no task and no message of this host ever waits for
a network. A link in trouble is tried again, at first soon, then at the pace of the passes.
"""
from __future__ import annotations

import threading
import time

from fsbus.core.errors import FsbusError
from fsbus.duties.duty import Duty
from fsbus.link.dial import reach
from fsbus.link.passing import Pass
from fsbus.link.side import Side
from fsbus.spool import linkfacts
from fsbus.spool.journal import Journal
from fsbus.spool.tree import Tree

SOON = 2.0  # seconds until the first further try after a link broke; doubled each time, up to the pace of the passes
LAST = 2.0  # seconds that a pass gets to end when the node stops; what is cut off the next start begins again
SLEPT = 5.0  # seconds by which wall clock and monotonic clock part when the machine slept


class Mirror(Duty):
    """See the module."""

    def __init__(self, tree: Tree, host: str, every: float) -> None:
        self.name = f"mirror:{host}"
        self._tree, self._journal, self._host, self._every = tree, Journal(tree.root, tree.host), host, every
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._turn = threading.Lock()  # one pass after the other
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._remote: Side | None = None
        self._pass: Pass | None = None
        self._trouble = ""
        self._once = False  # a pass was tried
        self._skew = time.time() - time.monotonic()
        self.settling = True  # a `tick` waits for one pass

    def start(self) -> None:
        """Begin with a pass at once."""
        self._thread.start()

    def step(self) -> float:
        """See whether this machine slept: then the link is dialled anew, at once."""
        skew = time.time() - time.monotonic()
        if skew - self._skew > SLEPT:
            self._wake.set()
        self._skew = skew
        self.settling = not self._once
        return 0.1 if self.settling else 1.0

    def stop(self, insist: bool = False) -> None:  # noqa: ARG002
        """Let go of the link."""
        self._stop.set()
        self._wake.set()

    def retire(self) -> None:
        """Another configuration takes over."""
        self.stop()

    def finish(self) -> None:
        """One more pass: what this host did meanwhile is known over there, too."""
        if not self._trouble:
            self._try()

    def close(self) -> None:
        """The last word: a pass that is going on may come to its end, if that is soon."""
        self.stop()
        if self._thread.is_alive():
            self._thread.join(LAST)
        if self._remote is not None:
            self._remote.close()
        if self._thread.is_alive():
            self._thread.join(LAST)
        self._journal.close()

    def _run(self) -> None:
        wait, soon = 0.0, SOON
        while not self._stop.is_set():
            if self._wake.wait(wait) and not self._stop.is_set():
                self._wake.clear()
                with self._turn:
                    self._drop()
            if self._stop.is_set():
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
        if self._stop.is_set():
            return  # we have let go of it ourselves: that says nothing about the link
        linkfacts.bad(self._tree, self._host, time.time(), why)
        if why != self._trouble:
            self._journal.record(self.name, f"link:{self._host}", "trouble", why)
        self._trouble = why

    def _drop(self) -> None:
        if self._remote is not None:
            self._remote.close()
        self._remote = self._pass = None
