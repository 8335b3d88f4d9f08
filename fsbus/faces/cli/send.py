"""`fsbus send`."""
from __future__ import annotations

from fsbus.bus import Bus
from fsbus.faces.cli import out
from fsbus.faces.cli.typed import joined, patience

HELP = {
    "agent": "for whom; `all` is everybody but you",
    "type": "assign, status, alert, result, cancel, pause, resume, question, answer or note",
    "text": "what it says; several words are joined; - reads it from stdin",
    "task": "the task it is about, by any unique part of its key",
    "title": "one line, for lists",
    "ack": "ask the reader to ack it",
    "from": "who sends, if it is not you",
    "ttl": "how long it may lie unread, such as 10m; else as bus.yaml says",
    "wait": "sleep until it was shown, or acked with --ack; alone for ever, else at most this long: exit code 4",
}


def send_(
    agent: str,
    type: str,
    text: list[str],
    *,
    task: str = "",
    title: str = "",
    ack: bool = False,
    from_: str = "",
    ttl: str = "",
    wait: str | bool = "",
) -> int:
    """Send an urgent message and print its key; it does not wait behind any task.

    fsbus send code question "Which branch?" --ack --wait 10m
    fsbus send all pause --ttl 10m
    fsbus send code cancel --task m2x9rt
    """
    bus, most = Bus(sender=from_), patience(wait)  # a slip in it must not leave a message sent
    key = bus.send(agent, type, joined(text), task=task, title=title, ack=ack, ttl=ttl)
    with out.Done(f"the message is stored as {key}", f"fsbus trace {key}"):
        out.say(key)
    return _waited(bus, key, "acked" if ack else "shown", most) if wait else 0


def _waited(bus: Bus, key: str, want: str, most: float) -> int:
    got = bus.receipt(key, want, most)
    out.talk(f"{key} {got}; fsbus trace {key}")
    return 4 if got == "expired" else 0
