"""One conversation over a carrier: requests and their answers in order, events in between, pings in silence.

The thread of the line is the only one that reads. Everything that waits here ends: with an answer, with an error of
the far end, or with `Unreachable` when the link died or the time for it was over.
"""

from __future__ import annotations

import errno
import threading
import time
from collections import deque
from collections.abc import Callable

from fsbus.core.errors import FsbusError, Mute, Refused, Unreachable
from fsbus.link import frames
from fsbus.link.carrier import Carrier
from fsbus.link.frames import Garbled, number, text, unpack
from fsbus.link.limits import Limits

HOLD = 16 << 10  # bytes of small requests that travel as one packet: each packet costs more than ten requests
QUOTA = (69, 122)  # EDQUOT of a Mac and of Linux, the one word of a disk in trouble that they number differently
MAX_EVENTS = 10_000  # that nobody fetched; the batch pass finds what is dropped


class Waiting:
    """One request's answer, once it is here."""

    def __init__(self, line: Line) -> None:
        self._line, self._word, self._body = line, b"", b""
        self._here = threading.Lock()
        self._here.acquire()

    def land(self, word: bytes, body: bytes) -> None:
        """Called once, by the line."""
        self._word, self._body = word, body
        self._here.release()

    def result(self) -> bytes:
        """The answer. Raises what the far end had to say, and Unreachable."""
        if not self._here.acquire(timeout=self._line.limits.answer):
            raise self._line.kill(Unreachable(f"{self._line.name} took a request and never answered it", then="fsbus doctor"))
        self._here.release()
        if self._word == frames.ANSWER:
            return self._body
        if self._word == frames.ERROR:
            raise _error(self._body, self._line.name)
        raise self._line.why


class Line:
    """The near end of a link."""

    def __init__(self, carrier: Carrier, name: str, limits: Limits, wake: Callable[[], None] | None) -> None:
        self.name, self.limits = name, limits
        self._carrier, self._wake = carrier, wake
        self.dead = False
        self.why: FsbusError = Unreachable(f"the link to {name} is closed", then="the next pass opens it again")
        self._waiting: deque[Waiting] = deque()
        self._events: deque[bytes] = deque()
        self._news = threading.Condition()
        self._pen = threading.Lock()
        self._held = bytearray()
        self._greeted = False
        self._pongs: dict[bytes, tuple[threading.Event, float]] = {}
        self._pings = 0
        threading.Thread(target=self._listen, name=f"link-{name}", daemon=True).start()

    def send(self, word: bytes, body: bytes = b"", hold: bool = False) -> Waiting:
        """A request on its way; with `hold` it may wait for others, until `flush`. Raises Unreachable."""
        waiting = Waiting(self)
        with self._pen:
            if self.dead:
                raise self.why
            self._waiting.append(waiting)
            for frame in frames.frames(word, body):
                self._held += frame
                if not hold or len(self._held) >= HOLD:
                    self._flush()
        return waiting

    def flush(self) -> None:
        """Send what was held back. Raises Unreachable."""
        with self._pen:
            self._flush()

    def _flush(self) -> None:
        held, self._held = bytes(self._held), bytearray()
        if held:
            self._write(held)

    def ping(self) -> float:
        """The round trip in seconds."""
        here, begun = threading.Event(), time.monotonic()
        self._pings += 1
        token = b"p%d" % self._pings
        self._pongs[token] = (here, begun)
        with self._pen:
            self._write(frames.wire(frames.PING, token))
        if not here.wait(self.limits.answer) or self.dead:
            raise self.kill(Unreachable(f"{self.name} does not answer a ping"))
        return self._pongs.pop(token)[1]

    def events(self, seconds: float) -> list[bytes]:
        """What was told meanwhile. Raises Unreachable."""
        with self._news:
            self._news.wait_for(lambda: self._events or self.dead, seconds)
            found = list(self._events)
            self._events.clear()
        if self.dead and not found:
            raise self.why
        return found

    def kill(self, why: FsbusError) -> FsbusError:
        """The link is dead, for this reason; everybody who waits is told. Returns the reason that counts: the first."""
        with self._news:
            if not self.dead:
                self.why, self.dead = why, True  # in this order: who sees that it is dead raises the reason
            self._news.notify_all()
        self._carrier.close()
        while self._waiting:
            try:
                self._waiting.popleft().land(b"", b"")
            except IndexError:
                break
        for here, _ in list(self._pongs.values()):
            here.set()
        if self._wake is not None:
            self._wake()
        return self.why

    def close(self) -> None:
        """Let go."""
        self.kill(self.why)

    def _write(self, raw: bytes) -> None:
        try:
            self._carrier.write(raw, self.limits.write)
        except OSError as error:  # TimeoutError is one
            raise self.kill(self._lost(str(error) or "nothing can be sent any more")) from None

    def _lost(self, why: str) -> Unreachable:
        said = self._carrier.said().strip().splitlines()
        hint = f"; it said: {said[-1][:200]}" if said else ""
        what = f"the link to {self.name} was lost" if self._greeted else f"no fsbus answers on {self.name}"
        if self._greeted:
            return Unreachable(f"{what}: {why}{hint}")
        return Mute(f"{what}: {why}{hint}", then="fsbus doctor; or set `command:` in bus.yaml")

    def _listen(self) -> None:
        try:
            self._read_all(frames.Reader(magic=True, limit=frames.MAX_LISTING))
        except FsbusError as error:
            self.kill(error)
        except Exception as error:
            self.kill(self._lost(str(error) or type(error).__name__))

    def _read_all(self, reader: frames.Reader) -> None:
        asked = time.monotonic()
        missed = 0
        while not self.dead:
            try:
                raw = self._carrier.read(self.limits.beat if self._greeted else self.limits.start)
            except TimeoutError:
                raw, missed = b"", self._missed(missed, reader)
            else:
                missed = 0
                if not raw:
                    raise self._lost(f"it was closed{_quoted(reader)}")
            for word, body in reader.feed(raw):
                self._take(word, body)
            self._greeted = bool(reader.version)
            if self._greeted and time.monotonic() - asked >= self.limits.beat:  # also in talk: the far end counts our words
                asked = time.monotonic()
                with self._pen:
                    self._write(frames.wire(frames.PING))

    def _missed(self, missed: int, reader: frames.Reader) -> int:
        """It is silent: wait for the answer to the ping that follows, or give it up."""
        if not self._greeted:
            raise Unreachable(f"{self.name} did not greet within {self.limits.start:g} s{_quoted(reader)}", then="fsbus doctor")
        if missed >= self.limits.misses:
            raise Unreachable(
                f"{self.name} has been silent for {(missed + 1) * self.limits.beat:g} s", then="the next pass tries again"
            )
        return missed + 1

    def _take(self, word: bytes, body: bytes) -> None:
        if word == frames.PONG:
            here, begun = self._pongs.get(body, (None, 0.0))
            if here is not None:
                self._pongs[body] = (here, time.monotonic() - begun)
                here.set()
        elif word == frames.EVENT:
            self._told(body)
        elif word in (frames.ANSWER, frames.ERROR) and self._waiting:
            self._waiting.popleft().land(word, body)
        else:
            raise Garbled(f"an answer {word!r} to nothing")

    def _told(self, body: bytes) -> None:
        with self._news:
            if len(self._events) < MAX_EVENTS:
                self._events.append(body)
            self._news.notify_all()
        if self._wake is not None:
            self._wake()


def _quoted(reader: frames.Reader) -> str:
    return f"; it printed {reader.printed()!r}" if reader.printed() else ""


def _error(body: bytes, name: str) -> Exception:
    """What the far end raised, as if it had been raised here."""
    fields = [text(field)[:500] for field in unpack(body)]
    if len(fields) != 5:
        return Garbled("an error has five fields")
    kind, raw, what, where, then = fields
    if kind == "gone":
        return FileNotFoundError(number(raw), what)
    if kind == "disk":
        code = errno.EDQUOT if number(raw) in QUOTA else number(raw)
        return OSError(code, f"{what} on {name}", where or None)
    if kind == "refused":
        return Refused(f"{name} refuses: {what}", where=where, then=then)
    return Unreachable(f"{name} cannot do this: {what}", where=where, then=then)
