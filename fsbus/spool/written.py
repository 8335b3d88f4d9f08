"""What a person wrote in a YAML file, or why it cannot be used: total, since every look at the bus asks for each agent's.

A fault of ours that one file brings to light is a reason like others. It must not keep the other agents from working.
"""
from __future__ import annotations

import os

from fsbus.spool import careful

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from fsbus.core.refusal import Refusal

    Meant = TypeVar("Meant")


def strings(path: str) -> object:
    """The file as a tree of strings, or a Refusal."""
    try:
        return _parse(path)
    except Exception as error:
        return _fault(error)


def understood(tree: object, reader: Callable[[], Meant | Refusal]) -> Meant | Refusal:
    """What such a tree means, as `reader` says, or why it cannot be used."""
    from fsbus.core.refusal import Refusal

    try:
        return tree if isinstance(tree, Refusal) else reader()
    except Exception as error:
        return _fault(error)


def _fault(error: Exception) -> Refusal:
    from fsbus.core.refusal import Refusal
    from fsbus.spool import fault

    return Refusal(None, fault.sentence(error), "write it in another way, or go back to what it said before")


def _parse(path: str) -> object:
    from fsbus.core import flat

    text = careful.read_text(path)
    if text is None:
        from fsbus.core.refusal import Refusal

        return Refusal(None, f"{os.path.basename(path)} is missing or cannot be read", "see README.md in the root")
    found = flat.load(text)
    if found is not None:
        return found
    from fsbus.core import gate  # imports yaml: only for what our own subset does not cover

    return gate.strings(text)
