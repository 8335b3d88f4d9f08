"""The language of a link: what is said comes back, and whatever else comes is refused in bounded memory."""
from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsbus.link import frames
from fsbus.link.frames import Garbled, Reader

WORDS = st.sampled_from([frames.PUT, frames.ANSWER, frames.EVENT, frames.ERROR])
BODIES = st.one_of(st.binary(max_size=200), st.integers(0, 200_000).map(lambda size: b"x" * size))


def fed(reader: Reader, raw: bytes, step: int) -> list[tuple[bytes, bytes]]:
    """What a reader makes of these bytes, in pieces of this size."""
    return [whole for start in range(0, len(raw), step) for whole in reader.feed(raw[start : start + step])]


@given(st.lists(st.tuples(WORDS, BODIES), max_size=5), st.integers(1, 70_000))
def test_what_is_said_comes_back_however_it_is_cut(said: list[tuple[bytes, bytes]], step: int) -> None:
    raw = b"".join(frames.wire(word, body) for word, body in said)
    assert fed(Reader(), raw, max(step, len(raw) // 500 + 1)) == said


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_fields_come_back(fields: list[bytes]) -> None:
    assert frames.unpack(frames.pack(*fields)) == fields


@given(st.binary(max_size=300))
def test_any_body_is_fields_or_garbled(body: bytes) -> None:
    try:
        assert frames.pack(*frames.unpack(body)) == body
    except Garbled:
        pass


@given(st.binary(max_size=500), st.integers(1, 50))
def test_any_bytes_are_frames_or_garbled(raw: bytes, step: int) -> None:
    try:
        fed(Reader(), raw, step)
    except Garbled:
        pass


@given(st.binary(max_size=400), st.booleans())
def test_a_torn_stream_says_nothing_new(body: bytes, whole: bool) -> None:
    raw = frames.wire(frames.PUT, body)
    cut = raw if whole else raw[:-1]
    assert fed(Reader(), cut, 7) == ([(frames.PUT, body)] if whole else [])


@given(st.binary(max_size=2000).filter(lambda noise: frames.MAGIC not in noise and noise[-1:] not in (b"F", b" ", b"1")))
def test_what_a_login_shell_prints_is_skipped(noise: bytes) -> None:
    reader = Reader(magic=True)
    assert fed(reader, noise + frames.greeting() + frames.wire(frames.ANSWER, b"x"), 100) == [(frames.ANSWER, b"x")]
    assert reader.version == frames.VERSION


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"x" * (frames.MAX_NOISE + 200), "no greeting"),
        (b"FSBUS1 0\n", "version 0"),
        (b"FSBUS1 nine\n", "says version"),
        (b"FSBUS1 99999999\n", "says version"),
        (frames.greeting() + struct.pack(">I", 0), "a frame of 0"),
        (frames.greeting() + struct.pack(">I", 1 << 31), "a frame of"),
        (frames.greeting() + b"SSH-2.0-x", "a frame of"),
    ],
)
def test_nonsense_is_named(raw: bytes, word: str) -> None:
    with pytest.raises(Garbled, match=word):
        fed(Reader(magic=True), raw, 10_000)


def test_a_newer_far_end_is_spoken_to_in_our_version() -> None:
    reader = Reader(magic=True)
    assert fed(reader, b"hello\nFSBUS1 7\n", 3) == []
    assert reader.version == frames.VERSION


def test_an_answer_without_an_end_is_not_kept() -> None:
    reader = Reader()
    piece = struct.pack(">I", 60_001) + frames.MORE + b"x" * 60_000
    for _ in range(frames.MAX_WHOLE // 60_000):
        assert list(reader.feed(piece)) == []
    with pytest.raises(Garbled, match="one answer of more"):
        fed(reader, piece, 100_000)


def test_a_ping_may_come_in_the_middle() -> None:
    raw = list(frames.frames(frames.PUT, b"x" * 100_000))
    said = fed(Reader(), raw[0] + frames.wire(frames.PING, b"1") + raw[1], 9999)
    assert said == [(frames.PING, b"1"), (frames.PUT, b"x" * 100_000)]


def test_no_frame_is_longer_than_the_limit() -> None:
    assert {len(frame) - 4 for frame in frames.frames(frames.PUT, b"x" * 200_000)} == {frames.MAX_FRAME, 200_001 - 3 * 65_535}


@pytest.mark.parametrize("field", [b"", b"-1", b"1.5", b"1" * 19, "\u0662".encode(), b"x"])
def test_a_number_is_digits(field: bytes) -> None:
    with pytest.raises(Garbled):
        frames.number(field)
