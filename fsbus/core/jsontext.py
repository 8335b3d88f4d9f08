"""A whole text that is JSON, as the program meant it that wrote it.

YAML reads most JSON, and some of it otherwise: it takes `2.50` for a word, and knows no emoji written as two escapes,
as `json.dumps` writes them. What is no JSON, or more than `gate` would take, is None: `gate` says what is wrong with it.
"""
from __future__ import annotations

import json
import math

DIGITS_MOST = 400  # of a number; what is longer is read as a word when it comes back from our own files


def document(text: str, depth: int, nodes: int) -> object:
    """The list or mapping that the text is, at most so deep and of so many values; else None. Total."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        found: object = json.loads(
            text, object_pairs_hook=once, parse_constant=_no_number, parse_int=_whole, parse_float=_finite
        )
        if "\\ud" in text.lower():  # half of an emoji is no text
            found = json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return None if is_deep(found, depth) or _count(found) > nodes else found


def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A mapping of these, each key once. Raises ValueError."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("data with two keys that are the same as text")
    return made


def is_deep(value: object, depth: int) -> bool:
    """Whether it nests deeper than so many levels."""
    layer = [value]
    for _ in range(depth + 1):
        layer = [inner for outer in layer for inner in _inside(outer)]
    return bool(layer)


def _count(value: object) -> int:
    count, layer = 0, [value]
    while layer:
        count += len(layer) + sum(len(outer) for outer in layer if isinstance(outer, dict))  # its keys
        layer = [inner for outer in layer for inner in _inside(outer)]
    return count


def _inside(value: object) -> list[object]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def _no_number(word: str) -> object:
    raise ValueError(f"{word} is no JSON")


def _whole(word: str) -> int:
    if len(word) > DIGITS_MOST:
        raise ValueError("too many digits")
    return int(word)


def _finite(word: str) -> float:
    number = float(word)
    if not math.isfinite(number):
        raise ValueError(f"{word} is too large")
    return number
