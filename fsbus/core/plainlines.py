"""The short way for what `submit` writes most: a few lines `key: words` and a block of text, in which there is nothing to decide.

It takes a sixth of the time of the forgiving reader and gives the same answer, or none (tests/core/test_task_reader.py).
"""
from __future__ import annotations

from typing import Any

from fsbus.core.flat import is_wordlike
from fsbus.core.names import is_agent

MOST = 4_000  # bytes of a file that is looked at
NAMES = frozenset(("to", "type", "reply_to"))
KEYS = NAMES | {"task", "title"}
BLOCKS = {"task: |": "\n", "task: |-": ""}  # the head of a block, and how its text ends


def read(data: bytes) -> dict[str, Any] | None:
    """The fields of a task, with its text; None: not this plain."""
    if len(data) > MOST or not data.isascii() or data[-1:] != b"\n":
        return None
    found: dict[str, Any] = {}
    lines = data.decode()[:-1].split("\n")
    lines.reverse()
    while lines:
        line = lines.pop()
        key, _, value = line.partition(": ")
        if line in BLOCKS:
            value = _block(lines, BLOCKS[line])
            ok = value != ""
        else:
            ok = is_wordlike(value) and (key not in NAMES or is_agent(value))
        if not ok or key not in KEYS or key in found:
            return None
        found[key] = value
    return found if "task" in found else None


def _block(lines: list[str], end: str) -> str:
    """Take the lines of a block, the last ones of this list, and give its text; empty: it is not surely one."""
    block = []
    while lines and (lines[-1][:2] == "  " or not lines[-1]):
        block.append(lines.pop()[2:])
    if not block or not block[0] or block[0][0] == " " or not block[-1] or not "".join(block).isprintable():
        return ""
    return "\n".join(block) + end
