"""`fsbus submit`."""
from __future__ import annotations

import sys

from fsbus.bus import Bus
from fsbus.core.errors import BadUsage
from fsbus.faces.cli import out
from fsbus.faces.cli.typed import given

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

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
    "file": "read the task from this file, front matter too, as if it were dropped; options given here count more",
    "key": "the task's key, if you want to be able to repeat this call",
    "verify": "one of the agent's checks, to be passed before it counts as done",
    "cwd": "a folder below the agent's",
    "expect": "a file that must be among the result's, or a JSON schema for its data: {...}",
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
    options: dict[str, Any] = {
        "to": to, "type": type, "priority": priority, "urgent": urgent, "timeout": timeout, "after": after,
        "not_before": _when(not_before), "title": title, "reply_to": reply_to, "verify": verify, "cwd": cwd,
        "expect": _expected(expect),
    }  # fmt: skip
    fields = _held(list(text), file) | given(options)
    made = bus.submit(key=key, **fields)
    with out.Done(f"the task is stored as {made}", f"fsbus status {made}"):
        out.say(made)
    _say_what_is_awaited(bus, fields.get("after", ()))
    _say_if_refused(bus, str(fields.get("to") or ""))
    if not wait:
        return 0
    from fsbus.faces.cli.wait import until_ended

    return until_ended(bus, [made], "")


def _held(words: list[str], file: str) -> dict[str, Any]:
    """The text, and what else a file says. Raises BadUsage."""
    if file and words:
        raise BadUsage("give the text or --file, not both", then="fsbus submit --help")
    if words == ["-"] or file == "-":
        return {"text": sys.stdin.read()}
    if not file:
        return {"text": " ".join(words)}
    from fsbus.faces.cli import taskfile

    return taskfile.fields(file)


def _say_what_is_awaited(bus: Bus, after: Iterable[str]) -> None:
    """A whole key may be that of a task on its way here from another host, and may be a slip."""
    from fsbus.core.names import is_key

    for key in filter(is_key, after):
        from fsbus.spool import channel

        closed: dict[str, OSError] = {}  # with a folder that cannot be read nothing is said: the task is stored all the same
        if not channel.places(bus.tree, key, closed) and not closed:
            out.talk(f"{key} is not here yet; this task waits until it is, and is done")


def _say_if_refused(bus: Bus, agent: str) -> None:
    """Whether a running node has a good agent.yaml of it in force, nobody here can know: the task is stored."""
    if agent and (why := bus.tree.refused(agent)):
        out.talk(f"{agent}: its agent.yaml is refused: {why}; unless a running node has the last good one, the task waits")


def _expected(text: str) -> str | dict[str, Any] | None:
    """The name of a file, or a JSON schema. Raises BadUsage."""
    if not text.lstrip().startswith("{"):
        return text or None
    import json

    try:
        return dict(json.loads(text))
    except (ValueError, RecursionError) as error:
        then = """write it like '{"type": "object"}', or name a file"""
        raise BadUsage(f"--expect: this is no JSON: {error}", then=then) from None


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
