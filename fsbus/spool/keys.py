"""New keys: the one place where the clock and chance come in."""
from __future__ import annotations

import os
import time

from fsbus.core.names import new_key

_last = 0  # ms since 1970 of the last key


def make() -> str:
    """A new key, later than every one that this process made before, whatever the clock did meanwhile."""
    global _last
    _last = max(_last + 1, time.time_ns() // 1_000_000)
    return new_key(_last, int.from_bytes(os.urandom(4), "big"))
