"""One tree, near or far, behind one interface: what a pass and the urgent lane may ask of either end.

`Local` is a tree on this disk, `Remote` the same program at the far end of a connection, `Sftp` a far tree with no
fsbus beside it. A contract suite runs against all three. Every method takes paths relative to the root, and every path
is checked against the grammar on the side that touches the disk, whatever the other end has checked.

A name that is not there any more is FileNotFoundError: it moved on, look again. What a side will not do is `Refused`,
a disk in trouble OSError, a link in trouble `Unreachable`. Nothing here replaces or removes what a greater name does
not stand behind.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import namedtuple
from collections.abc import Iterable, Iterator

from fsbus.core.gathered import Listing
from fsbus.core.paths import DEPTH, FILES_MOST, spot_of
from fsbus.core.trust import BIGGEST

MAX_TASK, MAX_MESSAGE = BIGGEST["task"], BIGGEST["message"]  # bytes
MAX_REGISTER = 1 << 20  # bytes of bus.yaml, agent.yaml, alive.yaml
MAX_NAMES = 200_000  # names in one folder's listing; what is beyond is not seen
MAX_FOLDERS = FILES_MOST * DEPTH  # folders below one `.files` or case folder
MAX_TREE = 4 << 30  # bytes of them
KEEP_FREE = 64 << 20  # bytes of the disk below which bulk is refused and urgent still goes
PIECE = 48 << 10  # bytes of a large file that travel at once: one frame


class Hello(namedtuple("Hello", "version host bus now free rsync beyond", defaults=(0, "", ""))):
    """What a side says of itself.

    version: of the protocol, 0 for a side that speaks none; host: its name; bus: the id in bus.yaml;
    now: its clock, seconds since 1970; free: bytes of its disk, -1 if unknown; rsync: what `rsync --version` says first;
    beyond: what it knows of other hosts, as `core/hearsay.py` has it.
    """

    __slots__ = ()


class Put(namedtuple("Put", "path body digest")):
    """One file to be put. path: relative to the root; body: bytes; digest: sha256 of them in hex."""

    __slots__ = ()


class Event(namedtuple("Event", "path body")):
    """A message that appeared at the far end; path: its name; body: its content while it is new, else None."""

    __slots__ = ()


class Side(ABC):
    """One tree. `refused`: of the last batches, path -> why it was not taken; the caller empties it."""

    refused: dict[str, str]
    by = "the disk"  # how it is reached, for people

    @property
    def alive(self) -> bool:
        """Whether it can still be asked, as far as is known."""
        return True

    @abstractmethod
    def hello(self) -> Hello:
        """Who this is, now."""

    @abstractmethod
    def listing(self, folders: Iterable[str] | None = None) -> Listing:
        """The names that parse and their entries, in these folders or in all that are merged, upstream first."""

    @abstractmethod
    def read(self, path: str, limit: int) -> bytes:
        """A whole file of at most `limit` bytes."""

    def read_many(self, wanted: Iterable[tuple[str, int]]) -> Iterator[tuple[str, bytes | None]]:
        """Many (path, limit) at the price of few round trips; None for what has moved on or may not be read."""
        for path, limit in wanted:
            yield path, gone_is_none(self, path, limit)

    @abstractmethod
    def put(self, path: str, body: bytes, sha256: str) -> bool:
        """Store a whole file under a name that nothing has, durably; False if it, or a greater name, is there."""

    def put_many(self, puts: Iterable[Put]) -> list[bool]:
        """The same for many, in this order, made durable together; what is refused is False and noted in `refused`."""
        return [self._put_or_note(item) for item in puts]

    def _put_or_note(self, item: Put) -> bool:
        from fsbus.core.errors import Refused

        try:
            return self.put(*item)
        except Refused as error:
            self.refused[item.path] = str(error)
            return False

    @abstractmethod
    def advance(self, old: str, new: str) -> bool:
        """Give a file the greater name of the same attempt or message; False if it is gone or the name is taken."""

    @abstractmethod
    def edit(self, path: str, body: bytes, sha256: str) -> bool:
        """The new text of a task that is still queued under this name; False if it moved on."""

    @abstractmethod
    def sweep(self, path: str, greater: str = "") -> bool:
        """Remove a lesser name; False if no greater one is there. `greater` saves the search for it."""

    @abstractmethod
    def replace(self, path: str, body: bytes) -> None:
        """The new content of a register: bus.yaml, agent.yaml, alive.yaml."""

    @abstractmethod
    def append(self, path: str, offset: int, body: bytes) -> int:
        """Add to a journal or to a file of a case folder that is `offset` long; its length afterwards."""

    @abstractmethod
    def piece(self, path: str, offset: int, limit: int) -> bytes:
        """A part of a large or growing file (journal, case folder, result's files), b'' at its end."""

    @abstractmethod
    def files(self, path: str) -> list[tuple[str, int]]:
        """The files below a result's folder, a case folder or a host's journal: relative path and size; no links."""

    @abstractmethod
    def stow(self, path: str, inner: str, offset: int, body: bytes) -> None:
        """A part of a file of a result's folder that is on its way: into a staging folder that nobody sees."""

    @abstractmethod
    def settle(self, path: str, files: list[tuple[str, int]]) -> bool:
        """Give the staged folder its name, if it holds exactly these files; False if it is there already."""

    @abstractmethod
    def close(self) -> None:
        """Let go of it. Never raises, and may be called twice."""


def sha256(body: bytes) -> str:
    """The digest that travels with a body."""
    return hashlib.sha256(body).hexdigest()


def limit_of(path: str) -> int:
    """How many bytes a file of this name may have."""
    spot = spot_of(path)
    return BIGGEST.get(spot.kind, MAX_TASK) if spot is not None else MAX_TASK


def gone_is_none(side: Side, path: str, limit: int) -> bytes | None:
    """A file, or None if it has moved on or is not what it should be: never worth stopping a batch for."""
    from fsbus.core.errors import Refused

    try:
        return side.read(path, limit)
    except (FileNotFoundError, Refused):
        return None
