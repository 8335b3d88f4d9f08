"""Single steps on the files of an SFTP server, by paths below a root that were checked before; bounded, links not followed."""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Callable, Iterator
from itertools import islice

from fsbus.core.errors import Refused, Unreachable
from fsbus.core.paths import ARRIVING, FILES_MOST
from fsbus.link import doors
from fsbus.link.side import MAX_NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ParamSpec, TypeVar

    P = ParamSpec("P")
    T = TypeVar("T")

CHUNK = 32 << 10  # bytes of one SFTP request that every server takes


DEAD = ("SSHException", "SFTPError", "EOFError", "error")  # by name: paramiko is imported by those who dial


def over_the_link(call: Callable[P, T]) -> Callable[P, T]:
    """What paramiko raises for a dead or odd server becomes Unreachable."""

    @functools.wraps(call)
    def guarded(*args: P.args, **more: P.kwargs) -> T:
        try:
            return call(*args, **more)
        except Exception as error:
            lost = isinstance(error, TimeoutError | ConnectionError | UnicodeError | ValueError | EOFError)
            if not lost and type(error).__name__ not in DEAD and str(error) != "Socket is closed":
                raise
            why = str(error) or type(error).__name__
            raise Unreachable(f"the SFTP link was lost: {why}", then="the next pass tries again") from None

    return guarded


class FarFiles:
    """The files below `root`, relative to where a session begins if it does not begin with `/`."""

    def __init__(self, client: Any, root: str) -> None:
        self._client = client
        self._root = root[2:] if root.startswith("~/") else root
        self._made: set[str] = set()

    def names(self, folder: str) -> list[tuple[str, int, int, int]]:
        """Name, mode, size and time of what a folder holds; none if it is missing.

        50 requests are in flight (facts/sync.md 2.1), so all is read before anything else is asked: an answer to that
        would be taken for one of these.
        """
        try:
            found = list(islice(self._client.listdir_iter(self._at(folder)), MAX_NAMES + 1))
        except FileNotFoundError:
            return []
        if len(found) > MAX_NAMES:
            raise Unreachable(f"it lists more than {MAX_NAMES} names", where=folder, then="look at that folder over there")
        return [(str(one.filename), one.st_mode or 0, one.st_size or 0, int(one.st_mtime or 0)) for one in found]

    def is_there(self, path: str) -> bool:
        """Whether anything has this name."""
        return self._facts(path) is not None

    def need_file(self, path: str) -> None:
        """Raise FileNotFoundError if there is nothing, Refused if it is no plain file."""
        facts = self._facts(path)
        if facts is None:
            raise FileNotFoundError(path)
        if not stat.S_ISREG(facts.st_mode or 0):
            raise Refused("this is not a file", where=path)

    def size(self, path: str) -> int:
        """Bytes of a file, 0 if it is missing."""
        facts = self._facts(path)
        return int(facts.st_size or 0) if facts is not None else 0

    def clock(self, path: str) -> float:
        """The far disk's time, by a file that is written for it."""
        self.folder(os.path.dirname(path))
        self.write(path, b"")
        return float(self._client.stat(self._at(path)).st_mtime or 0)

    def part(self, path: str, offset: int, limit: int) -> bytes:
        """At most so many bytes of a file from there on."""
        chunks: list[bytes] = []
        with self._client.open(self._at(path), "rb") as file:
            file.seek(offset)
            while limit > 0 and (chunk := file.read(min(limit, CHUNK))):
                chunks.append(chunk[:limit])  # a server may send more than was asked for
                limit -= len(chunk)
        return b"".join(chunks)

    def write(self, path: str, body: bytes) -> None:
        """A file with this content, whatever was there; Refused if the server then says it has another size."""
        with self._client.open(self._at(path), "wb") as file:
            file.chmod(0o600)
            file.set_pipelined(True)
            file.write(body)
        if self.size(path) != len(body):
            raise Refused("this did not arrive whole", where=path, then="is the far disk full?")

    def stage(self, path: str, body: bytes) -> str:
        """The content in a dot-file beside `path`; its path."""
        folder, name = os.path.split(path)
        temp = f"{folder}/{ARRIVING}{name}"  # not another each time: a cut link would leave one behind
        self.folder(folder)
        self.write(temp, body)
        return temp

    def extend(self, path: str, offset: int, body: bytes) -> int:
        """Write at the end of a file that is `offset` long; its length then."""
        self.folder(os.path.dirname(path))
        if self.is_there(path):
            self.need_file(path)
        if self.size(path) == offset:
            with self._client.open(self._at(path), "r+b" if offset else "wb") as file:
                file.seek(offset)
                file.set_pipelined(True)
                file.write(body)
        return self.size(path)

    def rename(self, old: str, new: str, over: bool = False) -> None:
        """Another name; with `over` in the place of what has it."""
        self._made = {path for path in self._made if not f"{path}/".startswith(f"{old}/")}
        (self._client.posix_rename if over else self._client.rename)(self._at(old), self._at(new))

    def remove(self, path: str) -> None:
        """One file less."""
        self._client.remove(self._at(path))

    def remove_folder(self, path: str, depth: int = 20) -> None:
        """A folder and what is in it."""
        self._made.discard(path)
        for name, mode, _, _ in self.names(path):
            if name in (".", "..") or "/" in name or depth == 0:
                raise Refused("that server lists names that are none", where=path)
            inner = f"{path}/{name}"
            self.remove_folder(inner, depth - 1) if stat.S_ISDIR(mode) else self.remove(inner)
        self._client.rmdir(self._at(path))

    def folder(self, path: str) -> None:
        """A folder and those above it, if missing."""
        if path in self._made or not path:
            return
        if not self.is_there(path):
            self.folder(os.path.dirname(path))
            self._client.mkdir(self._at(path), 0o700)
        self._made.add(path)

    def walk(self, top: str, base: str) -> Iterator[tuple[str, int]]:
        """Every plain file below `top` that may be named below `base`; bounded."""
        return islice(self._walk(top, base), FILES_MOST + 1)  # one too many tells that some are missing

    def _walk(self, top: str, base: str) -> Iterator[tuple[str, int]]:
        waiting, folders = [""], 0
        while waiting:
            below = waiting.pop()
            for name, mode, size, _ in self.names(f"{top}/{below}".rstrip("/")):
                inner = f"{below}{name}"
                if not doors.base_of(f"{base}/{inner}"):
                    continue
                if stat.S_ISDIR(mode):
                    folders = doors.one_more(folders, base)
                    waiting.append(f"{inner}/")
                elif stat.S_ISREG(mode):
                    yield inner, size

    def _facts(self, path: str) -> Any:
        try:
            return self._client.lstat(self._at(path))
        except FileNotFoundError:
            return None

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"
