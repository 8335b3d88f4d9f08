"""The floor: one unix datagram. Nothing is kept, nobody else can look; it shows what waking a process costs here."""

import contextlib
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from urgent import Entrant

ENTRANTS = [Entrant("floor: unix datagram", "M", "M", role="info")]


@contextlib.contextmanager
def serve(_place: Path, _setting: str) -> Iterator[dict[str, str]]:
    """A place with a short path: a socket's must stay under 108 bytes."""
    nook = tempfile.mkdtemp(prefix="fsbus-bench-")
    try:
        yield {"BENCH_SOCKET": f"{nook}/s"}
    finally:
        shutil.rmtree(nook, ignore_errors=True)


def _socket() -> tuple[socket.socket, str]:
    import os

    return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), os.environ["BENCH_SOCKET"]


def send(_place: Path, _setting: str, texts: Iterator[str]) -> None:
    """See urgent/__init__.py."""
    out, path = _socket()
    out.connect(path)
    for text in texts:
        out.send(text.encode())


def receive(_place: Path, _setting: str, ready: Callable, seen: Callable) -> None:
    """See urgent/__init__.py."""
    came, path = _socket()
    came.bind(path)
    ready()
    while seen(came.recv(4096).decode()):
        pass
