"""`fsbus submit`."""
from __future__ import annotations

import sys

from fsbus.bus import Bus
from fsbus.core.errors import BadUsage
from fsbus.faces.cli import out

HELP = {
    "text": "what is to be done; several words are joined; - reads it from stdin",
    "to": "the agent; without it dispatch chooses one by --type",
    "type": "the kind of task, for dispatch to choose by",
    "priority": "0 first, 5 normal, 9 whenever",
    "urgent": "start it now, in the slot reserved for that; priority 0",
    "timeout": "how long one run may take, such as 90s 10m 2h",
    "after": "a task that must be done first; may be given several times",
    "not_before": "not before this time: 2026-11-22 09:30, or in a while: 2h",
    "title": "a short name; else the first words are taken",
    "reply_to": "the agent that wants to know the end",
    "from": "who submits, if it is not you",
    "wait": "sleep until it has ended; exit code 1 if it failed",
    "file": "read the task from this file",
    "key": "the task's key, if you want to be able to repeat this call",
    "verify": "one of the agent's checks, to be passed before it counts as done",
    "cwd": "a folder below the agent's",
    "expect": "a file that must be among the result's",
}


def submit_(
    text: list[str],
    *,
    to: str = "",
    type: str = "",
    priority: int | None = None,
    urgent: bool = False,
    timeout: str = "",
    after: list[str] = (),  # type: ignore[assignment]
    not_before: str = "",
    title: str = "",
    reply_to: str = "",
    from_: str = "",
    wait: bool = False,
    file: str = "",
    key: str = "",
    verify: str = "",
    cwd: str = "",
    expect: str = "",
) -> int:
    """Give a task to an agent, or to dispatch, and print its key.

    fsbus submit --to code "Bump the deps, run the tests"
    fsbus submit --type research --priority 2 --wait "Who else does this?"
    fsbus submit --to code --file task.md
    """
    bus = Bus(sender=from_)
    made = bus.submit(
        _text(list(text), file), to=to, type=type, priority=priority, urgent=urgent, timeout=timeout, after=after,
        not_before=_when(not_before), title=title, reply_to=reply_to, key=key, verify=verify, cwd=cwd, expect=expect or None,
    )  # fmt: skip
    with out.Done(f"the task is stored as {made}", f"fsbus status {made}"):
        out.say(made)
    if not wait:
        return 0
    from fsbus.faces.cli.wait import until_ended

    return until_ended(bus, [made], "")


def _text(words: list[str], file: str) -> str:
    if file and words:
        raise BadUsage("give the text or --file, not both", then="fsbus submit --help")
    if words == ["-"] or file == "-":
        return sys.stdin.read()
    if not file:
        return " ".join(words)
    try:
        with open(file, encoding="utf-8") as source:
            return source.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise BadUsage(f"the file cannot be read: {reason}", where=file, then="look at its name and permissions") from None


def _when(text: str) -> float | None:
    if not text:
        return None
    import time

    from fsbus.core.moment import duration, moment

    after = duration(text)
    if isinstance(after, float):
        return time.time() + after
    found = moment(text)
    if isinstance(found, float):
        return found
    raise BadUsage(f"--not-before: {found.what}", then=found.fix)
