"""What people type, read in one way by every verb: durations, how long to wait, and text that may come on stdin."""
from __future__ import annotations

import sys

from fsbus.core.errors import BadUsage, FsbusError, NotFound
from fsbus.talk import FOREVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def seconds(text: str) -> float:
    """A duration from the command line. Raises BadUsage."""
    from fsbus.core.moment import duration

    found = duration(text)
    if isinstance(found, float):
        return found
    raise BadUsage(found.what, then=found.fix)


def patience(wait: str | bool) -> float:
    """The seconds of `--wait`: alone it is for ever, left out it is none. Raises BadUsage."""
    return FOREVER if wait is True else seconds(wait) if wait else 0.0


def given(fields: dict[str, Any]) -> dict[str, Any]:
    """Those fields that were given: 0 is a value, what is empty or False is none."""
    return {name: value for name, value in fields.items() if value is not False and value not in ("", None, (), [], {})}


def joined(words: list[str]) -> str:
    """The words of a text as one; `-` reads it from stdin."""
    return sys.stdin.read() if list(words) == ["-"] else " ".join(words)


def unread(path: str, error: OSError) -> FsbusError:
    """What is said of a file that was named and cannot be read: it is not there, or it is and makes no sense."""
    kind = NotFound if isinstance(error, FileNotFoundError) else BadUsage
    return kind(f"the file cannot be read: {error.strerror}", where=path, then="look at its name and permissions")
