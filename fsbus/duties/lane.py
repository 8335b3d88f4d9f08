"""The duty `urgent:<host>`: the urgent lane to one host that this one dials, on a connection of its own.

On a shared one an urgent message waited 0.4 to 1.8 s behind bulk (facts/sync.md 2.6). It waits on a bell, which
senders here ring and the link's own thread rings when something came, and looks by itself as every waiter does.
"""
from __future__ import annotations

import threading
import time

from fsbus.duties.duty import LOOK
from fsbus.duties.threaded import Threaded
from fsbus.link.carry import copied
from fsbus.link.dial import dial
from fsbus.link.express import Express
from fsbus.link.remote import Remote
from fsbus.spool.bell import ALL, Bell
from fsbus.spool.tree import Tree

SOON = 1.0  # seconds until the first further try after the link broke; doubled each time
LATEST = 60.0  # and never more


class Lane(Threaded):
    """See the module."""

    def __init__(self, tree: Tree, host: str) -> None:
        super().__init__(tree, f"urgent:{host}")
        self._host = host
        self._woken = threading.Event()
        self._bell: Bell | None = None
        self._remote: Remote | None = None

    def step(self) -> float:
        """See whether this machine slept: then the link is dialled anew, at once. The rest its thread does."""
        if self._slept():
            self._wake()
        return 60.0

    def _wake(self) -> None:
        self._woken.set()
        if self._bell is not None:
            self._bell.ring()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                with Bell(self._tree.root, ALL) as self._bell:
                    self._go_on(self._bell)
            except OSError:
                self._over.wait(SOON)  # no room for a bell

    def _go_on(self, bell: Bell) -> None:
        soon = SOON
        while not self._over.is_set():
            self._woken.clear()
            began = time.monotonic()
            try:
                self._talk(bell)
            except Exception:
                pass  # the batch lane says what is wrong with the link; this thread must live, or nobody tries again
            self._drop()
            if self._over.is_set():
                return
            soon = SOON if time.monotonic() - began > LATEST else soon
            soon = SOON if self._woken.wait(soon) else min(2 * soon, LATEST)

    def _talk(self, bell: Bell) -> None:
        self._remote = dial(self._tree, self._host, wake=bell.ring)
        express = Express(self._tree, self._host, self._remote, self._told)
        while not (self._over.is_set() or self._woken.is_set()):
            if not express.step():
                bell.wait(LOOK)

    def _drop(self) -> None:
        remote, self._remote = self._remote, None
        if remote is not None:
            remote.close()

    def _told(self, path: str, way: str) -> None:
        copied(self._journal, self.name, path, f"{way} {self._host}")
