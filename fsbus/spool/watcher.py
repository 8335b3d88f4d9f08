"""Hints that somebody put something into a channel by hand, from the kernel; each one only rings a bell.

Nothing relies on them: a stopped consumer, a replaced folder or a used-up inotify loses events silently
(facts/faults.md row 3), and the safety look of each duty finds what they missed.
"""
from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing

from fsbus.spool.tree import Tree

SETTLE = 0.02  # seconds from an event to its hint: what fsbus itself does is followed by a look of the node's own
QUIET = 0.1  # seconds between batches, at least
FLOOD = 100  # events in one batch that mean that the node is at work anyway, and the hints cost more than they tell
REST = 5.0  # seconds without hints after such a batch
RENEW = 30.0  # seconds after which the folders to watch are looked up again: new agents, replaced folders


class Stop(threading.Event):
    """An event that a poll can wait for as well, by `fd`."""

    def __init__(self) -> None:
        super().__init__()
        self.fd, self._other = os.pipe()

    def set(self) -> None:
        """For good."""
        if not self.is_set():
            super().set()
            os.close(self._other)


Batches = Callable[[list[str], float, Stop], Generator[list[str], None, None]]


class Watcher:
    """A thread that tells while it is entered; without file events here it does nothing."""

    def __init__(self, tree: Tree, changed: Callable[[set[str], float], None]) -> None:
        """`changed` is told of each batch: the agents in whose `urgent/` something came, perhaps none, and until when
        (monotonic seconds) all of it did."""
        self._tree, self._changed = tree, changed
        self._stop = Stop()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def __enter__(self) -> Watcher:
        try:
            self._thread.start()
        except RuntimeError:  # the system has no room for one: the safety looks go on
            os.close(self._stop.fd)
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()

    def _run(self) -> None:
        if sys.platform == "linux":
            from fsbus.spool.inotify import batches
        else:
            from fsbus.spool.fsevents import batches
        while not self._stop.is_set():
            try:
                rest = self._watch(batches)
            except Exception:  # events used up, or none here, a folder gone: the safety looks go on; try again later
                rest = RENEW
            self._stop.wait(rest)
        os.close(self._stop.fd)

    def _watch(self, batches: Batches) -> float:
        """Tell of all that comes until the folders are to be looked up again; for how many seconds to rest before."""
        with closing(batches(self._folders(), RENEW, self._stop)) as all_of_them:
            for folders in all_of_them:
                self._tell(folders)
                if len(folders) > FLOOD:
                    return REST
                if any(map(_is_of_agents, folders)):
                    return 0.0
        return 0.0

    def _tell(self, folders: list[str]) -> None:
        now = time.monotonic()
        self._stop.wait(SETTLE)
        urgent = {folder for folder in folders if folder.endswith("/urgent")}
        self._changed({os.path.basename(os.path.dirname(folder)) for folder in urgent}, now)
        self._stop.wait(QUIET)

    def _folders(self) -> list[str]:
        tree = self._tree
        channels = [tree.folder(agent, channel) for agent in tree.agents() for channel in ("inbox", "urgent")]
        return [folder for folder in (f"{tree.root}/agents", *channels) if os.path.isdir(folder)]


def _is_of_agents(folder: str) -> bool:
    """Whether this is `agents/`, by its last word alone: FSEvents says /private/tmp for what is watched as /tmp."""
    return os.path.basename(folder) == "agents"
