"""What carries the bytes of one link: a pair of file descriptors, or an `ssh` child's. (paramiko's channel: `link/ssh.py`.)"""

from __future__ import annotations

import os
import select
import subprocess
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
    """Two file descriptors."""

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write = read, write
        os.set_blocking(read, False)
        os.set_blocking(write, False)
        self._stop = os.pipe()  # closing what another thread polls is not noticed: this is

    def read(self, seconds: float) -> bytes:
        """Some bytes."""
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
            if not select.select([], [self._write], [], max(0.0, end - time.monotonic()))[1]:
                raise TimeoutError
            view = view[os.write(self._write, view) :]

    def said(self) -> str:
        """Nothing."""
        return ""

    def close(self) -> None:
        """Let go; the descriptors belong to their owner."""
        try:
            os.write(self._stop[1], b".")
        except OSError:
            pass


class Child(Pipes):
    """The stdin and stdout of a command such as `ssh HOST fsbus sync --serve`."""

    def __init__(self, words: list[str]) -> None:
        err = os.memfd_create("link") if hasattr(os, "memfd_create") else None
        self._err = err
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL if err is None else err,
            start_new_session=True,
        )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        super().__init__(self._process.stdout.fileno(), self._process.stdin.fileno())

    def said(self) -> str:
        """The last of its stderr."""
        if self._err is None:
            return ""
        size = os.fstat(self._err).st_size
        return os.pread(self._err, TAIL, max(0, size - TAIL)).decode("utf-8", "replace").strip()

    def close(self) -> None:
        """End it."""
        super().close()
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
