"""Which messages are new under urgent/ since the last look: one `stat` per folder and look."""

from __future__ import annotations

from collections.abc import Iterator

from fsbus.core.names import parse_message
from fsbus.link.side import MAX_MESSAGE, Event
from fsbus.spool import careful
from fsbus.spool.folder import Folder
from fsbus.spool.tree import Tree

PLACES = ("urgent", "urgent/read")  # upstream first: a move meanwhile is seen twice and never missed


class Lookout:
    """One watcher's memory of a tree."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._folders: dict[str, Folder] = {}
        self._seen: dict[str, set[str]] = {}
        self._listed: dict[str, list[str]] = {}  # as of the last look
        for _ in self.news():
            pass

    def known(self, path: str) -> None:
        """What the peer itself brought is no news to it."""
        folder, _, name = path.rpartition("/")
        self._seen.setdefault(folder, set()).add(name)

    def news(self) -> Iterator[Event]:
        """Each new name of a message, at once, so that the first need not wait for the last look; the content with `new`."""
        agents = self._tree.agents()
        for place in PLACES:
            for agent in agents:
                yield from self._messages(f"agents/{agent}/{place}")

    def _messages(self, folder: str) -> list[Event]:
        shelf = self._folders.get(folder)
        if shelf is None:
            shelf = self._folders[folder] = Folder(f"{self._tree.root}/{folder}")
        try:
            names = shelf.names()
        except (NotADirectoryError, PermissionError):
            return []  # the batch pass says so
        if names is self._listed.get(folder):
            return []
        self._listed[folder] = names
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
