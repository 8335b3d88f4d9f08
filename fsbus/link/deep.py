"""What lies below a tree's channels and is copied one way: journals, case folders, the files of a result.

Such a folder is read without following anything, and written only inside a staging folder that nobody sees
(`.in-<run>.files`, renamed when it is whole), or at the end of a file that is exactly as long as the sender believes.
"""

from __future__ import annotations

import errno
import itertools
import os
import stat
from collections.abc import Iterator
from itertools import islice

from fsbus.core.errors import Refused
from fsbus.core.paths import FILES_MOST, split
from fsbus.link import doors
from fsbus.link.side import KEEP_FREE, MAX_TREE, PIECE
from fsbus.spool import atomic, room

serial = itertools.count(1)  # tells the dot-files of this process apart, whichever of its links they arrive on
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def own_name(path: str) -> str:
    """What has arrived for this path, under a name below which nobody else writes: another pass may begin again with it."""
    folder, name = split(path)
    return f"{folder}/{atomic.TEMP}{os.getpid()}-{name}~{next(serial)}"


class Deep:
    """The deep part of a `Local`."""

    def __init__(self, root: str) -> None:
        self.root = root

    def at(self, path: str) -> str:
        """The full path of one that was checked."""
        return f"{self.root}/{path}"

    def files(self, path: str) -> list[tuple[str, int]]:
        """The files below a result's folder, a case folder or a host's journal."""
        if not doors.is_tree(path):
            raise doors.unnamed(path)
        return sorted(self._plain_files(path, path))

    def piece(self, path: str, offset: int, limit: int) -> bytes:
        """A part of one of them."""
        base = self._base(path)
        self._no_links(base, os.path.dirname(path))
        fd = os.open(self.at(path), _OPEN)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise Refused("this is not a file", where=path)
            return os.pread(fd, min(limit, PIECE), offset)
        finally:
            os.close(fd)

    def append(self, path: str, offset: int, body: bytes) -> int:
        """Add to a journal or to a file of a case folder that is `offset` long; its length afterwards."""
        base = self._base(path)
        if doors.is_results(base):
            raise Refused("a result's files are not changed", where=path)
        self._need_room(offset + len(body))
        self._make_below(base, os.path.dirname(path))
        return atomic.extend(self.at(path), offset, body)

    def stow(self, path: str, inner: str, offset: int, body: bytes) -> None:
        """A part of a file of a result's folder that is on its way."""
        staging = doors.staging(path)
        if doors.kind(f"{path}/{inner}") != "file":
            raise Refused("no file of a result is named like this", where=repr(inner)[:200])
        self._need_room(offset + len(body))
        self._make_below(staging, os.path.dirname(f"{staging}/{inner}"))
        target = f"{self.root}/{staging}/{inner}"
        if not offset:
            atomic.discard(target)  # begun by a link that was cut
        if atomic.extend(target, offset, body) != offset + len(body):
            raise Refused("a piece does not fit to the one before", where=f"{path}/{inner}", then="the next pass begins again")

    def settle(self, path: str, files: list[tuple[str, int]]) -> bool:
        """Give the staged folder its name, if it holds exactly these files; False if it is there already."""
        staging, target = self.at(doors.staging(path)), self.at(path)
        if os.path.lexists(target):
            atomic.remove_folder(staging)
            return False
        if not files:
            atomic.folder(staging)
        own = own_name(path)
        if not atomic.advance(staging, self.at(own)):
            raise FileNotFoundError(staging)  # another pass was first
        try:
            if sorted(files) != sorted(self._plain_files(own, path, strict=True)):
                raise Refused("other files arrived than were announced", where=path, then="the next pass sends them again")
            atomic.sync_disk([f"{self.root}/{own}/{inner}" for inner, _ in files])
        except BaseException:
            atomic.remove_folder(self.at(own))
            raise
        return self._settled(self.at(own), target)

    def _settled(self, staging: str, target: str) -> bool:
        try:
            done = atomic.advance(staging, target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            atomic.remove_folder(staging)  # somebody else was first
            return False
        atomic.sync_folder(os.path.dirname(target))
        return done

    def _base(self, path: str) -> str:
        base = doors.base_of(path)
        if not base:
            raise doors.unnamed(path)
        return base

    def _no_links(self, base: str, folder: str) -> None:
        """Raise if a folder on the way is a link: an agent may have left one in its case folder."""
        while len(folder) >= len(base):
            if os.path.islink(self.at(folder)):
                raise Refused("there is a link on the way", where=folder)
            folder = os.path.dirname(folder)

    def _make_below(self, base: str, folder: str) -> None:
        self._no_links(base, folder)
        atomic.folder(self.at(folder))

    def _need_room(self, size: int) -> None:
        if size > MAX_TREE:
            raise Refused(f"a file may have {MAX_TREE} bytes", then="leave less in the result's folder")
        if room.free(self.root) < KEEP_FREE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.root)

    def _plain_files(self, top: str, base: str, strict: bool = False) -> Iterator[tuple[str, int]]:
        """Every plain file below `top` that may be named below `base`; bounded. `strict`: anything else counts, too."""
        return islice(self._walk(top, base, strict), FILES_MOST + 1)  # one too many tells that some are missing

    def _walk(self, top: str, base: str, strict: bool) -> Iterator[tuple[str, int]]:
        waiting, folders = [""], 0
        while waiting:
            below = waiting.pop()
            with os.scandir(f"{self.root}/{top}/{below}") as found:
                for entry in found:
                    inner = f"{below}{entry.name}"
                    if not doors.base_of(f"{base}/{inner}"):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders = doors.one_more(folders, base)
                        waiting.append(f"{inner}/")
                    elif entry.is_file(follow_symlinks=False):
                        yield inner, entry.stat(follow_symlinks=False).st_size
                    elif strict:
                        yield inner, -1  # a link: announced by nobody
