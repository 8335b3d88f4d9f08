"""`fsbus today`."""
from __future__ import annotations

from fsbus.bus import Bus
from fsbus.faces.cli import out

HELP = {"json": "as JSON"}


def today_(*, json: bool = False) -> int:
    """The last 24 hours: how many were done, what failed, what waits for you, who was down from when to when.

    fsbus today
    """
    found = Bus().today()
    if json:
        out.as_json(found)
        return 0
    from fsbus.views.day import local

    out.say(f"{found['done']} done, {len(found['failed'])} failed, {len(found['waits_for_you'])} waiting for you")
    for failed in found["failed"]:
        out.say(f"  failed  {failed['key']} {failed.get('slug', '')}: {failed.get('kind')}: {failed.get('what')}")
    for wait in found["waits_for_you"]:
        out.say(f"  you     {wait['key']} {wait['what']}; {out.typable(wait['then'])}")
    for span in found["down"]:
        until = local(span["to"]) if span["to"] else "now"
        out.say(f"  {span['health']:7} {span['agent']} {local(span['from'])} to {until}: {span['why']}")
    return 0
