"""A far tree as a `Side`: requests to `fsbus sync --serve` over a carrier.

A thread of its own reads: it hands answers to whoever asked, keeps events until they are fetched, and pings. No answer
to two pings, or none to a request in time, and the link is declared dead: whoever waits gets `Unreachable` at once,
and nothing here is used again. Methods may be called from several threads. `put_many` and `read_many` have
many requests on their way at once (`flight`).

Nothing that comes back is trusted: what is not of the grammar is dropped, sizes are bounded, digests are checked by
whoever stores.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from fsbus.core.errors import Refused
from fsbus.core.gathered import Listing
from fsbus.core.hearsay import MOST
from fsbus.core.paths import FILES_MOST
from fsbus.link import doors, frames, telling
from fsbus.link.carrier import Carrier
from fsbus.link.flight import Batch, Flight
from fsbus.link.frames import Garbled, number, pack, text, unpack
from fsbus.link.limits import USUAL, Limits
from fsbus.link.line import Line, Waiting
from fsbus.link.side import Event, Hello, Put, Side

BATCH = 1_000  # files that are made durable together


class Remote(Side):
    """The bus at the other end of `carrier`."""

    by = "fsbus over there"

    def __init__(
        self, carrier: Carrier, host: str, bus: str, *,
        name: str = "", limits: Limits = USUAL, wake: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        """`host`, `bus`: who asks, and of which bus; `name`: who should answer, '' for anybody.

        `wake` is called from another thread when an event or the end of the link can be fetched. Raises Unreachable,
        and Refused if that is another bus or another host.
        """
        self.refused = {}
        self._told = telling.Told()
        self._line = Line(carrier, name or "the other host", limits, wake)
        try:
            self._hello = self._greet(host, bus)
            if name and self._hello.host != name:
                raise Refused(
                    f"this should be {name}, but it is {self._hello.host}",
                    where="bus.yaml",
                    then="look at its `ssh:` and `root:`",
                )
        except BaseException:
            self._line.close()
            raise
        self._who = (host, bus)

    @property
    def alive(self) -> bool:
        """Whether the link is up, as far as is known."""
        return not self._line.dead

    def hello(self) -> Hello:
        """Who that is, and its clock now."""
        self._hello = self._greet(*self._who)
        return self._hello

    def passed(self, beyond: str) -> None:
        """Have it note that a pass came to its end, and what is known here of other hosts: a hello with one field more."""
        self._ask(frames.HELLO, pack(*self._who, beyond))

    @property
    def greeted(self) -> Hello:
        """What it said of itself last."""
        return self._hello

    def ping(self) -> float:
        """The round trip in seconds, through both programs."""
        return self._line.ping()

    def watch(self) -> None:
        """Have the far end tell what is new from now on."""
        self._ask(frames.WATCH)

    def wait_event(self, seconds: float) -> list[Event]:
        """What was told since the last call, as soon as there is something, [] after so many seconds. Raises Unreachable."""
        found = (telling.event(body) for body in self._line.events(seconds))
        return [event for event in found if event is not None]

    def listing(self, folders: Iterable[str] | None = None) -> Listing:
        """The names that parse and their entries; only the differences to the last time travel."""
        wanted = list(folders) if folders is not None else []
        if folders is not None and not wanted:
            return {}
        try:
            return self._told.learn(unpack(self._ask(frames.LIST, pack(*wanted))), wanted)
        except Garbled as error:
            raise self._line.kill(error) from None

    def read(self, path: str, limit: int) -> bytes:
        """A whole file of at most `limit` bytes."""
        return _bounded(self._ask(frames.READ, pack(path, str(limit))), limit, path)

    def read_many(self, wanted: Iterable[tuple[str, int]]) -> Iterator[tuple[str, bytes | None]]:
        """Many (path, size as listed) in few round trips; None for what has moved on or may not be read."""
        flight = Flight[tuple[str, int]](self._line)
        for path, limit in wanted:
            flight.send(frames.READ, pack(path, str(limit)), limit, (path, limit))
            for about, waiting in flight.overdue():
                yield self._landed(*about, waiting)
        for about, waiting in flight.rest():
            yield self._landed(*about, waiting)

    def put(self, path: str, body: bytes, sha256: str) -> bool:
        """Store a whole file under a name that nothing has, durably; False if it, or a greater name, is there."""
        return self._ask(frames.PUT, pack(path, sha256, b"1", body)) == b"1"

    def put_many(self, puts: Iterable[Put]) -> list[bool]:
        """The same for many, in this order, made durable together; the caller keeps what waits for another link small."""
        done: list[bool] = []
        batch = list(puts)
        for start in range(0, len(batch), BATCH):
            done += Batch(self._line, batch[start : start + BATCH], self.refused).put()
        return done

    def advance(self, old: str, new: str) -> bool:
        """Give a file the greater name of the same attempt or message; False if it is gone or the name is taken."""
        return self._ask(frames.ADVANCE, pack(old, new)) == b"1"

    def edit(self, path: str, body: bytes, sha256: str) -> bool:
        """The new text of a task that is still queued under this name; False if it moved on."""
        return self._ask(frames.EDIT, pack(path, sha256, body)) == b"1"

    def sweep(self, path: str, greater: str = "") -> bool:
        """Remove a lesser name; False if no greater one is there."""
        return self._ask(frames.SWEEP, pack(path, greater)) == b"1"

    def replace(self, path: str, body: bytes) -> None:
        """The new content of a register."""
        self._ask(frames.REPLACE, pack(path, body))

    def append(self, path: str, offset: int, body: bytes) -> int:
        """Add to a journal or to a file of a case folder that is `offset` long; its length afterwards."""
        return number(self._ask(frames.APPEND, pack(path, str(offset), body)))

    def piece(self, path: str, offset: int, limit: int) -> bytes:
        """A part of a large or growing file, b'' at its end."""
        return _bounded(self._ask(frames.PIECE, pack(path, str(offset), str(limit))), limit, path)

    def files(self, path: str) -> list[tuple[str, int]]:
        """The files below a result's folder, a case folder or a host's journal: those that may be named."""
        fields = unpack(self._ask(frames.FILES, pack(path)))[: 2 * (FILES_MOST + 1)]
        pairs = [(text(inner), number(size)) for inner, size in zip(fields[::2], fields[1::2], strict=False)]
        return [(inner, size) for inner, size in pairs if doors.base_of(f"{path}/{inner}") == path]

    def stow(self, path: str, inner: str, offset: int, body: bytes) -> None:
        """A part of a file of a result's folder that is on its way."""
        self._ask(frames.STOW, pack(path, inner, str(offset), body))

    def settle(self, path: str, files: list[tuple[str, int]]) -> bool:
        """Give the staged folder its name, if it holds exactly these files; False if it is there already."""
        return self._ask(frames.SETTLE, pack(path, *(part for inner, size in files for part in (inner, str(size))))) == b"1"

    def close(self) -> None:
        """Let go of it."""
        self._line.close()

    def _ask(self, word: bytes, body: bytes = b"") -> bytes:
        return self._line.send(word, body).result()

    def _greet(self, host: str, bus: str) -> Hello:
        fields = unpack(self._ask(frames.HELLO, pack(host, bus)))
        if len(fields) < 6:
            raise self._line.kill(Garbled("a hello has six fields"))
        version, there, its_bus, now, free, rsync, beyond = map(text, (*fields, b"")[:7])
        if its_bus != bus:
            raise Refused(
                f"this is another bus: {its_bus[:40]!r}, not {bus}", where=there[:64], then="fsbus pair makes two trees one bus"
            )
        try:
            return Hello(number(version), there, its_bus, float(now), number(free), rsync[:100], beyond[:MOST])
        except ValueError:
            raise self._line.kill(Garbled("its clock is no number")) from None

    def _landed(self, path: str, limit: int, waiting: Waiting) -> tuple[str, bytes | None]:
        try:
            return path, _bounded(waiting.result(), limit, path)
        except (FileNotFoundError, Refused):
            return path, None


def _bounded(body: bytes, limit: int, path: str) -> bytes:
    if len(body) > limit:
        raise Refused(f"{len(body)} bytes came, {limit} were asked for", where=path)
    return body
