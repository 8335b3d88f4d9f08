"""`fsbus recv`."""
from __future__ import annotations

from fsbus.bus import Bus
from fsbus.faces.cli import out
from fsbus.faces.cli.typed import patience

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fsbus.core.message import Message

HELP = {
    "agent": "whose messages",
    "wait": "sleep until there is one; alone for ever, else at most this long: exit code 4",
    "follow": "go on for ever, printing each as it comes",
    "peek": "look without taking: they stay new",
    "json": "one JSON object per line",
}


def recv_(agent: str, *, wait: str | bool = "", follow: bool = False, peek: bool = False, json: bool = False) -> int:
    """Read an agent's urgent messages; each counts as read once it is printed.

    fsbus recv code
    fsbus recv code --wait 10m --json
    fsbus recv dispatch --follow
    """
    show = _json if json else _plain
    for message in Bus().messages(agent, patience(wait), follow=follow, peek=peek):
        show(message)
        out.flush()  # only now has the reader got it
    return 0


def _plain(message: Message) -> None:
    words = [message.key, message.type, "from", message.sender]
    words += ["about", message.task] if message.task else []
    words += ["(repeat)"] if message.repeat else []
    out.say(" ".join(words) + (f": {message.title}" if message.title else ""))
    if message.text:
        out.show(message.text)
    if message.ack:
        out.say(out.typable(f"wants an ack: fsbus ack {message.key}"))


def _json(message: Message) -> None:
    import json

    from fsbus.core.names import born
    from fsbus.spool.journal import stamp

    out.put(json.dumps(message._asdict() | {"from": message.sender, "sent": stamp(born(message.key))}) + "\n")
