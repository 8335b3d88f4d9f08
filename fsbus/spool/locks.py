"""One owner per duty and root, by a lock that the kernel frees when its owner dies.

For comfort and for proof: whoever holds `worker:code` knows that no other worker of this host runs code's tasks, so
that what is found running there was left by a dead one. Claims themselves need no lock, the rename is the claim.
"""
from __future__ import annotations

import os
import time

from fsbus.core.errors import Refused
from fsbus.spool import atomic, careful, owner
from fsbus.spool.journal import stamp
from fsbus.spool.tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType


class Busy(Refused):
    """Another process of this host has the duty."""

    def __init__(self, duty: str, pid: str, since: str, root: str) -> None:
        super().__init__(f"{duty} already runs here, pid {pid} since {since}", where=root, then=f"stop it with: kill {pid}")
        self.pid = pid


class DutyLock:
    """The right of this process to do a duty, from `with` to its end."""

    def __init__(self, tree: Tree, duty: str) -> None:
        self._root, self.duty = tree.root, duty
        self._base = _base(tree, duty)

    def __enter__(self) -> DutyLock:
        from filelock import FileLock, Timeout  # 80 ms: only for those who stay

        atomic.folder(os.path.dirname(self._base))
        self._lock = FileLock(f"{self._base}.lock", timeout=0, mode=atomic.FILE_MODE)
        try:
            self._lock.acquire()
        except Timeout:
            raise Busy(self.duty, *_who(self._base), self._root) from None
        mine = f"{os.getpid()} {stamp(time.time())} {owner.start_time(os.getpid())}\n"
        atomic.replace(f"{self._base}.owner", mine.encode())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        atomic.discard(f"{self._base}.owner")
        self._lock.release()


class Turn:
    """One process of this host after the other, from `with` to its end, for a look and the step that follows from it."""

    def __init__(self, tree: Tree, what: str) -> None:
        self._path = tree.node(f"locks/{what.replace(':', '-')}.turn")

    def __enter__(self) -> Turn:
        import fcntl

        atomic.folder(os.path.dirname(self._path))
        self._fd = atomic.open_log(self._path)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._fd)


def holder(tree: Tree, duty: str) -> int:
    """The pid of the process that does a duty, 0 if none does; asks without taking the lock."""
    words = (careful.read_text(f"{_base(tree, duty)}.owner") or "").split(" ", 2)
    if len(words) < 3 or not words[0].isdigit():
        return 0
    pid = int(words[0])
    return 0 if owner.gone(pid, words[2].strip()) else pid


def _base(tree: Tree, duty: str) -> str:
    """The path of what belongs to a duty's lock, without its ending."""
    return tree.node(f"locks/{duty.replace(':', '-')}")


def _who(base: str) -> tuple[str, str]:
    words = (careful.read_text(f"{base}.owner") or "").split(" ")
    return (words[0], words[1]) if len(words) >= 2 else ("unknown", "unknown")
