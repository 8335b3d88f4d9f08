"""`fsbus today`: what was done, what failed, what waits for you, who was down from when to when; from the journal."""
from __future__ import annotations

import time

from fsbus.spool import careful, channel, journal, linkfacts
from fsbus.spool.tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fsbus.core.names import TaskName

DAY = 86400.0  # seconds


def day(tree: Tree, now: float) -> dict[str, Any]:
    """The last 24 hours."""
    first, dispatch = journal.stamp(now - DAY), tree.with_role("dispatch")
    records = [r for r in journal.recent(tree.root, now - DAY) if str(r.get("at", "")) >= first]
    ends = _ends(tree, records, dispatch)
    done = [key for key, end in ends.items() if end == "done"]
    failed = [_failed(tree, key) for key, end in ends.items() if end == "failed"]
    return {
        "from": first, "to": journal.stamp(now), "done": len(done), "failed": failed,
        "waits_for_you": waiting(tree), "down": spans(records),
    }  # fmt: skip


def _ends(tree: Tree, records: list[dict[str, Any]], dispatch: str) -> dict[str, str]:
    """The state in which each task ended; one that was done stays so where another attempt of it failed for good."""
    ends: dict[str, str] = {}
    was: dict[str, str] = {}  # what was tried again
    for record in records:
        key, end = str(record["key"]), _end(record, dispatch)
        if end:
            ends[key] = end
        elif end is not None and key in ends:
            was[key] = ends.pop(key)
    return ends | {key: "done" for key in was.keys() - ends.keys() if was[key] == "done" and _is_done(tree, key)}


def _is_done(tree: Tree, key: str) -> bool:
    found = channel.places(tree, key)
    return bool(found) and channel.truth(found).name.state == "done"


def _end(record: dict[str, Any], dispatch: str) -> str | None:
    """The state in which this hop ended a task for good: dispatch collected it, or had it itself (a request); '' = reopened."""
    before, _, after = str(record.get("event", "")).partition(" > ")
    if after == "collected":
        return before
    if after == "queued" and before in ("done", "failed"):
        return ""
    return after if after in ("done", "failed") and record.get("agent") == dispatch else None


def waiting(tree: Tree) -> list[dict[str, str]]:
    """The alerts that the human has not acked, and tasks in the human's inbox; `then` is what to type about each."""
    human = tree.with_role("human")
    if not human:
        return []
    urgent = tree.folder(human, "urgent")
    found = [(folder, m) for folder in (urgent, f"{urgent}/read") for m in channel.messages(folder)]
    open_ = sorted((m.key, folder, m) for folder, m in found if m.type == "alert" and m.state in ("new", "read"))
    alerts = [{"key": key, "what": _title(f"{folder}/{m}"), "then": f"fsbus ack {key}"} for key, folder, m in open_]
    inbox = sorted(channel.tasks(channel.listing(tree.folder(human, "inbox")), "inbox"))
    return alerts + [{"key": t.key, "what": f"task: {t.slug}", "then": _end_it(t, human)} for t in inbox]


def _end_it(task: TaskName, human: str) -> str:
    """What the human types to do this task, or to end what is done."""
    return f"fsbus task done {task.key}" if task.state == "running" else f"fsbus task next {human}"


def _title(path: str) -> str:
    said = careful.mapping(path)
    return str(said.get("title") or said.get("text") or "")[:120]


def _failed(tree: Tree, key: str) -> dict[str, Any]:
    from fsbus.views import story

    found = channel.places(tree, key)
    if not found:
        return {"key": key, "what": ""}
    place = channel.truth(found)
    error = story.result(tree, place).get("error") or {}
    return {"key": key, "slug": place.name.slug, "kind": error.get("kind"), "what": error.get("what")}


def spans(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Spans in which an agent did not work, as dispatch noted them; `to` is None while it lasts."""
    spans: list[dict[str, Any]] = []
    for record in sorted(records, key=lambda r: str(r["at"])):
        agent, event = str(record.get("agent", "")), str(record.get("event", ""))
        if not str(record.get("key", "")).startswith("agent:") or " > " not in event:
            continue
        for span in spans:
            if span["agent"] == agent and span["to"] is None:
                span["to"] = record["at"]
        if not event.endswith("> ok"):
            health, why = event.split(" > ")[1], record.get("why")
            spans.append({"agent": agent, "health": health, "from": record["at"], "to": None, "why": why})
    return spans


def local(text: str) -> str:
    """The local hour and minute of a journal's time; what is none as it stands."""
    before = linkfacts.seconds_since(text, 0.0)
    return text if before is None else time.strftime("%H:%M", time.localtime(-before))

