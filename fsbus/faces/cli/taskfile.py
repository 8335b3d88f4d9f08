"""A task in a file that is named on the command line, read as a drop of that name would be."""
from __future__ import annotations

import os
import stat

from fsbus.core.errors import BadUsage
from fsbus.core.refusal import Refusal
from fsbus.core.task import MAX_BYTES, Task, read
from fsbus.faces.cli import out
from fsbus.faces.cli.typed import given, unread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NO_OPTION = ("extra", "notes")  # of a task: what it holds beside what `submit` takes


def fields(path: str) -> dict[str, Any]:
    """What `Bus.submit` is to be given; what the reader assumed is said on stderr. Raises NotFound, BadUsage."""
    try:
        with open(path, "rb") as source:
            regular, data = stat.S_ISREG(os.fstat(source.fileno()).st_mode), source.read(MAX_BYTES + 1)
    except OSError as error:
        raise unread(path, error) from None
    ext = os.path.splitext(path)[1][1:].lower() if regular else "txt"  # a pipe is text, as stdin is
    task = read(data, ext)
    if isinstance(task, Refusal):
        where = path if task.line is None else f"{path}, line {task.line}"
        raise BadUsage(task.what, where=where, then=task.fix)
    return _given(task)


def _given(task: Task) -> dict[str, Any]:
    for note in task.notes:
        out.talk(f"note: {note.replace(' kept, not used', ' not used')}")  # a drop keeps unknown keys, a new file does not
    return given({name: getattr(task, name) for name in Task.__slots__ if name not in _NO_OPTION})
