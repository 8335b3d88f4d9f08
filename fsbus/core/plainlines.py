"""The short way for what `submit` writes most: a few lines `key: words`, in which there is nothing to decide.

It takes a sixth of the time of the forgiving reader and gives the same answer, or none (tests/core/test_task_reader.py).
"""
from __future__ import annotations

from typing import Any

from fsbus.core.flat import is_wordlike
from fsbus.core.names import is_agent

MOST = 4_000  # bytes of a file that is looked at
NAMES = frozenset(("to", "type", "reply_to"))
KEYS = NAMES | {"task", "title"}


def read(data: bytes) -> dict[str, Any] | None:
    """The fields of a task, with its text; None: not this plain."""
    if len(data) > MOST or not data.isascii() or data[-1:] != b"\n":
        return None
    found: dict[str, Any] = {}
    for line in data.decode()[:-1].split("\n"):
        key, _, value = line.partition(": ")
        if key not in KEYS or key in found or not is_wordlike(value) or (key in NAMES and not is_agent(value)):
            return None
        found[key] = value
    return found if "task" in found else None
