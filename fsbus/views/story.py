"""One task, looked at: its state, its text, its result, its output, its way. Everything from files, nothing guessed."""
from __future__ import annotations

import os
import sys
import time

from fsbus.core import gate, given, states
from fsbus.core.errors import BadUsage, NotFound
from fsbus.core.names import born, is_part_of_key
from fsbus.core.paths import RESULT
from fsbus.spool import careful, channel, journal, message, sender
from fsbus.spool.channel import Place
from fsbus.spool.journal import stamp
from fsbus.spool.tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_named: set[str] = set()  # folders of which was said that they cannot be read
TOLD = 2.0  # seconds for a node to write down what it did: it does so at the end of a pass, which thousands of tasks make long
LOOK = 0.02  # seconds between looks for that
RESULT_LIMIT = 64 << 20  # bytes of a result file that are read


def find(tree: Tree, part: str) -> list[Place]:
    """Every place of the one task that is meant. Raises NotFound, or BadUsage if several are.

    A folder that cannot be read keeps nobody from the tasks that lie elsewhere: it is named on stderr, once. Raises
    OSError for it if the task is found nowhere else.
    """
    part = given.part(part)
    closed: dict[str, OSError] = {}
    found = channel.places(tree, part, closed) if is_part_of_key(part) else []
    keys = sorted({place.name.key for place in found})
    if not keys:
        if closed:
            raise next(iter(closed.values()))
        raise _no_task(tree, part)
    if len(keys) > 1:
        raise BadUsage(f"{part!r} fits {len(keys)} tasks", where=", ".join(keys[:5]), then="use more of the key")
    _name(closed)
    return found


def find_all(tree: Tree, keys: set[str]) -> dict[str, list[Place]]:
    """The same by one look for several whole keys; those of which nothing is found are left out."""
    closed: dict[str, OSError] = {}
    found = channel.places_of(tree, keys, closed)
    _name(closed)
    return found


def _name(closed: dict[str, OSError]) -> None:
    from fsbus.core.screen import safe_line

    for folder in closed.keys() - _named:
        _named.add(folder)
        what = f"{folder} cannot be read: {closed[folder].strerror}; what lies there is left out"
        sys.stderr.write(f"fsbus: {safe_line(what)}\n")


def _no_task(tree: Tree, part: str) -> NotFound:
    try:
        key = message.find(tree, part)[0].name.key
    except (NotFound, BadUsage):
        return NotFound(f"there is no task {part!r}", where=tree.root, then="fsbus status shows what there is")
    return NotFound(f"{key} is a message, not a task", then=f"fsbus trace {key}")


def hops(tree: Tree, part: str) -> list[dict[str, Any]]:
    """Every hop of the one task, or else the one message, that is meant, oldest first. Raises NotFound, BadUsage.

    The ends of a task that lie with dispatch are among them, unless its node does not write them down soon.
    """
    key, found = _meant(tree, part)
    until = time.monotonic() + (TOLD if found and collects(tree) else 0.0)
    while True:
        said = list(journal.story(tree.root, key))
        if time.monotonic() >= until or all(_is_told(place, said) for place in found):
            return said
        time.sleep(LOOK)


def _meant(tree: Tree, part: str) -> tuple[str, list[Place]]:
    """The whole key, and where the task lies."""
    try:
        found = find(tree, part)
        return found[0].name.key, found
    except NotFound as error:
        try:
            return message.find(tree, part)[0].name.key, []
        except NotFound:
            raise error from None


def _is_told(place: Place, said: list[dict[str, Any]]) -> bool:
    """Whether these hops tell of an end that lies with dispatch here. What it had itself ends there, and is not collected."""
    if place.channel == "outbox" and not place.collected:
        return True  # dispatch acts next, and another host may have to say so
    last, mine = {"outbox": "collected", channel.LATE: "late"}.get(place.channel), place.name
    ends = [(str(hop.get("event")).rpartition(" > ")[2], hop.get("agent")) for hop in said if hop.get("attempt") == mine.attempt]
    return last is None or (mine.state, place.agent) in ends or last in dict(ends)


def collects(tree: Tree) -> bool:
    """Whether dispatch is at work on this host: its beat is here, and does not say that it went in good order."""
    dispatch = tree.with_role("dispatch")
    beat = f"{tree.root}/agents/{dispatch}/alive.yaml"
    here = bool(dispatch) and tree.home(dispatch) == tree.host and os.path.exists(beat)
    return here and "stopped" not in careful.mapping(beat)


def present(tree: Tree, found: list[Place]) -> Place:
    """Which of one task's names speaks for it now: the attempt that a person asked for beside a `done`, else the true one."""
    place = channel.truth(found)
    further = [p for p in found if p.name.attempt > place.name.attempt and p.channel != channel.LATE]
    if place.collected and further and place.name.key in asked_again(tree):
        return channel.truth(further)
    return place


def task(tree: Tree, found: list[Place], now: float) -> dict[str, Any]:
    """The task as it stands: what `fsbus status KEY --json` prints."""
    place = present(tree, found)
    ended = result(tree, place)
    agent = str(ended.get("agent") or place.agent)
    from fsbus.views import overview

    unknown = {"health": "", "cause": "", "as_of": stamp(now)}
    health = overview.agent(tree, agent, overview.Moment(tree, now)) if agent in tree.agents() else unknown
    return {
        "key": place.name.key, "agent": agent, "attempt": place.name.attempt, "state": place.name.state,
        "final": final(place), "health": health["health"], "cause": health["cause"], "as_of": health["as_of"],
        "priority": place.name.priority, "slug": place.name.slug, "channel": place.channel,
        "path": os.path.relpath(channel.path(tree, place), tree.root),
        "summary": ended.get("summary"), "error": ended.get("error"),
        "age": round(now - born(place.name.key), 1), "last_output": last_output(tree, place),
    }  # fmt: skip


def last_output(tree: Tree, place: Place) -> str:
    """The last line that the latest try printed, from stderr if that is the younger one."""
    paths = sorted((p for p in output(tree, place) if os.path.exists(p)), key=os.path.getmtime)
    lines = [line for path in paths for line in careful.tail(path, 500).splitlines() if line.strip()]
    return lines[-1].strip()[:200] if lines else ""


def final(place: Place) -> bool:
    """Whether nothing can change this any more: it was done, or dispatch collected it."""
    return bool(place.collected or place.name.state == states.DONE)


def asked_again(tree: Tree) -> set[str]:
    """The tasks for which a person wants a further attempt that dispatch has not made yet."""
    dispatch = tree.with_role("dispatch")
    urgent = tree.folder(dispatch, "urgent")
    found = [m for m in channel.messages(urgent) if m.type == "assign" and m.state == "new"] if dispatch else []
    asked = [m for m in found if sender.commands(tree, m.sender, dispatch)]  # from a worker it is words, which nobody obeys
    said = [careful.mapping(f"{urgent}/{name}") for name in asked]
    return {str(body["task"]) for body in said if "task" in body}


def text(tree: Tree, place: Place) -> bytes:
    """The task file as it was dropped or submitted."""
    return careful.read(channel.path(tree, place), RESULT_LIMIT)


def result(tree: Tree, place: Place) -> dict[str, Any]:
    """The result file beside an ended task as data, {} while there is none."""
    if place.name.state in states.INBOX_STATES:
        return {}
    content = careful.read_text(result_path(tree, place), RESULT_LIMIT)
    found = gate.own(content) if content is not None else {}
    if not isinstance(found, dict) or not found:
        return {}
    return _sound(found) | {"key": str(place.name.key), "attempt": place.name.attempt}  # the name says so, whatever the text does


def _sound(found: dict[str, Any]) -> dict[str, Any]:
    """The same with a mapping and lists where readers look for them: a peer, an agent or a person may have written it."""
    error = found.get("error")
    if error is not None and not isinstance(error, dict):
        error = found["error"] = {"what": str(error), "kind": "exit"}
    for holder, name in ((error or {}, "tried"), (found, "left_out")):
        if not isinstance(holder.get(name, []), list):
            holder[name] = [holder[name]]
    return found


def result_path(tree: Tree, place: Place) -> str:
    """Where the result of an ended task lies."""
    return channel.beside(channel.folder(tree, place), place.name, RESULT)


def case(tree: Tree, place: Place) -> str:
    """The case folder of an attempt, '' if there is none on this host."""
    for agent in [place.agent, *tree.agents()] if place.agent else tree.agents():
        path = channel.case(tree.folder(agent, "runs"), place.name)
        if path:
            return path
    return ""


def output(tree: Tree, place: Place) -> list[str]:
    """The files that hold what the latest try printed, stdout first."""
    folder = case(tree, place)
    number = channel.last_try(folder)
    return [f"{folder}/{stream}.{number}.txt" for stream in ("stdout", "stderr")] if number else []
