"""`fsbus sync`."""

from __future__ import annotations

import sys

from fsbus.bus import Bus
from fsbus.core.errors import BadUsage

HELP = {
    "serve": "be the far end of a link, on stdin and stdout; what the other host starts over ssh",
    "peer": "with --serve: the only host that this may be, for a forced command in authorized_keys",
}


def sync_(*, serve: bool = False, peer: str = "") -> int:
    """Make this tree and another host's the same, once.

    restrict,command="fsbus sync --serve --peer mac" ssh-ed25519 AAAA...
    """
    if serve:
        from fsbus.link.serve import serve as answer

        answer(Bus().tree, sys.stdin.fileno(), sys.stdout.fileno(), peer=peer)
        return 0
    raise BadUsage("this version only serves", then="fsbus sync --serve")
