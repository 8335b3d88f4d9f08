"""A planner's answer: a list of tasks, or why it is not one. Pure and total."""
from __future__ import annotations

from typing import Any

from fsbus.core import flat, gate
from fsbus.core.names import is_key
from fsbus.core.refusal import Refusal
from fsbus.core.task import read

MOST = 1000  # children of one request: more is a planner that has lost its way
NODES = 40 * MOST  # values in its answer: MOST tasks with all that may be said of one
ALLOWED = (
    "id", "task", "title", "type", "to", "priority", "timeout", "tries", "not_before", "due", "after", "cwd", "verify",
    "expect", "reply_to", "input",
)  # fmt: skip
TEXTS = frozenset(("task", "title"))
_HINT = "answer with a YAML list; each item is a mapping with at least `task`, and `to` or `type`"


def read_plan(answer: object, agents: list[str]) -> list[dict[str, Any]] | Refusal:
    """The tasks that a planner's answer (text or data) asks for."""
    found = gate.values(_unfenced(answer), nodes=NODES, texts=TEXTS) if isinstance(answer, str) else answer
    if isinstance(found, Refusal):
        return Refusal(found.line, found.what, _HINT)
    rows = found.get("tasks") if isinstance(found, dict) else found
    if not isinstance(rows, list) or not rows:
        return Refusal(None, "it is not a list of tasks", _HINT)
    if len(rows) > MOST:
        return Refusal(None, f"it has {len(rows)} tasks, the limit is {MOST}", "plan in stages")
    tasks = [_listed(row) if isinstance(row, dict) else {"task": str(row), "after": []} for row in rows]
    flaws = [_flaw(task, agents) for task in tasks]
    flaws = flaws if any(flaws) else _tangles(tasks)
    first = next((f"task {number}: {flaw}" for number, flaw in enumerate(flaws, 1) if flaw), None)
    return Refusal(None, first, _HINT) if first else tasks


def _tangles(tasks: list[dict[str, Any]]) -> list[str]:
    """Per task what is wrong with its `id` and `after`: each id once, `after` only what is there, and no circle."""
    ids = [task["id"] for task in tasks if "id" in task]
    loose: set[str] = set(ids)
    while freed := {t["id"] for t in tasks if t.get("id") in loose and not loose.intersection(t["after"])}:
        loose -= freed
    return [_tangle(task, ids, loose) for task in tasks]


def _tangle(task: dict[str, Any], ids: list[str], circle: set[str]) -> str:
    unknown = next((word for word in task["after"] if word not in ids and not is_key(word)), None)
    if unknown is not None:
        return f"after: {unknown!r} is neither the `id` of a task in the list nor a key"
    if "id" in task and ids.count(task["id"]) > 1:
        return f"the id {task['id']!r} is there twice"
    return "`after` leads back to itself" if task.get("id") in circle else ""


def _flaw(task: dict[str, Any], agents: list[str]) -> str:
    unknown = [str(key) for key in task if key not in ALLOWED]
    if unknown:
        return f"unknown key {unknown[0]!r}"
    if not (task.get("to") or task.get("type")):
        return "it has neither `to` nor `type`"  # or it would come back to the planner for ever
    if task.get("to") and task["to"] not in agents:
        return f"there is no agent {task['to']!r}; there are: {', '.join(agents)}"
    fields = {k: v for k, v in task.items() if k not in ("id", "after") and v is not None}
    try:
        found = read(flat.dump(fields).encode("utf-8", "replace"), "yaml")
    except RecursionError:
        return "it is nested too deeply"
    return found.what if isinstance(found, Refusal) else ""


def _listed(task: dict[str, Any]) -> dict[str, Any]:
    after = task.get("after") or []
    own = {"id": str(task["id"])} if task.get("id") is not None else {}
    rest = {key: value for key, value in task.items() if key != "id"}
    return rest | own | {"after": [str(word) for word in (after if isinstance(after, list) else [after])]}


def _unfenced(text: str) -> str:
    """The block between ``` fences, which language models like to put around YAML; else the text."""
    lines = text.strip().splitlines()
    fences = [number for number, line in enumerate(lines) if line.startswith("```")]
    return "\n".join(lines[fences[0] + 1 : fences[1]]) if len(fences) >= 2 else text
