"""What carries the bytes of one link: a pair of file descriptors, or an `ssh` child's. (paramiko's channel: `link/ssh.py`.)"""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
import threading
import time
from abc import ABC, abstractmethod

TAIL = 2000  # bytes of the far end's stderr that are kept for an error text
GRACE = 2.0  # seconds that a child has to go after its stdin was closed


class Carrier(ABC):
    """A two-way stream of bytes."""

    @abstractmethod
    def read(self, seconds: float) -> bytes:
        """Some bytes; b'' if the other end is gone. Raises TimeoutError if none came in time, OSError."""

    @abstractmethod
    def write(self, raw: bytes, seconds: float) -> None:
        """All of these bytes. Raises TimeoutError, OSError."""

    @abstractmethod
    def said(self) -> str:
        """The last that the far end wrote to its stderr."""

    @abstractmethod
    def close(self) -> None:
        """Let go. Never raises, may be called twice, and ends a `read` of another thread."""


class Pipes(Carrier):
    """Two file descriptors of somebody else's."""

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write = read, write
        os.set_blocking(read, False)
        os.set_blocking(write, False)
        self._stop = os.pipe()  # closing what another thread polls is not noticed: this is
        self._busy = threading.Lock()  # held by whoever reads
        self._closed = False

    def read(self, seconds: float) -> bytes:
        """Some bytes."""
        with self._busy:
            if self._closed:
                return b""
            ready, _, _ = select.select([self._read, self._stop[0]], [], [], seconds)
            if self._stop[0] in ready:
                return b""
            if not ready:
                raise TimeoutError
            return os.read(self._read, 1 << 16)

    def write(self, raw: bytes, seconds: float) -> None:
        """All of these bytes."""
        view, end = memoryview(raw), time.monotonic() + seconds
        while view:
            if self._closed:
                raise ConnectionError("it is closed")
            if not select.select([], [self._write], [], max(0.0, end - time.monotonic()))[1]:
                raise TimeoutError("nothing can be sent any more")
            view = view[os.write(self._write, view) :]

    def said(self) -> str:
        """Nothing."""
        return ""

    def close(self) -> None:
        """Let go; the two descriptors belong to their owner."""
        if self._closed:
            return
        self._closed = True
        os.write(self._stop[1], b".")
        with self._busy:
            for fd in self._stop:
                os.close(fd)


class Child(Pipes):
    """The stdin and stdout of a command such as `ssh HOST fsbus sync --serve`."""

    def __init__(self, words: list[str]) -> None:
        self._err = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the child)
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._err, start_new_session=True, bufsize=0,
        )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._last = ""
        super().__init__(self._process.stdout.fileno(), self._process.stdin.fileno())

    def said(self) -> str:
        """The last of its stderr."""
        if self._err.closed:
            return self._last
        size = os.fstat(self._err.fileno()).st_size
        return os.pread(self._err.fileno(), TAIL, max(0, size - TAIL)).decode("utf-8", "replace").strip()

    def close(self) -> None:
        """End it."""
        if self._closed:
            return
        super().close()
        self._last = self.said()
        self._process.terminate()
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._err):
            if stream is not None:
                stream.close()
