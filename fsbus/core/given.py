"""What a caller of the library hands over with a task, as task files write it."""
from __future__ import annotations

from fsbus.core.errors import BadUsage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def duration(value: float | str | None) -> str | None:
    """Seconds, or words such as `5m`. Raises BadUsage."""
    from fsbus.core.moment import duration as understood

    if value is None or value == "":
        return None
    found = understood(value) if isinstance(value, str) else value
    if isinstance(found, (int, float)):
        return f"{found:.15g}s"  # `g` alone writes a million seconds as 1e+06
    raise BadUsage(f"timeout: {found.what}", then=found.fix)


def moment(value: float | None) -> str | None:
    """A time, in seconds since 1970. Raises BadUsage."""
    from fsbus.core.moment import iso

    try:
        return None if value is None else iso(value)
    except (ValueError, OverflowError, OSError):  # no number, or no year that a calendar has
        raise BadUsage(f"{value!r} is no time", then="give seconds since 1970, as time.time() does") from None


def data(field: str, value: Any) -> Any:
    """Free data, or a text as it is. Raises BadUsage."""
    if value is None or isinstance(value, str):
        return value
    from fsbus.core.handed import kept

    try:
        return kept(value)
    except Exception as error:
        raise BadUsage(f"{field}: {error}", then="put it into a file and name it") from None
