"""What is new under urgent/, and which other folders changed, since the last look: one `stat` per folder and look."""

from __future__ import annotations

import os

from fsbus.core.names import parse_message
from fsbus.link.side import MAX_MESSAGE, Event
from fsbus.spool import careful
from fsbus.spool.folder import Folder
from fsbus.spool.tree import Tree

URGENT = ("urgent", "urgent/read")
BATCH = ("inbox", "outbox", "outbox/late")


class Lookout:
    """One watcher's memory of a tree."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._folders: dict[str, Folder] = {}
        self._seen: dict[str, set[str]] = {}
        self._changed: dict[str, int] = {}
        self.news()

    def known(self, path: str) -> None:
        """What the peer itself brought is no news to it."""
        folder, _, name = path.rpartition("/")
        self._seen.setdefault(folder, set()).add(name)

    def news(self) -> list[Event]:
        """New messages, with their content where it is new to everybody; then the batch folders that changed."""
        agents = self._tree.agents()
        found = [event for agent in agents for place in URGENT for event in self._messages(f"agents/{agent}/{place}")]
        return found + [
            Event(path, None) for agent in agents for place in BATCH if self._moved(path := f"agents/{agent}/{place}")
        ]

    def _messages(self, folder: str) -> list[Event]:
        shelf = self._folders.setdefault(folder, Folder(f"{self._tree.root}/{folder}"))
        names = shelf.names()
        seen = self._seen.get(folder, set())
        fresh = [name for name in names if name not in seen and parse_message(name) is not None]
        if fresh or len(names) < len(seen):
            self._seen[folder] = set(names)
        return [Event(f"{folder}/{name}", self._body(f"{folder}/{name}")) for name in sorted(fresh)]

    def _body(self, path: str) -> bytes | None:
        if "/read/" in path:
            return None
        try:
            return careful.read(f"{self._tree.root}/{path}", MAX_MESSAGE)
        except OSError:
            return None  # moved on, or unfit: the name alone is still news

    def _moved(self, folder: str) -> bool:
        try:
            changed = os.stat(f"{self._tree.root}/{folder}").st_mtime_ns
        except OSError:
            return False
        before = self._changed.get(folder, changed)
        self._changed[folder] = changed
        return before != changed
