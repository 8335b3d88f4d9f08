"""An ended attempt moves whole: its result and its files first, then the name that announces them.

Each step may be repeated after a kill. Nothing that lies in the target is replaced: a second end of the same attempt
(from a backup, a host that slept) gets a slug with a number.
"""
from __future__ import annotations

import os

from fsbus.core.names import SLUG_LENGTH, TaskName
from fsbus.core.paths import FILES, RESULT
from fsbus.core.states import OUTBOX_STATES
from fsbus.spool import atomic
from fsbus.views import story


def clashes(source: str, target: str, name: TaskName, to: TaskName | None = None) -> bool:
    """Whether the move would replace something; what a killed move brought there itself is gone from the source."""
    to = to or name
    if has_end(target, to):
        return True
    there = [end for end in (RESULT, FILES) if _is(f"{target}/{to.run}{end}")]
    return any(_is(f"{source}/{name.run}{end}") for end in there)


def has_end(folder: str, name: TaskName) -> bool:
    """Whether this attempt lies in the folder, ended."""
    path, ext = f"{folder}/{name.run}", name.ext
    return any(_is(f"{path}.{state}.{ext}") for state in OUTBOX_STATES)


def free(source: str, target: str, name: TaskName) -> TaskName:
    """The name under which it can lie in the target: its own, else one with a number."""
    to, number = name, 1
    while clashes(source, target, name, to):
        number += 1
        to = name._replace(slug=f"{name.slug[: SLUG_LENGTH - 1 - len(str(number))]}-{number}")
    return to


def move(source: str, target: str, name: TaskName, to: TaskName) -> bool:
    """Move it; False if the name is gone, that is, somebody else did."""
    run = name.run
    if not atomic.advance(f"{source}/{run}{RESULT}", f"{target}/{to.run}{RESULT}"):
        run = story.run(source, name)
        atomic.advance(f"{source}/{run}{RESULT}", f"{target}/{to.run}{RESULT}")
    if _is(f"{source}/{run}{FILES}"):
        atomic.advance(f"{source}/{run}{FILES}", f"{target}/{to.run}{FILES}")
    return atomic.advance(f"{source}/{name}", f"{target}/{to}")


def _is(path: str) -> bool:
    """By access(2), which says no for a third of what `lexists` takes: it is asked ten times for each task, and it is no."""
    return os.access(path, os.F_OK)
