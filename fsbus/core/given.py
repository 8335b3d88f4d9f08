"""What a caller of the library hands over, as the files write it; what is no such thing is refused and never guessed."""
from __future__ import annotations

from fsbus.core.errors import BadUsage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


def text(field: str, value: object) -> str:
    """Words as they are. Raises BadUsage for bytes and the like, and for letters that came from no UTF-8."""
    if not isinstance(value, str):
        raise BadUsage(f"{field}: this is no text but {type(value).__name__}", then="give a str; of bytes, what decode() gives")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise BadUsage(f"{field}: this is not UTF-8", then="save it as plain UTF-8 text") from None
    return value


def part(value: object) -> str:
    """A key, or a part of one, as keys are written. Raises BadUsage."""
    if not isinstance(value, str):
        raise BadUsage(f"{value!r} is not a key", then="a key looks like 20261122-021455123-m2x9rt")
    return value.strip().lower()


def several(keys: Iterable[str]) -> Iterable[str]:
    """One key alone is a list of it: to Python it is a row of letters, and no checker of types says so. Raises BadUsage."""
    if isinstance(keys, str):
        return [keys]
    if not hasattr(keys, "__iter__"):
        raise BadUsage(f"{keys!r} is no list of keys", then="give it like [key]")
    return keys


def seconds(value: object) -> float:
    """How long to wait. Raises BadUsage."""
    if isinstance(value, (int, float)) and value == value:  # a NaN is never over
        return value
    raise BadUsage(f"{value!r} is no number of seconds", then="give it like 30 or 0.5")


def duration(value: float | str | None) -> str | None:
    """Seconds, or words such as `5m`. Raises BadUsage."""
    from fsbus.core.moment import duration as understood

    if value is None or value == "":
        return None
    found = understood(value) if isinstance(value, str) else seconds(value)
    if isinstance(found, (int, float)):
        return f"{found:.15g}s"  # `g` alone writes a million seconds as 1e+06
    raise BadUsage(f"timeout: {found.what}", then=found.fix)


def moment(value: float | None) -> str | None:
    """A time, in seconds since 1970. Raises BadUsage."""
    from fsbus.core.moment import iso

    try:
        return None if value is None else iso(value)
    except (TypeError, ValueError, OverflowError, OSError):  # no number, or no year that a calendar has
        raise BadUsage(f"{value!r} is no time", then="give seconds since 1970, as time.time() does") from None


def data(field: str, value: Any) -> Any:
    """Free data, or a text as it is. Raises BadUsage."""
    if value is None:
        return value
    if isinstance(value, str):
        return text(field, value)
    from fsbus.core.handed import kept

    try:
        return kept(value)
    except Exception as error:
        raise BadUsage(f"{field}: {error}", then="put it into a file and name it") from None
