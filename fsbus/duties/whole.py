"""An ended attempt moves whole: its result and its files first, then the name that announces them.

Each step may be repeated after a kill. Nothing that lies in the target is replaced: a second end of the same attempt
(from a backup, a host that slept) gets a slug with a number.
"""
from __future__ import annotations

import os

from fsbus.core.names import SLUG_LENGTH, TaskName
from fsbus.core.paths import FILES, RESULT
from fsbus.core.states import OUTBOX_STATES
from fsbus.spool import atomic, channel


def beside(folder: str, name: TaskName) -> list[str]:
    """What lies in the folder of that which belongs beside this name."""
    path = f"{folder}/{name.run}"
    return [end for end in (RESULT, FILES) if _is(path + end)]


def in_the_way(source: str, target: str, name: TaskName, to: TaskName) -> list[str]:
    """Of what lies beside the name that which the move would replace; what a killed move brought there itself is gone from
    the source.
    """
    return [end for end in beside(target, to) if _is(channel.beside(source, name, end))]


def has_end(folder: str, name: TaskName) -> bool:
    """Whether this attempt lies in the folder, ended."""
    path, ext = f"{folder}/{name.run}", name.ext
    return any(_is(f"{path}.{state}.{ext}") for state in OUTBOX_STATES)


def ended_in(name: TaskName, *folders: str) -> bool:
    """Whether this attempt lies in one of these, ended in good order: with its result, which comes before the name."""
    result = f"/{name.run}{RESULT}"
    return any(_is(folder + result) and has_end(folder, name) for folder in folders)


def free(source: str, target: str, name: TaskName) -> TaskName:
    """The name under which it can lie in the target: its own, else one with a number."""
    to, number = name, 1
    while has_end(target, to) or in_the_way(source, target, name, to):
        number += 1
        to = name._replace(slug=f"{name.slug[: SLUG_LENGTH - 1 - len(str(number))]}-{number}")
    return to


def move(source: str, target: str, name: TaskName, to: TaskName) -> bool:
    """Move it; False if the name is gone, that is, somebody else did."""
    if not atomic.advance(f"{source}/{name.run}{RESULT}", f"{target}/{to.run}{RESULT}"):
        _move_renamed(source, target, name, to)
    elif _is(f"{source}/{name.run}{FILES}"):
        atomic.advance(f"{source}/{name.run}{FILES}", f"{target}/{to.run}{FILES}")
    return atomic.advance(f"{source}/{name}", f"{target}/{to}")


def _move_renamed(source: str, target: str, name: TaskName, to: TaskName) -> None:
    """What lies beside a name whose priority a person changed, or was brought before a kill and has the digit of then."""
    for kind in (RESULT, FILES):
        if atomic.advance(channel.beside(source, name, kind), f"{target}/{to.run}{kind}"):
            continue
        brought = next((run for run in channel.runs(to)[1:] if _is(f"{target}/{run}{kind}")), "")
        if brought and not has_end(target, to._replace(priority=int(brought[0]))):
            atomic.advance(f"{target}/{brought}{kind}", f"{target}/{to.run}{kind}")


def clear(source: str, target: str, aside: str, name: TaskName) -> None:
    """Put aside what lies in the way of a move and belongs to no name there: half of an end, as a backup may have it."""
    for kind in in_the_way(source, target, name, name):
        atomic.folder(aside)
        atomic.advance(f"{target}/{name.run}{kind}", f"{aside}/{free(target, aside, name).run}{kind}")


def _is(path: str) -> bool:
    """By access(2), which says no for a third of what `lexists` takes: it is asked seven times for each task, and it is no."""
    return os.access(path, os.F_OK)
