"""The far end of a link: `fsbus sync --serve`, on the stdin and stdout of an SSH channel.

Promises: it does what `Side` says to this tree and nothing else, whatever comes in; requests are answered in order;
a ping is answered at once, also while the disk is slow; what is new under urgent/ is told without being asked, content
included, so that a message crosses in half a round trip. It ends by itself when stdin ends, when nothing came for
`SILENCE`, and when nonsense came: nobody else would end it, since a stock sshd notices no dead peer.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque

from fsbus.core.errors import Refused
from fsbus.link import frames
from fsbus.link.desk import Desk, WhyNot
from fsbus.link.local import Local
from fsbus.link.lookout import Lookout
from fsbus.spool.bell import ALL, Bell
from fsbus.spool.tree import Tree

SILENCE = 45.0  # seconds without a word from the peer, which pings every 10: it is gone and its TCP did not say so
LOOK = 2.0  # seconds between looks at the urgent folders' times, in case nobody rang
HOLD = 16 << 10  # bytes of small answers that leave together
PENDING = 256  # requests read ahead; then the pipe fills and the peer waits


def serve(
    tree: Tree, stdin: int, stdout: int, *, peer: str = "", why_not: WhyNot | None = None, silence: float = SILENCE
) -> None:
    """Answer one peer until it goes. `peer`: the only host this may be, '' for any of bus.yaml's.

    `why_not(path, size, host)` says why that host may not send this, '' if it may; without one the config decides.
    """
    _Session(tree, stdin, stdout, Desk(Local(tree), peer, why_not), silence).run()


class _Session:
    """One peer's visit: a thread reads, this one acts."""

    def __init__(self, tree: Tree, stdin: int, stdout: int, desk: Desk, silence: float) -> None:
        self._tree, self._in, self._out, self._desk, self._silence = tree, stdin, stdout, desk, silence
        self._todo: deque[tuple[bytes, bytes]] = deque()
        self._room = threading.Semaphore(PENDING)
        self._pen = threading.Lock()
        self._held = bytearray()
        self._heard = time.monotonic()
        self._over = False
        self._lookout: Lookout | None = None

    def run(self) -> None:
        """Until the peer goes."""
        os.set_blocking(self._out, True)
        with Bell(self._tree.root, ALL) as self._bell:
            self._write(frames.greeting())
            threading.Thread(target=self._listen, name="link-in", daemon=True).start()
            try:
                while not self._over and time.monotonic() - self._heard < self._silence:
                    self._bell.wait(LOOK if self._lookout else self._silence / 4)
                    self._turn()
            except OSError:
                pass  # nobody reads our answers any more
            finally:
                self._desk.close()

    def _turn(self) -> None:
        while self._todo:
            word, body = self._todo.popleft()
            self._room.release()
            self._answer(word, body)
        self._flush()
        if self._lookout is not None:
            for event in self._lookout.news():
                self._say(frames.EVENT, frames.pack(event.path, event.body or b"", b"" if event.body is None else b"1"))
            self._flush()

    def _answer(self, word: bytes, body: bytes) -> None:
        if word == frames.WATCH:
            self._lookout = Lookout(self._tree)
            return self._say(frames.ANSWER)
        try:
            answer, brought = self._desk.answer(word, body)
        except frames.Garbled:
            self._over = True
            raise OSError("garbled") from None
        except Exception as error:
            return self._say(frames.ERROR, trouble(error))
        if self._lookout is not None:
            for path in brought:
                self._lookout.known(path)
        return self._say(frames.ANSWER, answer)

    def _listen(self) -> None:
        """Read for ever, in a thread: pings are answered here, requests queued."""
        reader = frames.Reader()
        try:
            while data := os.read(self._in, frames.MAX_FRAME):
                self._heard = time.monotonic()
                for word, body in reader.feed(data):
                    self._take(word, body)
                self._bell.ring()
        except (OSError, frames.Garbled):
            pass  # the link is gone, or what comes is not ours
        self._over = True
        self._bell.ring()

    def _take(self, word: bytes, body: bytes) -> None:
        if word == frames.PING:
            return self._write(frames.wire(frames.PONG, body))
        if not self._room.acquire(blocking=False):
            self._bell.ring()
            self._room.acquire()
        return self._todo.append((word, body))

    def _say(self, word: bytes, body: bytes = b"") -> None:
        """Only by the thread that acts; small answers leave together."""
        for frame in frames.frames(word, body):
            self._held += frame
            if len(self._held) >= HOLD:
                self._flush()

    def _flush(self) -> None:
        held, self._held = self._held, bytearray()
        if held:
            self._write(held)

    def _write(self, raw: bytes | bytearray) -> None:
        with self._pen:
            view = memoryview(raw)
            while view:
                view = view[os.write(self._out, view) :]


def trouble(error: Exception) -> bytes:
    """An error as a body: kind, number, what, where, then."""
    if isinstance(error, Refused):
        return frames.pack("refused", "0", error.what, error.where, error.then)
    if isinstance(error, FileNotFoundError):
        return frames.pack("gone", str(error.errno or 0), "moved on", "", "")
    if isinstance(error, OSError):
        return frames.pack("disk", str(error.errno or 0), error.strerror or str(error), str(error.filename or ""), "")
    what = getattr(error, "what", f"{type(error).__name__}: {error}")
    return frames.pack("other", "0", str(what), getattr(error, "where", ""), getattr(error, "then", ""))
