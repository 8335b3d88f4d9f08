"""Tasks that are too old to be started (DESIGN section 8): queued for longer than the retention and seen by no worker.

By the time in the key, and only if the file lies here for as long: one that was dropped, copied or brought a moment
ago is somebody's fresh wish, whatever its name says.
"""
from __future__ import annotations

import os
import time

from fsbus.core.names import TaskName


class Stale:
    """The judgement of one moment."""

    def __init__(self, now: float, keep: float) -> None:
        """`keep`: the retention in seconds."""
        self._before = now - keep
        self._key = time.strftime("%Y%m%d-%H%M%S", time.gmtime(self._before))

    def __call__(self, folder: str, name: TaskName) -> bool:
        """Whether this task in this folder is too old."""
        return name.state == "queued" and name.key[:15] < self._key and self._lies(f"{folder}/{name}")

    def _lies(self, path: str) -> bool:
        try:
            return os.stat(path).st_ctime < self._before
        except OSError:
            return False  # moved on
