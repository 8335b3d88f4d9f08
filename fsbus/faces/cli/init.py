"""`fsbus init`."""
from __future__ import annotations

import os

from fsbus.faces.cli import out

HELP = {
    "folder": "where; default $FSBUS_ROOT, else ~/fsbus",
    "skel": "which ready-made bus",
    "host": "this host's name; default its own, shortened",
}


def init_(folder: str = "", *, skel: str = "solo", host: str = "") -> int:
    """Make a bus that explains itself. On an existing one it adds what is missing and changes nothing.

    fsbus init
    fsbus init ~/fsbus --skel solo
    """
    from fsbus.spool.found import found_bus

    root = os.path.abspath(os.path.expanduser(folder or os.environ.get("FSBUS_ROOT", "") or "~/fsbus"))
    made = found_bus(root, skel, host)
    out.say(root)
    out.talk(f"made {', '.join(made)}" if made else "nothing was missing, nothing was changed")
    out.talk(f"next:  fsbus --root {root} up        (leave it running), then in another window")
    out.talk(f'       fsbus --root {root} submit --to echo "hello" --wait')
    return 0
