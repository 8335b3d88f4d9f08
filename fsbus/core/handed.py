"""What a program hands over as data, as the files can keep it and give it back.

A result is read again by a reader that wants text, numbers, lists and mappings with text as keys, and nothing deep.
What does not fit must be said while whoever handed it over can be told: afterwards a task would be done, and its
result unreadable.
"""
from __future__ import annotations

import json

from fsbus.core.gate import DEPTH
from fsbus.core.jsontext import is_deep, once


def kept(value: object) -> object:
    """A copy, with whatever is no data as its text. Raises ValueError with a sentence, and whatever a stranger's `str` raises."""
    if value is None or type(value) is str:
        return value
    if hasattr(value, "__await__") or hasattr(value, "__next__"):
        raise ValueError(f"{type(value).__name__} is work that nobody has done yet: give what comes of it")
    try:
        found = json.loads(json.dumps(value, default=str), object_pairs_hook=once)
    except RecursionError:
        raise ValueError(f"data nested deeper than {DEPTH} levels") from None
    except TypeError:
        raise ValueError("data with a key that is neither text nor a number") from None
    if is_deep(found, DEPTH):
        raise ValueError(f"data nested deeper than {DEPTH} levels")
    return found
