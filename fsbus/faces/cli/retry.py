"""`fsbus retry`."""
from __future__ import annotations

from fsbus.bus import Bus
from fsbus.faces.cli import out

HELP = {
    "key": "the task, by any unique part of its key",
    "note": "what the agent should know or do differently; put before it",
    "to": "another agent",
    "from": "who asks, if it is not you",
}


def retry_(key: str, *, note: str = "", to: str = "", from_: str = "") -> int:
    """One more attempt of an ended task; the agent is told what happened before, and your note.

    fsbus retry m2x9rt --note "you used the wrong branch"
    fsbus retry m2x9rt --to research
    """
    whole = Bus(sender=from_).retry(key, note=note, to=to)
    out.talk(f"asked dispatch for another attempt; fsbus wait {whole} tells when it has ended")
    return 0
