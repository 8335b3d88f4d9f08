"""`fsbus tick`."""
from __future__ import annotations

from fsbus.bus import Bus
from fsbus.faces.cli import out

HELP: dict[str, str] = {}


def tick_() -> int:
    """One pass of everything, then exit: adopt, route, run what waits to its end, collect. For cron.

    */5 * * * * $HOME/.local/bin/fsbus tick
    """
    from fsbus.duties.serve import tick

    tick(Bus().tree, out.talk)
    return 0
