"""`fsbus sync`."""
from __future__ import annotations

import sys

from fsbus.bus import Bus
from fsbus.faces.cli import out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HELP = {
    "host": "only this one; else every host that this one dials",
    "dry_run": "print the plan and do nothing",
    "force": "go on although the other side became empty",
    "json": "as JSON",
    "serve": "be the far end of a link, on stdin and stdout; what the other host starts over ssh",
    "peer": "with --serve: the only host that this may be, for a forced command in authorized_keys",
}


def sync_(
    host: str = "", *, dry_run: bool = False, force: bool = False, json: bool = False, serve: bool = False, peer: str = ""
) -> int:
    """Make this tree and another host's the same, once; `fsbus up` does it every `sync.every`.

    fsbus sync
    fsbus sync vps --dry-run
    restrict,command="fsbus sync --serve --peer mac" ssh-ed25519 AAAA...     (in authorized_keys over there)
    """
    if serve:
        from fsbus.link.serve import serve as answer

        answer(Bus().tree, sys.stdin.fileno(), sys.stdout.fileno(), peer=peer)
        return 0
    found = Bus().sync(host, dry_run=dry_run, force=force)
    if not found:
        out.talk("this host dials no other; fsbus pair USER@HOST sets one up, or it is dialled by one")
    if json:
        out.as_json(found)
    else:
        _dry(found) if dry_run else _done(found)
    return max((int(one["exit_code"]) for one in found), default=0)


def _dry(found: list[dict[str, Any]]) -> None:
    for one in found:
        for step in one.get("plan", []):
            to = f" -> {step['to']}" if step["to"] not in ("", step["path"]) else ""
            out.say(f"{one['host']}: {step['kind']} {step['path']}{to}: {step['why']}")
        if not _trouble(one):
            count = len(one["plan"])
            out.talk(f"{one['host']}: {count} {'step' if count == 1 else 'steps'}, nothing was done")


def _done(found: list[dict[str, Any]]) -> None:
    for one in found:
        if not _trouble(one):
            out.talk(
                f"{one['host']}: {one['pushed']} sent, {one['pulled']} received, {one['moved']} renamed,"
                f" {one['left']} left, round trip {one['round_trip'] * 1000:.1f} ms"
            )
            if one["clocks"]:
                out.talk(f"{one['host']}: {one['clocks']}")
            for why in one["refused"][:20]:
                out.talk(f"{one['host']}: refused: {why}")


def _trouble(one: dict[str, Any]) -> bool:
    if one.get("trouble"):
        out.talk(f"fsbus: {one['host']}: {one['trouble']}")
    return bool(one.get("trouble"))
