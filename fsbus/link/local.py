"""A tree on this disk as a `Side`: what a pass does here, and what `serve` does for a peer.

Every path is checked before anything touches the disk. A file arrives as a dot-file, is synced, and gets its name by a
link that replaces nothing; it goes only after a look, at the last moment, at the greater name that stands behind it.
"""

from __future__ import annotations

import errno
import itertools
import os
import time
from collections.abc import Iterable

from fsbus.core import order
from fsbus.core.errors import Refused
from fsbus.core.gathered import Listing
from fsbus.core.message import ORDERS
from fsbus.core.paths import CHANNELS, GOING, spot_of
from fsbus.core.states import NEW
from fsbus.core.trust import FOLDER
from fsbus.link import doors, rungs
from fsbus.link.deep import Deep
from fsbus.link.frames import VERSION
from fsbus.link.shelf import Shelf
from fsbus.link.side import KEEP_FREE, MAX_REGISTER, Hello, Put, Side
from fsbus.spool import atomic, bell, careful, channel, message, room
from fsbus.spool.tree import Tree

_serial = itertools.count(1)  # tells the dot-files of this process apart, whichever of its links they arrive on


class Local(Deep, Side):
    """The bus at `tree`."""

    def __init__(self, tree: Tree) -> None:
        super().__init__(tree.root)
        self.tree = tree
        self.refused = {}
        self.changes = 0  # registers that were replaced: rules made before are old
        self._seen: tuple[str, list[str]] = ("", [])
        self._shelves: dict[str, Shelf] = {}

    def hello(self) -> Hello:
        """Who this is, now."""
        from fsbus.link.rsync import flavour

        return Hello(VERSION, self.tree.host, self.tree.bus().id, time.time(), room.free(self.root), flavour())

    def listing(self, folders: Iterable[str] | None = None) -> Listing:
        """The names that parse and their entries, without the folders that cannot be listed."""
        known = flow(self.tree)
        wanted = set(known if folders is None else folders)
        looks = ((folder, self._shelf(folder).look()) for folder in known if folder in wanted)
        return {folder: entries for folder, entries in looks if entries is not None}

    def read(self, path: str, limit: int) -> bytes:
        """A whole file of at most `limit` bytes."""
        if not doors.is_whole(path):
            raise doors.unnamed(path)
        try:
            return careful.read(self.at(path), limit)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EFBIG):
                raise Refused(f"this cannot be sent: {error.strerror}", where=path) from None
            raise

    def put(self, path: str, body: bytes, sha256: str) -> bool:
        """Store a whole file under a name that nothing has, durably; False if it, or a greater name, is there."""
        self._checked(path, body, sha256)
        if self._is_old_news(path):
            return False
        done = self._name(self._stage(path, body), path, sync=False)
        if done:
            self.ring(path)  # a reader need not wait for what is promised to the sender
            atomic.sync_folder(os.path.dirname(self.at(path)))
        return done

    def put_many(self, puts: Iterable[Put]) -> list[bool]:
        """The same for many, in this order, made durable together."""
        staged: list[tuple[str, str]] = []
        try:
            for item in puts:
                staged.append((item.path, self._stage_or_note(item)))  # noqa: PERF401 (dropped if the next one fails)
        except OSError:
            self.drop(staged)
            raise
        return self.commit(staged)

    def stage(self, path: str, body: bytes, sha256: str) -> str:
        """The first half of a put in a batch: a dot-file, '' if it need not be put."""
        self._checked(path, body, sha256)
        if self._is_old_news(path):
            return ""
        if doors.kind(path) != "message" and room.free(self.root) < KEEP_FREE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.root)
        return self._stage(path, body, sync=False)

    def commit(self, staged: list[tuple[str, str]]) -> list[bool]:
        """The second half: sync them all, then name them all, in this order; what was staged is gone afterwards."""
        try:
            atomic.sync_disk([temp for _, temp in staged if temp])
            named = [bool(temp) and self._name(temp, path, sync=False) for path, temp in staged]
        finally:
            self.drop(staged)
        for folder in {os.path.dirname(path) for (path, _), done in zip(staged, named, strict=True) if done}:
            atomic.sync_folder(self.at(folder))
        return named

    def drop(self, staged: list[tuple[str, str]]) -> None:
        """Remove what was staged and not named."""
        for _, temp in staged:
            if temp:
                atomic.discard(temp)

    def advance(self, old: str, new: str) -> bool:
        """Give a file the greater name of the same attempt or message; False if it is gone or the name is taken."""
        doors.checked_step(old, new, self._dispatch)
        try:
            if doors.is_results(old):
                return not os.path.lexists(self.at(new)) and self._settled(self.at(old), self.at(new))
            return atomic.publish_staged(self.at(old), self.at(new))
        except FileNotFoundError:
            return False

    def edit(self, path: str, body: bytes, sha256: str) -> bool:
        """The new text of a task that is still queued under this name; False if it moved on."""
        doors.checked_edit(path, body, sha256)
        temp = self._stage(path, body)
        if os.path.lexists(self.at(path)):  # acked a moment later: a lesser name then lies beside it and is swept
            return atomic.advance(temp, self.at(path))
        return not atomic.discard(temp)

    def held(self, path: str, everybody: bool = False) -> list[str]:
        """The names of the same attempt or message that lie here, this one included; with all agents, if asked."""
        found = [*([path] if os.path.lexists(self.at(path)) else []), *self._rivals(path, everybody)]
        self._seen = (path, found)
        return found

    def size(self, path: str) -> int:
        """Bytes of a file, 0 if it is gone, -1 for a result's folder."""
        if doors.is_results(path):
            return FOLDER
        try:
            return os.lstat(self.at(path)).st_size if doors.is_merged(path) else 0
        except FileNotFoundError:
            return 0

    def sweep(self, path: str, greater: str = "") -> bool:
        """Remove a lesser name; False if no greater one is there."""
        if not (doors.is_merged(path) or doors.is_results(path)):
            raise doors.unnamed(path)
        there = [greater] if greater and doors.kind(greater) and os.path.lexists(self.at(greater)) else []
        if not order.beaten(there or self._rivals(path), path, self._dispatch):
            return False
        return self._remove_files(path) if doors.is_results(path) else atomic.discard(self.at(path))

    def replace(self, path: str, body: bytes) -> None:
        """The new content of a register; a new agent gets its folders."""
        if not doors.is_register(path) or len(body) > MAX_REGISTER:
            raise Refused("that is no register, or too large for one", where=path)
        parts = path.split("/")
        if parts[-1] == "agent.yaml" and not self.tree.has(parts[1]):
            from fsbus.spool.found import furnish

            furnish(self.root, parts[1])
        atomic.replace(self.at(path), body, sync=doors.kind(path) != "beat")
        self.changes += 1

    def ring(self, path: str = "") -> None:
        """Wake whoever waits on this bus; `path`: for a message, whose reader hears it first and, if it is new, alone."""
        spot = spot_of(path)
        if spot is None or spot.kind != "message":
            return bell.ring(self.root)
        return bell.ring(self.root, spot.agent, everybody=spot.name.state != NEW or spot.name.type in ORDERS)

    def close(self) -> None:
        """Nothing is held."""

    @property
    def _dispatch(self) -> str:
        return self.tree.with_role("dispatch")

    def _shelf(self, folder: str) -> Shelf:
        return self._shelves.setdefault(folder, Shelf(self.root, folder))

    def _checked(self, path: str, body: bytes, digest: str) -> None:
        spot = doors.checked(path, body, digest)
        agent = spot.agent
        doors.claims(spot, body, self._dispatch)
        if not self.tree.has(agent):
            raise Refused(f"there is no agent {agent!r} here", where=path, then="fsbus sync brings agent.yaml first")

    def _is_old_news(self, path: str) -> bool:
        held = self._seen[1] if self._seen[0] == path else self.held(path)  # the judge has looked a moment ago
        self._seen = ("", [])
        spot = spot_of(path)
        gone = rungs.let_go(spot) if spot is not None else []
        return order.dominated(held, path, self._dispatch) or any(os.path.lexists(self.at(other)) for other in gone)

    def _rivals(self, path: str, everybody: bool = False) -> list[str]:
        """The other names of the same attempt or message that lie here now."""
        spot = spot_of(path)
        if spot is None:
            return []
        if spot.kind == "brief":
            folders = rungs.folders_for(spot, self._dispatch)
            return [f"{f}/{n}" for f in folders for n in channel.listing(self.at(f)) if spot.key in n]
        if spot.kind == "message" and message.in_hand(self.at(os.path.dirname(path)), os.path.basename(path)):
            return [path]  # its reader is at it: under its dot-name it is as much here as under its own
        found = rungs.rivals(spot, self.tree.agents(), self._dispatch, everybody)
        return [other for other in found if other != path and os.path.lexists(self.at(other))]

    def _stage_or_note(self, item: Put) -> str:
        try:
            return self.stage(*item)
        except Refused as error:
            self.refused[item.path] = str(error)
            return ""

    def _remove_files(self, path: str) -> bool:
        folder, name = os.path.split(self.at(path))
        gone = f"{folder}/{GOING}{name}"
        done = atomic.advance(self.at(path), gone)
        atomic.remove_folder(gone)
        return done

    def _stage(self, path: str, body: bytes, sync: bool = True) -> str:
        full = self.at(path)
        atomic.folder(os.path.dirname(full))
        return atomic.stage(f"{full}~{next(_serial)}", body, sync)

    def _name(self, temp: str, path: str, sync: bool = True) -> bool:
        try:
            return atomic.publish_staged(temp, self.at(path), sync)
        finally:
            atomic.discard(temp)


def flow(tree: Tree) -> list[str]:
    """All folders that are merged, in the direction of flow: dispatch's inbox, workers, dispatch's outbox."""
    dispatch, agents = tree.with_role("dispatch"), tree.agents()
    first = [f"agents/{dispatch}/inbox"] if dispatch else []
    rest = [f"agents/{agent}/{place}" for place in CHANNELS for agent in agents if agent != dispatch]
    return first + rest + [f"agents/{dispatch}/{place}" for place in CHANNELS[1:] if dispatch]
