"""`fsbus pair`."""
from __future__ import annotations

from fsbus.bus import Bus
from fsbus.core.errors import as_typed
from fsbus.faces.cli import out

HELP = {
    "destination": "what you type behind `ssh` to get there",
    "host": "its name in bus.yaml; default as it is there, or the first part of its address",
    "root": "where the bus shall be over there; default ~/fsbus",
    "command": "fsbus over there, if it is not on the PATH of `ssh HOST command`",
    "accept": "the fingerprint of its host key, once you have checked it",
}


def pair_(destination: str, *, host: str = "", root: str = "", command: str = "", accept: str = "") -> int:
    """Set up another host of this bus, step by step; what is done already is found and left alone.

    fsbus pair me@vps
    fsbus pair me@203.0.113.7 --host vps --accept SHA256:...
    """
    from fsbus.duties.pair import Wish, pair

    tree = Bus().tree
    for step in pair(tree, Wish(destination, host, root, command, accept)):
        out.say(f"{step.verdict:<4}  {step.name:<8}  {step.sentence()}")
    far = next((facts for facts in tree.bus().hosts.values() if facts.get("ssh") == destination), {})
    there = f"{far.get('command', 'fsbus')} --root {as_typed(far.get('root', '~/fsbus'))}"
    out.talk(f"paired; next:  fsbus service install   here, and over there   {there} service install")
    return 0
