"""`fsbus check`."""
from __future__ import annotations

import os

from fsbus.bus import Bus
from fsbus.core import flat, policy
from fsbus.core.errors import FsbusError
from fsbus.core.refusal import Refusal
from fsbus.core.task import MAX_BYTES, Task, read
from fsbus.faces.cli import out
from fsbus.faces.cli.typed import given, unread
from fsbus.spool import careful

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HELP = {"file": "the file", "json": "as JSON"}


def check_(file: str, *, json: bool = False) -> int:
    """How a file would be understood as a task; exit code 2 if it would be rejected.

    fsbus check task.md
    """
    found = _read(file)
    found = _unfit(found) or found
    if isinstance(found, Refusal):
        if json:
            out.as_json({"ok": False, "line": found.line, "what": found.what, "fix": found.fix})
        else:
            out.talk(f"fsbus: {file}: {found.sentence()}")
        return 2
    if json:
        out.as_json({"ok": True} | _values(found) | {"notes": list(found.notes)})
    else:
        out.show(flat.dump(_values(found)))
        for note in found.notes:
            out.talk(f"note: {note}")
    return 0


def _read(path: str) -> Task | Refusal:
    try:
        wrong = careful.flaw(os.lstat(path), MAX_BYTES)
        data = b"" if wrong else careful.read(path, MAX_BYTES)
    except OSError as error:
        raise unread(path, error) from None
    return Refusal(None, *wrong) if wrong else read(data, os.path.splitext(path)[1][1:].lower())


def _unfit(task: Task | Refusal) -> Refusal | None:
    """Why the agent that it names cannot take it, as far as there is a bus that tells."""
    if isinstance(task, Refusal) or not task.to:
        return None
    try:
        agent = Bus().tree.agent(task.to)
    except FsbusError:
        return None
    return None if isinstance(agent, Refusal) else policy.unfit(task, agent)


def _values(task: Task) -> dict[str, Any]:
    """What was understood, leaving out what was not given."""
    from dataclasses import fields

    found = {f.name: getattr(task, f.name) for f in fields(task) if f.name not in ("text", "notes")}
    return {"task": task.text} | {name: list(v) if isinstance(v, tuple) else v for name, v in given(found).items()}
