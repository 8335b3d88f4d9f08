"""A far tree with no fsbus that answers, by plain SFTP: the poor fallback. Slower, polled, nothing is told.

What SFTP cannot do is said here once: no sync to disk, no hard link (OpenSSH's plain rename replaces nothing, other
servers' may), no check at the very last moment (a batch looks up greater names in one listing before it). So a far tree may for
a while hold two names of one attempt, which every reader understands and the next pass sweeps.

The server is not trusted: what it lists must parse, what is read is bounded here, links are not followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable

from fsbus.core import gate, order
from fsbus.core.errors import Refused
from fsbus.core.gathered import Listing
from fsbus.core.paths import ARRIVING, CHANNELS, spot_of
from fsbus.core.trust import FOLDER, Entry
from fsbus.link import doors, rungs
from fsbus.link.farfiles import FarFiles, over_the_link
from fsbus.link.local import flow
from fsbus.link.shelf import TAG_LENGTH
from fsbus.link.side import MAX_REGISTER, MAX_TASK, PIECE, Hello, Put, Side, sha256
from fsbus.spool.tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Sftp(Side):
    """The tree at `root` of an SFTP server; `tree` is the near one, whose configuration counts."""

    by = "plain SFTP"

    def __init__(self, client: Any, root: str, tree: Tree, close: Callable[[], None]) -> None:
        self.refused = {}
        self._client, self._tree, self._close = client, tree, close
        self._disk = FarFiles(client, root)
        self._tags: dict[str, tuple[tuple[int, int], str]] = {}
        self._seen: Listing = {}  # only during a batch

    @over_the_link
    def hello(self) -> Hello:
        """Who this is; its clock is that of its disk."""
        host, settings = self._text("host").strip(), gate.strings(self._text("bus.yaml"))
        bus = str(settings.get("id", "")) if isinstance(settings, dict) else ""
        return Hello(0, host, bus, self._disk.clock(f".node/{ARRIVING}clock"), -1, "")

    @over_the_link
    def listing(self, folders: Iterable[str] | None = None) -> Listing:
        """The names that parse and their entries."""
        wanted = None if folders is None else set(folders)
        return {folder: self._entries(folder) for folder in flow(self._tree) if wanted is None or folder in wanted}

    @over_the_link
    def read(self, path: str, limit: int) -> bytes:
        """A whole file of at most `limit` bytes."""
        if not doors.is_whole(path):
            raise doors.unnamed(path)
        self._disk.need_file(path)
        body = self._disk.part(path, 0, limit + 1)
        if len(body) > limit:
            raise Refused(f"more than {limit} bytes", where=path)
        return body

    @over_the_link
    def put(self, path: str, body: bytes, sha256: str) -> bool:
        """Store a whole file under a name that nothing has; False if it, or a greater name, is there."""
        spot = doors.checked(path, body, sha256)
        if order.dominated(self._held(path), path, self._dispatch) or any(map(self._disk.is_there, [path, *rungs.let_go(spot)])):
            return False
        temp = self._disk.stage(path, body)
        try:
            self._disk.rename(temp, path)
        except OSError:
            self._disk.remove(temp)
            if not self._disk.is_there(path):
                raise
            return False
        return True

    def put_many(self, puts: Iterable[Put]) -> list[bool]:
        """The same for many, in this order; greater names are those of one listing before the first."""
        batch = list(puts)
        self._seen = self.listing() if batch else {}
        try:
            return super().put_many(batch)
        finally:
            self._seen = {}

    @over_the_link
    def advance(self, old: str, new: str) -> bool:
        """Give a file the greater name of the same attempt or message; False if it is gone or the name is taken."""
        doors.checked_step(old, new, self._dispatch)
        if self._disk.is_there(new) or not self._disk.is_there(old):
            return False
        self._disk.folder(os.path.dirname(new))
        self._disk.rename(old, new)
        return True

    @over_the_link
    def edit(self, path: str, body: bytes, sha256: str) -> bool:
        """The new text of a task that is still queued under this name; False if it moved on."""
        doors.checked_edit(path, body, sha256)
        if not self._disk.is_there(path):
            return False
        self._disk.rename(self._disk.stage(path, body), path, over=True)
        return True

    @over_the_link
    def sweep(self, path: str, greater: str = "") -> bool:
        """Remove a lesser name; False if no greater one is there, now."""
        if not (doors.is_merged(path) or doors.is_results(path)):
            raise doors.unnamed(path)
        found = order.beaten([greater] if greater else self._held(path), path, self._dispatch)
        if not (found and self._disk.is_there(found) and self._disk.is_there(path)):
            return False
        self._disk.remove_folder(path) if doors.is_results(path) else self._disk.remove(path)
        return True

    @over_the_link
    def replace(self, path: str, body: bytes) -> None:
        """The new content of a register; a new agent gets its folders."""
        if not doors.is_register(path) or len(body) > MAX_REGISTER:
            raise Refused("that is no register, or too large for one", where=repr(path)[:200])
        if path.endswith("/agent.yaml"):
            for channel in CHANNELS:
                self._disk.folder(f"{os.path.dirname(path)}/{channel}")
        self._disk.rename(self._disk.stage(path, body), path, over=True)

    @over_the_link
    def append(self, path: str, offset: int, body: bytes) -> int:
        """Add to a journal or to a file of a case folder that is `offset` long; its length afterwards."""
        base = doors.base_of(path)
        if not base or doors.is_results(base):
            raise doors.unnamed(path)
        return self._disk.extend(path, offset, body)

    @over_the_link
    def piece(self, path: str, offset: int, limit: int) -> bytes:
        """A part of a large or growing file, b'' at its end."""
        if not doors.base_of(path):
            raise doors.unnamed(path)
        self._disk.need_file(path)
        return self._disk.part(path, offset, min(limit, PIECE))

    @over_the_link
    def files(self, path: str) -> list[tuple[str, int]]:
        """The files below a result's folder, a case folder or a host's journal; no links."""
        if not doors.is_tree(path):
            raise doors.unnamed(path)
        return sorted(self._disk.walk(path, path))

    @over_the_link
    def stow(self, path: str, inner: str, offset: int, body: bytes) -> None:
        """A part of a file of a result's folder that is on its way."""
        if not doors.is_results(path) or doors.kind(f"{path}/{inner}") != "file":
            raise doors.unnamed(f"{path}/{inner}")
        target = f"{doors.staging(path)}/{inner}"
        if not offset and self._disk.is_there(target):
            self._disk.remove(target)
        if self._disk.extend(target, offset, body) != offset + len(body):
            raise Refused("a piece does not fit to the one before", where=path, then="the next pass begins again")

    @over_the_link
    def settle(self, path: str, files: list[tuple[str, int]]) -> bool:
        """Give the staged folder its name, if it holds exactly these files; False if it is there already."""
        staging, disk = doors.staging(path), self._disk
        disk.folder(staging)
        there = disk.is_there(path)
        if there or sorted(files) != sorted(disk.walk(staging, path)):
            disk.remove_folder(staging)
            if there:
                return False
            raise Refused("other files arrived than were announced", where=path, then="the next pass sends them again")
        disk.rename(staging, path)
        return True

    def close(self) -> None:
        """Let go of it."""
        self._close()

    @property
    def _dispatch(self) -> str:
        return self._tree.with_role("dispatch")

    def _text(self, path: str) -> str:
        self._disk.need_file(path)
        return self._disk.part(path, 0, MAX_REGISTER).decode("utf-8", "replace")

    def _held(self, path: str) -> list[str]:
        """The names of the same attempt or message that lie there."""
        spot = spot_of(path)
        if spot is None:
            return []
        if spot.kind == "brief":
            seen = self._seen or self.listing()
            folders = rungs.folders_for(spot, self._dispatch)
            return [f"{folder}/{name}" for folder in folders for name in seen.get(folder, {}) if spot.key in name]
        return [other for other in rungs.rivals(spot, self._tree.agents(), self._dispatch) if self._lies(other)]

    def _lies(self, path: str) -> bool:
        """Whether this was there: in a batch by the listing at its beginning, else by asking."""
        folder, name = os.path.split(path)
        return name in self._seen.get(folder, {}) if self._seen else self._disk.is_there(path)

    def _entries(self, folder: str) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        for name, mode, size, when in self._disk.names(folder):
            spot = spot_of(f"{folder}/{name}")
            if spot is None or "/" in name:
                continue
            if spot.kind == "files" and stat.S_ISDIR(mode):
                found[name] = (FOLDER, "")
            elif spot.kind != "files" and stat.S_ISREG(mode):
                queued = spot.kind == "task" and spot.name.state == "queued"
                found[name] = (size, self._tag(f"{folder}/{name}", size, when) if queued else "")
        return {name: entry for name, entry in found.items() if entry[1] != "gone"}

    def _tag(self, path: str, size: int, when: int) -> str:
        """The hash of a queued text: it has to be fetched, once per size and time."""
        stamp, tag = self._tags.get(path, ((-1, -1), ""))
        if stamp != (size, when):
            try:
                tag = sha256(self._disk.part(path, 0, MAX_TASK))[:TAG_LENGTH]
            except FileNotFoundError:
                return "gone"
            self._tags[path] = ((size, when), tag)
        return tag
