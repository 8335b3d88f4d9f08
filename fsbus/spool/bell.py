"""The one way of waiting: a bell that senders ring, with the directory listing as the truth.

A bell is a named pipe `.node/bells/<pid>-<n>`, or `<pid>-<n>.<agent>` for one that waits for that agent's messages
alone; `<pid>-<n>.shown` waits for receipts (to an agent of that name it is a ring too many). Whoever changed
something writes one byte into each that it concerns; whoever waits polls its own. A ring that is lost costs nothing
but the time until the next safety look, which every waiter makes by itself, so that delivery holds with every pipe
and every watcher dead. A pipe rather than a socket: no path length limit, no import, and a shell can ring it
(`printf . 1<>bell`).
"""
from __future__ import annotations

import os
import time

from fsbus.spool import atomic
from fsbus.spool.folder import Folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import TypeVar

    T = TypeVar("T")

_count = 0
_folders: dict[str, Folder] = {}  # of bells, by path: who rings often lists them seldom

ALL = "all"  # in place of an agent: a bell for everybody's messages, as a link to another host has it
BRISK = 0.005  # seconds between looks while messages come, for those that nobody rings for
BRISK_FOR = 2.0  # seconds after the last one
SHOWN = "-shown"  # of those who wait for receipts; no agent can be named so
REST = 3  # times the length of a look in vain
CALM = 0.2  # seconds between looks after that: five wake-ups a second; a node beside rings for foreign programs


def ring(root: str, agent: str = "", everybody: bool = True, but: str = "") -> None:
    """Wake who waits on this bus: those who wait for this agent's messages first, then, if so, those who wait for all.

    Never blocks, never fails: a bell is only a hint. `but` is the path of the caller's own one.
    """
    folder = f"{root}/.node/bells"
    try:
        names = _folders.setdefault(folder, Folder(folder)).names()
    except OSError:
        return
    for name in _concerned(names, agent, everybody):
        if but.endswith(f"/{name}"):
            continue
        try:
            fd = os.open(f"{folder}/{name}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue  # ENXIO: its owner is dead and the next listener clears it away
        try:
            os.write(fd, b".")
        except OSError:
            pass  # full: it rings already
        finally:
            os.close(fd)


def _concerned(names: list[str], agent: str, everybody: bool) -> list[str]:
    """Whose bells to ring, in this order: the agent's own readers, the links, and then everybody else."""
    mine = [name for name in names if name.endswith(f".{agent}")] if agent else []
    links = [name for name in names if name.endswith(f".{ALL}") and name not in mine] if agent else []
    rest = [name for name in names if "." not in name or name.endswith(f".{SHOWN}")] if everybody else []
    return mine + links + [name for name in rest if name not in mine]


class Bell:
    """One waiter's bell; use it as a context manager, so that nothing is left behind."""

    def __init__(self, root: str, agent: str = "") -> None:
        """With `agent` it rings for that agent's messages only, and not for everything that moves."""
        global _count
        _count += 1
        self._folder = f"{root}/.node/bells"
        self.path = f"{self._folder}/{os.getpid()}-{_count}" + (f".{agent}" if agent else "")
        self._fds: tuple[int, int] | None = None
        self._rung = False  # by this process, since the last wait: a further ring would say nothing new

    def __enter__(self) -> Bell:
        atomic.folder(self._folder)
        self._clear_dead()
        atomic.pipe(self.path)
        fds: list[int] = []
        try:
            for way in (os.O_RDONLY, os.O_WRONLY):  # for writing, too, or each sender's close reads as EOF
                fds.append(os.open(self.path, way | os.O_NONBLOCK | os.O_CLOEXEC))  # noqa: PERF401
        except OSError:
            for fd in fds:
                os.close(fd)
            atomic.discard(self.path)
            raise
        self._fds = (fds[0], fds[1])
        import select  # a shared library: who only rings does not load it

        self._poll = select.poll()
        self._poll.register(fds[0], select.POLLIN)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._fds is not None:
            fds, self._fds = self._fds, None
            for fd in fds:
                os.close(fd)
        atomic.discard(self.path)

    def ring(self) -> None:
        """Wake the owner of this bell, from another thread or a signal handler."""
        if self._fds is not None and not self._rung:
            self._rung = True
            try:
                os.write(self._fds[1], b".")
            except OSError:
                pass

    def wait(self, seconds: float) -> bool:
        """Sleep until the bell rings (True) or the time is over (False); all rings so far count as one."""
        assert self._fds is not None, "wait belongs inside `with`"
        if not self._poll.poll(max(0.0, seconds) * 1000):
            return False
        try:
            while len(os.read(self._fds[0], 4096)) == 4096:
                pass
        except BlockingIOError:
            pass
        self._rung = False  # after the last byte was taken, so that each ring leaves a byte or is seen by the caller's look
        return True

    def until(self, found: Callable[[], T], seconds: float, look: float = 1.0) -> T:
        """Call `found()` at each ring, and at least every `look` seconds, until it answers something true or time is up.

        On a busy bus it rings all the time: a look that found nothing is followed by a rest of `REST` times its length.
        """
        end = time.monotonic() + seconds
        while True:
            began = time.monotonic()
            answer = found()
            ended = time.monotonic()
            if answer or ended >= end:
                return answer
            time.sleep(min(REST * (ended - began), look, end - ended))
            self.wait(min(look, max(0.0, end - time.monotonic())))

    def _clear_dead(self) -> None:
        from fsbus.spool.owner import exists

        for name in os.listdir(self._folder):
            pid = name.split("-")[0]
            if not (pid.isdigit() and exists(int(pid))):
                atomic.discard(f"{self._folder}/{name}")


def pace(quiet: float) -> float:
    """How long to sleep until the next look of its own, for one that has had nothing for this long; both in seconds."""
    return BRISK if quiet < BRISK_FOR else min(CALM, BRISK * 2 ** (quiet - BRISK_FOR + 1))
