"""`fsbus init`."""
from __future__ import annotations

import os
import shlex
import sys

from fsbus.core.errors import BadUsage
from fsbus.faces.cli import out
from fsbus.faces.cli.typed import unread

HELP = {
    "folder": "where; default $FSBUS_ROOT, else ~/fsbus",
    "skel": "which ready-made bus: solo, cron, mac-vps; default solo",
    "host": "this host's name; default its own, shortened, or the one that the ready-made bus begins on",
    "join": "the bus.yaml of a bus on another host, or - for stdin: make this host's root of it",
}


def init_(folder: str = "", *, skel: str = "", host: str = "", join: str = "") -> int:
    """Make a bus that explains itself. On an existing one it adds what is missing and changes nothing.

    fsbus init
    fsbus init ~/fsbus --skel mac-vps
    ssh me@vps fsbus init /home/me/fsbus --host vps --join - < ~/fsbus/bus.yaml
    """
    from fsbus.spool.tree import absolute

    root = absolute(folder or os.environ.get("FSBUS_ROOT", "") or "~/fsbus")
    return _join(root, host, join) if join else _found(root, skel, host)


def _found(root: str, skel: str, host: str) -> int:
    from fsbus.spool.found import found_bus
    from fsbus.spool.tree import Tree

    made = found_bus(root, skel or "solo", host)
    with out.Done(f"the bus is made in {root}", f"fsbus --root {shlex.quote(root)} status"):
        out.say(root)
    agents = ", ".join(Tree(root).agents())
    if "bus.yaml" in made:
        out.talk(f"made a bus with the agents {agents}; README.md in it explains every folder and name")
    else:
        out.talk(f"this is a bus already; added {', '.join(made)}" if made else "this is a bus already; nothing was missing")
        if skel:
            out.talk(f"! it stays what it is: --skel {skel} is for a new folder")
    if os.path.exists(f"{root}/SETUP.md"):
        out.talk(f"next:  {root}/SETUP.md says in a few lines how to go on")
        return 0
    typed = shlex.quote(root)
    out.talk(f"next:  fsbus --root {typed} up        (leave it running), then in another window")
    out.talk(f'       fsbus --root {typed} submit --to echo "hello" --wait')
    return 0


def _join(root: str, host: str, file: str) -> int:
    from fsbus.spool.found import join

    if not host:
        raise BadUsage("--join wants the name that this host has in bus.yaml", then="fsbus init --host vps --join bus.yaml")
    made = join(root, host, _text(file))
    with out.Done(f"the root of {host} is made in {root}", f"fsbus --root {shlex.quote(root)} service install"):
        out.say(root)
    new = "bus.yaml" in made
    out.talk(f"made the root of {host}; its agents come with the first sync" if new else f"{host} has joined already")
    out.talk(f"next:  fsbus --root {shlex.quote(root)} service install")
    return 0


def _text(file: str) -> str:
    try:
        if file != "-":
            with open(file, encoding="utf-8") as source:
                return source.read()
        return sys.stdin.read()
    except OSError as error:
        raise unread(file, error) from None
    except UnicodeDecodeError as error:
        raise BadUsage(f"this is no bus.yaml: {error}", where=file, then="give the bus.yaml of the bus to be joined") from None
