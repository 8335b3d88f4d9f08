"""Hints that somebody changed a channel by hand, from the kernel, by watchfiles; each one only rings a bell.

Nothing relies on them: a stopped consumer, a replaced folder or a used-up inotify loses events silently
(facts/faults.md row 3), and the safety look of each duty finds what they missed.
"""
from __future__ import annotations

import os
import threading
from collections.abc import Callable

from fsbus.spool.tree import Tree

QUIET = 250  # ms between looks at what the kernel told; less wakes an idle node more often, more costs latency
FLOOD = 100  # events in one batch that mean that the node is at work anyway, and the hints cost more than they tell
REST = 5.0  # seconds without hints after such a batch
RENEW = 30_000  # ms after which the folders to watch are looked up again: new agents, replaced folders


class Watcher:
    """A thread that rings while it is entered; without file events here it does nothing."""

    def __init__(self, tree: Tree, changed: Callable[[set[str]], None]) -> None:
        """`changed` is told of each batch of changes: the agents in whose `urgent/` they were, perhaps none."""
        self._tree, self._changed = tree, changed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()

    def _run(self) -> None:
        try:
            import watchfiles
        except ImportError:
            return
        while not self._stop.is_set():
            try:
                self._watch(watchfiles)
            except Exception:  # inotify used up, a folder gone: the safety looks go on; try again later
                self._stop.wait(RENEW / 1000)

    def _watch(self, watchfiles: object) -> None:
        watch = watchfiles.watch  # type: ignore[attr-defined]
        options = {"watch_filter": None, "step": QUIET, "debounce": 200, "rust_timeout": RENEW, "yield_on_timeout": True}
        for changes in watch(*self._folders(), recursive=False, stop_event=self._stop, raise_interrupt=False, **options):
            folders = {os.path.dirname(path) for _, path in changes}
            if not changes:
                return  # time to look up the folders again
            self._changed({os.path.basename(folder.removesuffix("/urgent")) for folder in folders if folder.endswith("/urgent")})
            if len(changes) > FLOOD:
                break
        self._stop.wait(REST)

    def _folders(self) -> list[str]:
        tree = self._tree
        channels = [tree.folder(agent, channel) for agent in tree.agents() for channel in ("inbox", "urgent")]
        return [folder for folder in (f"{tree.root}/agents", *channels) if os.path.isdir(folder)]
