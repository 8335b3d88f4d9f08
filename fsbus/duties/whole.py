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


def clashes(source: str, target: str, name: TaskName, to: TaskName | None = None) -> bool:
    """Whether the move would replace something; what a killed move brought there itself is gone from the source."""
    run, ext = (to or name).run, name.ext
    if any(os.access(f"{target}/{run}.{state}.{ext}", os.F_OK) for state in OUTBOX_STATES):
        return True
    there = [end for end in (RESULT, FILES) if os.access(f"{target}/{run}{end}", os.F_OK)]
    return any(os.access(f"{source}/{name.run}{end}", os.F_OK) for end in there)


def free(source: str, target: str, name: TaskName) -> TaskName:
    """The name under which it can lie in the target: its own, else one with a number."""
    to, number = name, 1
    while clashes(source, target, name, to):
        number += 1
        to = name._replace(slug=f"{name.slug[: SLUG_LENGTH - 1 - len(str(number))]}-{number}")
    return to


def move(source: str, target: str, name: TaskName, to: TaskName) -> bool:
    """Move it; False if the name is gone, that is, somebody else did."""
    atomic.advance(f"{source}/{name.run}{RESULT}", f"{target}/{to.run}{RESULT}")
    if os.access(f"{source}/{name.run}{FILES}", os.F_OK):
        atomic.advance(f"{source}/{name.run}{FILES}", f"{target}/{to.run}{FILES}")
    return atomic.advance(f"{source}/{name}", f"{target}/{to}")
