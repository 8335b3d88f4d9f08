"""Across the attempts of one task the highest is the live one (DESIGN section 8): which names another one has overtaken.

Nearly every name is of a first attempt, and is told by its text alone, so that a backlog of 100,000 costs a few
milliseconds.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator

from fsbus.core.names import TaskName, parse_task

FIRST = ".a1."  # in every name of a first attempt and in no other: nothing else in a name holds a dot


def later(names: Iterable[str]) -> list[TaskName]:
    """The tasks among these names that are in a further attempt."""
    return [task for name in names if FIRST not in name and (task := parse_task(name)) is not None]


def tops(found: Iterable[TaskName]) -> dict[str, int]:
    """By key, the highest of these attempts."""
    highest: dict[str, int] = {}
    for task in found:
        highest[task.key] = max(task.attempt, highest.get(task.key, 0))
    return highest


def overtaken(tasks: Iterable[TaskName], highest: dict[str, int]) -> Iterator[TaskName]:
    """Those of these tasks of which there is a higher attempt."""
    return (task for task in tasks if task.attempt < highest.get(task.key, 0))
