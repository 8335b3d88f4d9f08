"""`fsbus trace`."""
from __future__ import annotations

from fsbus.bus import Bus
from fsbus.faces.cli import out

HELP = {"key": "the task or message, by any unique part of its key", "json": "as JSON: a list of hops"}


def trace_(key: str, *, json: bool = False) -> int:
    """Every hop of a task or a message: when, on which host, who, what, why.

    fsbus trace m2x9rt
    """
    hops = Bus().trace(key)
    if json:
        out.as_json(hops)
    for hop in [] if json else hops:
        where = f" at {hop['agent']}" if hop.get("agent") else ""
        attempt = f" a{hop['attempt']}" if hop.get("attempt") else ""
        out.say(f"{hop.get('at')} {hop.get('host')} {hop.get('by')}: {hop.get('event')}{attempt}{where}: {hop.get('why')}")
    return 0
