"""A duty whose work is done in a thread of its own, so that no task and no message of this host waits for a network."""
from __future__ import annotations

import threading
import time

from fsbus.core.health import JUMP
from fsbus.duties.duty import Duty, begin
from fsbus.spool.journal import Journal
from fsbus.spool.tree import Tree

LAST = 2.0  # seconds that the thread gets to end when the node stops; what is cut off the next start begins again


class Threaded(Duty):
    """A subclass says what `_run` does until `_over`, how to `_wake` it, and how to `_drop` the link it may hang on."""

    def __init__(self, tree: Tree, name: str) -> None:
        self.name, self._tree, self._journal = name, tree, Journal(tree.root, tree.host)
        self._over = threading.Event()
        self._skew = time.time() - time.monotonic()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin at once."""
        begin(self._thread)

    def stop(self, insist: bool = False) -> None:  # noqa: ARG002
        """Let go of the link."""
        self._over.set()
        self._wake()

    def retire(self) -> None:
        """Another configuration takes over."""
        self.stop()

    def close(self) -> None:
        """The last word: what is going on may come to its end, if that is soon."""
        self.stop()
        if self._thread.is_alive():
            self._thread.join(LAST)
        self._drop()
        if self._thread.is_alive():
            self._thread.join(LAST)
        self._journal.close()

    def _slept(self) -> bool:
        """Whether this machine slept since it was last asked: what it had of a link is dead then, and nobody was told."""
        before, self._skew = self._skew, time.time() - time.monotonic()
        return self._skew - before > JUMP

    def _run(self) -> None:
        raise NotImplementedError

    def _wake(self) -> None:
        raise NotImplementedError

    def _drop(self) -> None:
        raise NotImplementedError
