"""`fsbus up`."""
from __future__ import annotations

from fsbus.bus import Bus
from fsbus.faces.cli import out

HELP = {"only": "one duty, such as dispatch or worker:code; may be given several times"}


def up_(*, only: list[str] = ()) -> int:  # type: ignore[assignment]
    """Run this host's duties in the foreground, for a terminal, launchd or systemd.

    fsbus up
    fsbus up --only worker:code
    """
    from fsbus.duties.serve import up

    up(Bus().tree, list(only), out.talk)
    return 0
