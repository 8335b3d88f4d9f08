"""`fsbus ack`."""
from __future__ import annotations

from fsbus.bus import Bus
from fsbus.faces.cli import out

HELP = {"key": "the message, by any unique part of its key", "from": "who acks, if it is not you"}


def ack_(key: str, *, from_: str = "") -> int:
    """Say that an alert or a message was understood; its alarm does not ring again.

    fsbus ack p0a9rt
    """
    out.talk(f"{Bus(sender=from_).ack(key)} acked")
    return 0
