"""Many small requests on their way at once, and never more of them than the way can hold.

Bulk that fills the queues on the way delays whatever shares them (facts/sync.md 2.6): at most `WINDOW` bytes and `FLIGHT`
requests are unanswered at any moment. Answers come in the order of the requests.
"""
from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from fsbus.core.errors import Refused
from fsbus.link import frames
from fsbus.link.frames import Garbled, pack
from fsbus.link.line import Line, Waiting
from fsbus.link.side import Put

WINDOW = 64 << 10  # bytes of bulk on their way that nobody has answered yet
FLIGHT = 256  # requests on their way, however small
ROW = 24  # bytes that a request costs beside its body

T = TypeVar("T")


class Flight(Generic[T]):
    """Requests of one kind, each about something: send one, and take the answers that had to land for it."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._waiting: deque[tuple[int, T, Waiting]] = deque()  # what each weighs and is about, and its answer
        self._weight = 0

    def send(self, word: bytes, body: bytes, weight: int, about: T) -> None:
        """One more on its way; `weight` is the bytes that it, or its answer, takes. Raises Unreachable."""
        self._waiting.append((weight + ROW, about, self._line.send(word, body, hold=True)))
        self._weight += weight + ROW

    def overdue(self) -> Iterator[tuple[T, Waiting]]:
        """The oldest, until half of the window is free again if it was full: else each further one is a packet of its own."""
        if self._weight <= WINDOW and len(self._waiting) < FLIGHT:
            return
        self._line.flush()
        while self._waiting and (self._weight > WINDOW // 2 or len(self._waiting) > FLIGHT // 2):
            yield self._next()

    def rest(self) -> Iterator[tuple[T, Waiting]]:
        """All that are still on their way."""
        self._line.flush()
        while self._waiting:
            yield self._next()

    def _next(self) -> tuple[T, Waiting]:
        weight, about, waiting = self._waiting.popleft()
        self._weight -= weight
        return about, waiting


class Batch:
    """Files that are put one after the other and named together."""

    def __init__(self, line: Line, puts: list[Put], refused: dict[str, str]) -> None:
        """`refused` is told why a file was not taken."""
        self._line, self._puts, self._refused = line, puts, refused
        self._staged: list[int] = []  # places of those that the far end took; the commit answers for these
        self._trouble: OSError | None = None  # of the far disk; what it has room for is committed all the same

    def put(self) -> list[bool]:
        """Which of these have their names now. Raises OSError for the far disk, Unreachable."""
        flight = Flight[int](self._line)
        for place, (path, body, digest) in enumerate(self._puts):
            flight.send(frames.PUT, pack(path, digest, b"", body), len(body), place)
            for landed in flight.overdue():
                self._land(*landed)
        commit = self._line.send(frames.COMMIT)
        for landed in flight.rest():
            self._land(*landed)
        done = self._named(commit.result())
        if self._trouble is not None:
            raise self._trouble
        return done

    def _land(self, place: int, waiting: Waiting) -> None:
        try:
            waiting.result()
            self._staged.append(place)
        except (Refused, FileNotFoundError) as error:
            self._refused[self._puts[place].path] = str(error)
        except OSError as error:
            self._trouble = self._trouble or error

    def _named(self, flags: bytes) -> list[bool]:
        """The commit's answers, one for each file that was staged, at the places of their files."""
        if len(flags) != len(self._staged):
            raise Garbled(f"a batch of {len(self._staged)} files was answered with {len(flags)} flags")
        named = dict(zip(self._staged, flags, strict=True))
        return [bool(named.get(place)) for place in range(len(self._puts))]
