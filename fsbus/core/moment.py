"""Durations and points in time: read from what people type, written for people and for files.

`30s 5m 2h 1d 1h30m 90` is a duration; `2026-11-22 09:30` is a point in time, local unless it says otherwise.
Readers are total: what they cannot take is a `Refusal` with an example to copy. No clock is read here.
"""
from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from fsbus.core.refusal import Refusal

SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}  # from the longest, the order in which they are written
LONGEST = 36500 * 86400  # seconds; longer is a slip of the finger, and infinite is no duration
YEARS = (1970, 2200)  # outside of them it is a slip, too

_second = (0, "1970-01-01T00:00:00")  # the last one written: a busy worker writes thousands of the same
_written = (0, "1970-01-01T00:00:00.000Z")  # the last whole one: what a task does within a millisecond bears the same

_DURATION_FIX = "write it like 30s, 5m, 2h, 1d or 1h30m"
_MOMENT_FIX = "write it like 2026-11-22, 2026-11-22 09:30 or 2026-11-22T09:30:00Z"


def duration(text: str) -> float | Refusal:
    """The seconds that were meant; a bare number is seconds."""
    word = "".join(text.split()).lower()
    if not word:
        return _refuse("the duration is empty", _DURATION_FIX)
    if ":" in word:
        return _refuse(f"{text.strip()[:40]!r} may be hours or minutes", _colon_hint(word))
    if word[0] == "-":
        return _refuse(f"{text.strip()[:40]!r} is a negative duration", _DURATION_FIX)
    seconds = _sum(word)
    if seconds is None:
        return _refuse(f"{text.strip()[:40]!r} is not a duration", _DURATION_FIX)
    return seconds if seconds <= LONGEST else _refuse(f"{text.strip()[:40]!r} is longer than 100 years", _DURATION_FIX)


def _sum(word: str) -> float | None:
    """`1h30m` as seconds: each unit once, the longer ones first."""
    number, total, order = "", 0.0, "dhms"
    for letter in word:
        if letter in "0123456789.":
            number += letter
        elif letter in order and _is_number(number):
            total += float(number) * SECONDS[letter]
            order = order[order.index(letter) + 1 :]
            number = ""
        else:
            return None
    if number:
        return float(number) if number == word and _is_number(number) else None
    return total


def _is_number(text: str) -> bool:
    whole, point, fraction = text.partition(".")
    return whole.isdigit() and (fraction.isdigit() or not point)


def _colon_hint(word: str) -> str:
    parts = [part.lstrip("0") or "0" for part in word.split(":")]
    if not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts) or len(parts) > 3:
        return _DURATION_FIX
    written = "".join(f"{part}{unit}" for part, unit in zip(parts, "hms"[-len(parts) :], strict=True))
    return f"write {written}, or {parts[0]}h{parts[1]}m" if len(parts) == 2 else f"write {written}"


def show_duration(seconds: float) -> str:
    """For people: `0.3 s`, `42 s`, `6m12s`, `2h05m`, `3d04h`."""
    if not 0 < seconds < LONGEST:
        return "0 s" if seconds <= 0 else "?"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for long, short in (("d", "h"), ("h", "m"), ("m", "s")):
        if whole >= SECONDS[long]:
            return f"{whole // SECONDS[long]}{long}{whole % SECONDS[long] // SECONDS[short]:02d}{short}"
    return f"{whole} s"


def iso(epoch: float) -> str:
    """`2026-11-22T02:14:55.123Z`."""
    global _second, _written
    ms, written = round(epoch * 1000), _written
    if ms != written[0]:
        seconds, milli = divmod(ms, 1000)
        second = _second
        if seconds != second[0]:
            _second = second = (seconds, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)))
        _written = written = (ms, f"{second[1]}.{milli:03d}Z")
    return written[1]


def moment(text: str, tz: tzinfo | None = None) -> float | Refusal:
    """Seconds since 1970 of a date or a date and time; without a zone it is local: `tz`, else this machine's."""
    import re  # like datetime: a cold submit without a date does not pay for it

    pattern = r"(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt]| +)(\d\d?):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)? *([Zz]|[+-]\d\d(?::?\d\d)?)?)?"
    found = re.fullmatch(pattern, text.strip(), re.ASCII)
    if found is None:
        return _refuse(f"{text.strip()[:40]!r} is not a date or time", _MOMENT_FIX)
    *parts, fraction, zone = found.groups()
    try:
        when = _datetime([int(part or 0) for part in parts], zone, tz)
        return when.timestamp() + float(f"0.{fraction or 0}")
    except (ValueError, OverflowError, OSError):
        return _refuse(f"there is no {text.strip()[:40]!r}", _MOMENT_FIX)


def _datetime(parts: list[int], zone: str | None, tz: tzinfo | None) -> datetime:
    from datetime import datetime, timedelta, timezone

    if not YEARS[0] <= parts[0] < YEARS[1]:
        raise ValueError
    year, month, day, hour, minute, second = parts
    if zone:
        digits = zone[1:].replace(":", "").ljust(4, "0")  # none behind a `Z`
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        tz = timezone(-offset if zone[0] == "-" else offset)
    return datetime(year, month, day, hour, minute, second, tzinfo=tz)


def _refuse(what: str, fix: str) -> Refusal:
    from fsbus.core.refusal import Refusal  # imports dataclasses: only for those who need it

    return Refusal(None, what, fix)
