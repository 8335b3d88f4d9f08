"""The raw limit: a file under a dot-name, a rename, and inotify by ctypes; the receiver renames, opens and reads.

No parsing, no sender, no checks, no record. Level D: the file is synced before its rename, the folder after it.
"""

import contextlib
import ctypes
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from urgent import Entrant

ENTRANTS = [
    Entrant("raw: file, rename, inotify", "P", "P", role="raw"),
    Entrant("raw: file, fsync, rename, fsync, inotify", "D", "D", role="raw"),
]
MOVED_TO = 0x80  # IN_MOVED_TO


@contextlib.contextmanager
def serve(place: Path, _setting: str) -> Iterator[dict[str, str]]:
    """Two folders."""
    for name in ("box", "read"):
        (place / name).mkdir()
    yield {}


def send(place: Path, setting: str, texts: Iterator[str]) -> None:
    """See urgent/__init__.py."""
    for i, text in enumerate(texts):
        fd = os.open(f"{place}/box/.{i}", os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
        os.write(fd, text.encode())
        if setting == "D":
            os.fsync(fd)
        os.close(fd)
        os.rename(f"{place}/box/.{i}", f"{place}/box/{i}")
        if setting == "D":
            fd = os.open(f"{place}/box", os.O_RDONLY)
            os.fsync(fd)
            os.close(fd)


def receive(place: Path, _setting: str, ready: Callable, seen: Callable) -> None:
    """See urgent/__init__.py."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init1(os.O_CLOEXEC)
    if fd < 0 or libc.inotify_add_watch(fd, f"{place}/box".encode(), MOVED_TO) < 0:
        raise OSError(ctypes.get_errno(), "no inotify")
    ready()
    while True:
        events = os.read(fd, 4096)
        while events:
            size = int.from_bytes(events[12:16], "little")
            name, events = events[16 : 16 + size].rstrip(b"\0").decode(), events[16 + size :]
            os.rename(f"{place}/box/{name}", f"{place}/read/{name}")
            file = os.open(f"{place}/read/{name}", os.O_RDONLY)
            text = os.read(file, 4096).decode()
            os.close(file)
            if not seen(text):
                return
