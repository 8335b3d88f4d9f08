"""What a shell offers on the Tab key besides verbs and options: the agents of this bus, and its newest tasks.

Looks only, and is never an error: where there is no bus, nothing is offered.
"""
from __future__ import annotations

import os
import re
from collections.abc import Callable

from fsbus.bus import Bus
from fsbus.core.errors import FsbusError
from fsbus.spool import channel
from fsbus.spool.tree import Tree

OF_ANOTHER_KIND = ("submit_", "ack_")  # their key is a new one, or that of a message
MANY = 30  # tasks that a person still looks through
Offers = list[tuple[str, str]]  # what may be typed, and a word about it


def by(command: str, parameter: str) -> Callable[[str], Offers] | None:
    """Who offers the values of a command's parameter; None = nobody, and shells offer files there."""
    if parameter in ("to", "agent", "reply_to", "from_") or (command, parameter) == ("test_", "name"):
        return agents
    if parameter in ("task", "after", "keys") or (parameter == "key" and command not in OF_ANOTHER_KIND):
        return tasks
    return either if parameter == "what" else None


def agents(incomplete: str) -> Offers:
    """The agents whose name begins so."""
    tree = _tree()
    return [(name, "") for name in tree.agents() if name.startswith(incomplete)] if tree else []


def tasks(incomplete: str) -> Offers:
    """The newest tasks whose key, or the id in it, begins so."""
    tree = _tree()
    found: dict[str, list[channel.Place]] = {}
    for place in channel.places(tree, incomplete, {}) if tree else []:
        found.setdefault(place.name.key, []).append(place)
    words = {key: word for key in sorted(found, reverse=True) if (word := _typed(key, incomplete))}
    return [(word, _about(found[key])) for key, word in list(words.items())[:MANY]]


def either(incomplete: str) -> Offers:
    """Agents, then tasks."""
    return agents(incomplete) + tasks(incomplete)


def _typed(key: str, incomplete: str) -> str:
    """The word that goes on from what is typed: the whole key, or its id; '' if neither does."""
    return next((word for word in (key, key.rpartition("-")[2]) if word.startswith(incomplete)), "")


def _about(places: list[channel.Place]) -> str:
    name = channel.truth(places).name
    return f"{name.slug}: {name.state}"


def _tree() -> Tree | None:
    line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")
    root = re.search(r"--root[= ](\S+)", line)
    try:
        return Bus(root[1] if root else "").tree
    except (FsbusError, OSError):
        return None
