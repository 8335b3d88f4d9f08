"""A planner's answer: a list of tasks, or why it is not one. Pure and total."""
from __future__ import annotations

from typing import Any

from fsbus.core import flat, gate
from fsbus.core.refusal import Refusal
from fsbus.core.task import read

MOST = 1000  # children of one request: more is a planner that has lost its way
ALLOWED = (
    "id", "task", "title", "type", "to", "priority", "timeout", "tries", "not_before", "due", "after", "cwd", "verify",
    "expect", "reply_to", "input",
)  # fmt: skip
_HINT = "answer with a YAML list; each item is a text, or a mapping with at least `task`, and `to` or `type`"


def read_plan(answer: object, agents: list[str]) -> list[dict[str, Any]] | Refusal:
    """The tasks that a planner's answer (text or data) asks for."""
    found = gate.values(_unfenced(answer)) if isinstance(answer, str) else answer
    if isinstance(found, Refusal):
        return Refusal(found.line, found.what, _HINT)
    rows = found.get("tasks") if isinstance(found, dict) else found
    if not isinstance(rows, list) or not rows:
        return Refusal(None, "it is not a list of tasks", _HINT)
    if len(rows) > MOST:
        return Refusal(None, f"it has {len(rows)} tasks, the limit is {MOST}", "plan in stages")
    tasks = [row if isinstance(row, dict) else {"task": str(row)} for row in rows]
    wrong = [(number, _flaw(task, agents)) for number, task in enumerate(tasks, 1)]
    first = next(((number, flaw) for number, flaw in wrong if flaw), None)
    return Refusal(None, f"task {first[0]}: {first[1]}", _HINT) if first else [_listed(task) for task in tasks]


def _flaw(task: dict[str, Any], agents: list[str]) -> str:
    unknown = [key for key in task if key not in ALLOWED]
    if unknown:
        return f"unknown key {unknown[0]!r}"
    if not (task.get("to") or task.get("type")):
        return "it has neither `to` nor `type`"  # or it would come back to the planner for ever
    if task.get("to") and task["to"] not in agents:
        return f"there is no agent {task['to']!r}; there are: {', '.join(agents)}"
    fields = {k: v for k, v in task.items() if k not in ("id", "after") and v is not None}
    found = read(flat.dump(fields).encode("utf-8", "replace"), "yaml")
    return found.what if isinstance(found, Refusal) else ""


def _listed(task: dict[str, Any]) -> dict[str, Any]:
    after = task.get("after") or []
    return task | {"after": [str(word) for word in (after if isinstance(after, list) else [after])]}


def _unfenced(text: str) -> str:
    """The block between ``` fences, which language models like to put around YAML; else the text."""
    lines = text.strip().splitlines()
    fences = [number for number, line in enumerate(lines) if line.startswith("```")]
    return "\n".join(lines[fences[0] + 1 : fences[1]]) if len(fences) >= 2 else text
