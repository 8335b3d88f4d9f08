"""What a host knows of the hosts behind its neighbours: by what those say with each pass. Pure.

A beat that came over two links is as old as the older of the two: measured by the nearer one alone, agents behind a
dead host in between would look down, and their tasks would be given to others while they work.
"""
from __future__ import annotations

import math
from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MOST = 4096  # bytes of a line
OLDEST = 10 * 365 * 86400.0  # seconds


class Word(namedtuple("Word", "as_of offset")):
    """How good the word of a host is here.

    as_of: for which moment it holds, seconds since 1970 by our clock; offset: its clock minus ours, seconds.
    """

    __slots__ = ()


def told(words: Mapping[str, Word], now: float) -> str:
    """The same in one line, `edge 3.1 -0.02; lab 70 0`: seconds of age, since a neighbour has another clock, and of offset."""
    return "; ".join(f"{host} {max(0.0, now - word.as_of):.1f} {word.offset:.3f}" for host, word in sorted(words.items()))


def heard(line: str, now: float) -> dict[str, Word]:
    """What such a line says at this moment; whatever is no part of one is passed over."""
    found = {}
    for part in line[:MOST].split(";"):
        host, age, offset = (*part.split(), "", "", "")[:3]
        old, apart = _seconds(age), _seconds(offset)
        if old is not None and apart is not None:
            found[host] = Word(now - min(max(0.0, old), OLDEST), apart)
    return found


def joined(near: Word, behind: Mapping[str, Word]) -> dict[str, Word]:
    """The hosts behind a neighbour by our own clock, given what that one said by its own."""
    return {host: Word(word.as_of, near.offset + word.offset) for host, word in behind.items()}


def _seconds(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None
