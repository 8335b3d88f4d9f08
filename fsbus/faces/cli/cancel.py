"""`fsbus cancel`."""
from __future__ import annotations

from fsbus.bus import Bus
from fsbus.faces.cli import out

HELP = {"key": "the task, by any unique part of its key", "from": "who asks, if it is not you"}


def cancel_(key: str, *, from_: str = "") -> int:
    """Ask for the end of a task: it is not started, or its command is stopped (INT, TERM, KILL).

    fsbus cancel m2x9rt
    """
    agent = Bus(sender=from_).cancel(key)
    out.talk(f"asked {agent} to end it; fsbus wait {key} tells when it has")
    return 0
