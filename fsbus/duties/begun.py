"""Which case folders there are in one `runs`, as their one maker knows them: asking the disk costs eleven looks.

It knows all of the youngest tasks, so that what it does not know of them was not begun, and nothing of older ones: for
those the disk is asked. So it stays small however long its process lives.
"""
from __future__ import annotations

import os
import threading

from fsbus.core.names import TaskName
from fsbus.spool import channel

MOST = 10_000  # folders, of some 120 bytes each


class Begun:
    """See the module."""

    def __init__(self, runs: str) -> None:
        self._runs = runs
        self._lock = threading.Lock()  # slots make folders side by side
        self._since = ""  # of tasks with this key and later ones all are known
        self._digits: dict[str, str] = {}  # by the folder's name without its digit, the priority that the task had then
        for run in os.listdir(runs) if os.path.isdir(runs) else []:
            self.add(run)

    def path(self, name: TaskName) -> str:
        """The case folder of an attempt, '' if there is none."""
        rest = name.run[1:]
        with self._lock:
            known, digit = name.key >= self._since, self._digits.get(rest)
        if not known:
            return channel.case(self._runs, name)
        return f"{self._runs}/{digit}{rest}" if digit else ""

    def add(self, run: str) -> None:
        """This folder is there now."""
        with self._lock:
            if _key(run[1:]) >= self._since:
                self._digits[run[1:]] = run[:1]
                if len(self._digits) > MOST:
                    self._forget_half()

    def discard(self, run: str) -> None:
        """It is there no longer."""
        with self._lock:
            self._digits.pop(run[1:], None)

    def _forget_half(self) -> None:
        keys = sorted(map(_key, self._digits))
        self._since = keys[len(keys) // 2]
        self._digits = {rest: digit for rest, digit in self._digits.items() if _key(rest) >= self._since}

    def __len__(self) -> int:
        return len(self._digits)


def _key(rest: str) -> str:
    """The key in the name of a case folder, without its digit."""
    return rest[1:26]
