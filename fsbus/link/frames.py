"""The words on the wire between a host and `fsbus sync --serve`: pure, no socket, no clock.

A frame is `>I length | 1 byte word | body`; the length counts the word and the body and is at most 64 KiB, so that a
beat never waits behind more than that. What is longer travels in pieces: any number of MORE frames, then the frame
that has the word. A body is a list of fields, each with its own length: no quoting, no text format to be fooled.

The far end speaks first: one line `FSBUS1 <version>`. What a login shell's files print before it is skipped, up to a
limit; where no line comes, it is quoted. Everything here is total: bytes that make no sense raise `Garbled`, nothing else.
"""

from __future__ import annotations

import struct

from fsbus.core.errors import Unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAGIC = b"FSBUS1 "
VERSION = 1  # of the protocol, not of fsbus; one older is spoken, too
OLDEST = 1
MAX_FRAME = 1 << 16  # bytes of word and body
MAX_WHOLE = 5 << 20  # bytes of one request or answer in all its pieces: a 2 MiB result and much room
MAX_LISTING = 64 << 20  # bytes of an answer that may be a first listing: a million names
MAX_NOISE = 1 << 16  # bytes of a login shell's talk before the magic line
MAX_FIELDS = 1 << 16

MORE = b"+"  # a piece; the word comes with the last one
HELLO, LIST, READ, PUT, COMMIT, ADVANCE, SWEEP, REPLACE, APPEND, PIECE, FILES, STOW, SETTLE, WATCH, EDIT = (
    bytes([letter]) for letter in b"HLGPCRSWAOFTXVM"
)  # requests, answered in the order in which they were sent
ANSWER = b"="
ERROR = b"!"  # kind, errno, what, where, then
EVENT = b"E"  # path, body; from the far end, at any time
PING, PONG = b"b", b"B"

_HEAD = struct.Struct(">I")


class Garbled(Unreachable):
    """What came over the link is not our language."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the other end does not speak as fsbus does: {why}", then="fsbus doctor compares both ends")


def pack(*fields: bytes | str) -> bytes:
    """A body of these fields."""
    raw = [field.encode() if isinstance(field, str) else field for field in fields]
    return b"".join(part for field in raw for part in (_HEAD.pack(len(field)), field))


def unpack(body: bytes) -> list[bytes]:
    """The fields of a body. Raises Garbled."""
    fields: list[bytes] = []
    place = 0
    while place < len(body):
        if place + 4 > len(body) or len(fields) >= MAX_FIELDS:
            raise Garbled("a field is cut off")
        (size,) = _HEAD.unpack_from(body, place)
        place += 4 + size
        if place > len(body):
            raise Garbled("a field is longer than its frame")
        fields.append(body[place - size : place])
    return fields


def texts(body: bytes, *counts: int) -> list[str]:
    """Exactly so many fields, or as many as another of the counts, as text. Raises Garbled."""
    fields = unpack(body)
    if len(fields) not in counts:
        raise Garbled(f"{' or '.join(map(str, counts))} fields were wanted, {len(fields)} came")
    return [text(field) for field in fields]


def text(field: bytes) -> str:
    """A field as text. Raises Garbled."""
    try:
        return field.decode()
    except UnicodeDecodeError:
        raise Garbled("a field is not text") from None


def number(field: bytes | str) -> int:
    """A field as a whole number that is not negative. Raises Garbled."""
    if len(field) <= 18 and field.isdigit() and field.isascii():
        return int(field)
    raise Garbled("a field is not a number")


def frames(word: bytes, body: bytes) -> Iterator[bytes]:
    """The frames that carry this body; the last one has the word."""
    room = MAX_FRAME - 1
    while len(body) > room:
        yield _HEAD.pack(MAX_FRAME) + MORE + body[:room]
        body = body[room:]
    yield _HEAD.pack(len(body) + 1) + word + body


def wire(word: bytes, body: bytes = b"") -> bytes:
    """The same in one piece of memory."""
    return b"".join(frames(word, body))


class Reader:
    """Turns bytes, as they come, into whole (word, body) pairs; bounded in every direction."""

    def __init__(self, magic: bool = False, limit: int = MAX_WHOLE) -> None:
        """`magic`: whether a magic line comes first; `limit`: bytes of one request or answer."""
        self._limit = limit
        self._waiting = bytearray()
        self._pieces: list[bytes] = []
        self._size = 0
        self.version = 0 if magic else VERSION  # as the other end said; 0 = it has not yet

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """What these bytes complete. Raises Garbled."""
        self._waiting += data
        if not self.version and not self._seen_magic():
            return
        while (frame := self._next()) is not None:
            whole = self._joined(*frame)
            if whole is not None:
                yield whole

    def printed(self) -> str:
        """The last of what came instead of a greeting so far."""
        return bytes(self._waiting[-200:]).decode("utf-8", "replace").strip() if not self.version else ""

    def _seen_magic(self) -> bool:
        start = self._waiting.find(MAGIC)
        end = self._waiting.find(b"\n", start) if start >= 0 else -1
        if end < 0:
            if len(self._waiting) > MAX_NOISE:
                raise Garbled(f"after {MAX_NOISE} bytes there was no greeting, it began with {bytes(self._waiting[:60])!r}")
            return False
        self.version = _version(bytes(self._waiting[start + len(MAGIC) : end]))
        del self._waiting[: end + 1]
        return True

    def _next(self) -> tuple[bytes, bytes] | None:
        if len(self._waiting) < 4:
            return None
        (length,) = _HEAD.unpack_from(self._waiting)
        if not 1 <= length <= MAX_FRAME:
            raise Garbled(f"a frame of {length} bytes")
        if len(self._waiting) < 4 + length:
            return None
        word, body = bytes(self._waiting[4:5]), bytes(self._waiting[5 : 4 + length])
        del self._waiting[: 4 + length]
        return word, body

    def _joined(self, word: bytes, body: bytes) -> tuple[bytes, bytes] | None:
        if word in (PING, PONG):  # may come between the pieces of something long
            return word, body
        self._size += len(body)
        if self._size > self._limit:
            raise Garbled(f"one answer of more than {self._limit} bytes")
        self._pieces.append(body)
        if word == MORE:
            return None
        whole, self._pieces, self._size = b"".join(self._pieces), [], 0
        return word, whole


def _version(said: bytes) -> int:
    said = said.strip()
    if not (said.isdigit() and len(said) <= 6):
        raise Garbled(f"its greeting says version {said[:20]!r}")
    version = int(said)
    if version < OLDEST:
        raise Garbled(f"it speaks version {version}, this end {OLDEST} to {VERSION}")
    return min(version, VERSION)


def greeting() -> bytes:
    """The magic line."""
    return MAGIC + b"%d\n" % VERSION


def joined(lines: Iterable[str]) -> bytes:
    """Lines of text as one field."""
    return "".join(f"{line}\n" for line in lines).encode()
