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
    from fsbus.spool.tree import Tree

    root = os.path.abspath(os.path.expanduser(folder or os.environ.get("FSBUS_ROOT", "") or "~/fsbus"))
    made = found_bus(root, skel, host)
    out.say(root)
    agents = ", ".join(Tree(root).agents())
    if "bus.yaml" in made:
        out.talk(f"made a bus with the agents {agents}; README.md in it explains every folder and name")
    else:
        out.talk(f"this is a bus already; added {', '.join(made)}" if made else "this is a bus already; nothing was missing")
    out.talk(f"next:  fsbus --root {root} up        (leave it running), then in another window")
    out.talk(f'       fsbus --root {root} submit --to echo "hello" --wait')
    return 0
