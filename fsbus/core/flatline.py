"""What stands on one line of the flat subset: bare words, quoted strings, `[a, b]` and `{a: b}`.

All text comes back as BaseLoader would give it; a `DoubtError` is raised, and never leaves `flatread`, where that is
not sure. One pass by index, so the time is linear in the line.
"""
from __future__ import annotations

from fsbus.core.flat import writable

FLOW_DEPTH = 4  # nesting on one line; deeper is nobody's hand-writing
KEY_LIMIT = 1000  # characters; PyYAML gives up on a key without `?` at 1024

_UNESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
_INDICATORS = frozenset("-?:,[]{}#&*!|>'\"%@`")
_HEX = frozenset("0123456789abcdefABCDEF")


class DoubtError(Exception):
    """Not surely in the subset."""


def quoted(text: str) -> str | None:
    """The string, if the whole text is one quoted scalar."""
    try:
        value, end = quoted_at(text, 0) if text[:1] in ("'", '"') and writable(text) else ("", -1)
    except DoubtError:
        return None
    return value if end == len(text) else None


def one_line(text: str) -> object | None:
    """The value that stands on this line, after its key; None if that is not sure."""
    try:
        return inline(text) if text and text[0] not in "|#" and writable(text) else None
    except DoubtError:
        return None


def inline(text: str) -> object:
    """A scalar or a flow collection with, perhaps, a comment after it."""
    if text[0] not in "'\"[{":
        return plain(text.split(" #")[0].rstrip(" "))
    value, end = _flow(text, 0, 0)
    tail = text[end:].lstrip(" ")
    if tail and (tail[0] != "#" or text[end] != " "):
        raise DoubtError
    return value


def _flow(text: str, at: int, depth: int) -> tuple[object, int]:
    first = text[at : at + 1]
    if first in ("'", '"'):
        return quoted_at(text, at)
    if first in ("[", "{") and depth < FLOW_DEPTH:
        return _collection(text, at, depth, first == "{")
    end = at
    while end < len(text) and text[end] not in ",[]{}:":
        end += 1
    return plain(text[at:end].rstrip(" ")), end


def _collection(text: str, at: int, depth: int, keyed: bool) -> tuple[object, int]:
    items: list[object] = []
    pairs: dict[str, object] = {}
    close = "}" if keyed else "]"
    at = _blanks(text, at + 1)
    more = text[at : at + 1] != close
    while more:
        if keyed:
            at = _pair(text, at, depth, pairs)
        else:
            value, at = _flow(text, at, depth + 1)
            items.append(value)
        at = _blanks(text, at)
        more = text[at : at + 1] == ","
        if more:
            at = _blanks(text, at + 1)
        elif text[at : at + 1] != close:
            raise DoubtError
    return (pairs if keyed else items), at + 1


def _pair(text: str, at: int, depth: int, pairs: dict[str, object]) -> int:
    key, end = _flow(text, at, depth + 1)
    if not isinstance(key, str) or key in pairs or key == "<<" or end - at > KEY_LIMIT or text[end : end + 2] != ": ":
        raise DoubtError
    pairs[key], end = _flow(text, _blanks(text, end + 1), depth + 1)
    return end


def _blanks(text: str, at: int) -> int:
    while text[at : at + 1] == " ":
        at += 1
    return at


def plain(text: str) -> str:
    """The text, if it may stand bare outside of flow collections."""
    if not text or "\t" in text or ": " in text or " #" in text or text[-1] in ": " or text[:3] in ("---", "..."):
        raise DoubtError
    if text[0] in _INDICATORS and (text[0] != "-" or text[1:2] in ("", " ")):
        raise DoubtError
    return text


def quoted_at(text: str, at: int) -> tuple[str, int]:
    """A scalar in quotes that begins here, and where it ends."""
    quote = text[at]
    end = text.find(quote, at + 1)
    if quote == "'":
        while text[end + 1 : end + 2] == "'" and end > 0:
            end = text.find("'", end + 2)
    elif "\\" in text[at : max(end, at)]:
        return _escaped(text, at + 1)
    if end < 0 or "\n" in text[at:end]:
        raise DoubtError
    return (text[at + 1 : end].replace("''", "'") if quote == "'" else text[at + 1 : end]), end + 1


def _escaped(text: str, at: int) -> tuple[str, int]:
    out: list[str] = []
    while at < len(text) and text[at] not in '"\n':
        end = at
        while end < len(text) and text[end] not in '"\\\n':
            end += 1
        out.append(text[at:end])
        at = end
        if text[at : at + 1] == "\\":
            letter, at = _escape(text, at + 1)
            out.append(letter)
    if text[at : at + 1] != '"':
        raise DoubtError
    return "".join(out), at + 1


def _escape(text: str, at: int) -> tuple[str, int]:
    letter = text[at : at + 1]
    if letter in _UNESCAPES:
        return _UNESCAPES[letter], at + 1
    size = {"x": 2, "u": 4}.get(letter, 0)
    digits = text[at + 1 : at + 1 + size]
    if not size or len(digits) < size or not _HEX.issuperset(digits):
        raise DoubtError
    code = int(digits, 16)
    if 0xD800 <= code <= 0xDFFF:
        raise DoubtError
    return chr(code), at + 1 + size
