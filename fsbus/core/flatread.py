"""The reading half of `flat`: lines in, strings out, None at the first doubt.

One pass without backtracking, so the time is linear in the text, and nesting is bounded: hostile files cost no more
than others. A fuzzer compares every answer with PyYAML's BaseLoader (tests/core/test_flat.py).
"""
from __future__ import annotations

from fsbus.core.flat import writable
from fsbus.core.flatline import KEY_LIMIT, DoubtError, inline, plain, quoted_at

DEPTH = 16  # nesting that is read; the same bound as in gate


def load(text: str) -> dict[str, object] | None:
    """The mapping as BaseLoader would read it, or None: not in the subset, or not surely."""
    if not writable(text) or (not text.isascii() and _has_surrogates(text)):
        return None
    if text[-1:] != "\n":
        if "|" in text:
            return None  # a literal block without its last line end
        text += "\n"
    lines = text[:-1].split("\n")
    try:
        at = _skip(lines, 0)
        if at == len(lines):
            return None
        found, at = _mapping(lines, at, 0, 0)
    except DoubtError:
        return None
    return found if at == len(lines) else None


def _has_surrogates(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _skip(lines: list[str], at: int) -> int:
    """Past blank lines and comments."""
    while at < len(lines):
        body = lines[at].lstrip(" ")
        if body and body[0] != "#":
            break
        at += 1
    return at


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _mapping(lines: list[str], at: int, indent: int, depth: int) -> tuple[dict[str, object], int]:
    found: dict[str, object] = {}
    while at < len(lines) and (width := _indent(lines[at])) >= indent:
        split = _key(lines[at][indent:]) if width == indent else None
        if split is None or split[0] in found or split[0] == "<<":
            raise DoubtError
        found[split[0]], at = _value(lines, at + 1, indent, split[1], depth, True)
        at = _skip(lines, at)
    return found, at


def _list(lines: list[str], at: int, indent: int, depth: int) -> tuple[list[object], int]:
    found: list[object] = []
    while at < len(lines) and _indent(lines[at]) == indent and _is_item(lines[at][indent:]):
        rest = lines[at][indent + 1 :]
        body = rest.lstrip(" ")
        if body and body[0] not in "#|[{" and (_is_item(body) or (":" in body and _key(body))):
            inner = indent + 1 + len(rest) - len(body)
            lines[at] = " " * inner + body  # `- key: value` is a block of its own that begins here
            value, at = _block(lines, at, inner, depth + 1)
        else:
            value, at = _value(lines, at + 1, indent, rest, depth, False)
        found.append(value)
        at = _skip(lines, at)
    if at < len(lines) and _indent(lines[at]) > indent:
        raise DoubtError
    return found, at


def _is_item(body: str) -> bool:
    return body[:2] == "- " or body == "-"


def _block(lines: list[str], at: int, indent: int, depth: int) -> tuple[object, int]:
    if depth > DEPTH:
        raise DoubtError
    return _list(lines, at, indent, depth) if _is_item(lines[at][indent:]) else _mapping(lines, at, indent, depth)


def _key(body: str) -> tuple[str, str] | None:
    """The key and what follows its colon; None if this is no `key: value`."""
    if body[0] in "'\"":
        key, end = quoted_at(body, 0)
        if body[end : end + 1] != ":":
            return None
    else:
        end = body.find(": ")
        if end < 0:
            end = len(body) - 1
            if body[-1] != ":":
                return None
        key = plain(body[:end])
    if end > KEY_LIMIT or body[end + 1 : end + 2] not in ("", " "):
        raise DoubtError
    return key, body[end + 1 :]


def _value(lines: list[str], at: int, indent: int, rest: str, depth: int, of_key: bool) -> tuple[object, int]:
    rest = rest.strip(" ")
    if rest and rest[0] == "|":
        return _read_literal(lines, at, indent, rest)
    if rest and rest[0] != "#":
        return inline(rest), at
    at = _skip(lines, at)
    if at < len(lines):
        width = _indent(lines[at])
        if width > indent or (of_key and width == indent and _is_item(lines[at][indent:])):
            return _block(lines, at, width, depth + 1)
    return "", at


def _read_literal(lines: list[str], at: int, indent: int, header: str) -> tuple[str, int]:
    header = header.split(" #")[0].rstrip(" ")
    hint = header[1:2] if header[1:2] in tuple("123456789") else ""
    chomp = header[1 + len(hint) :]
    first = next((i for i in range(at, len(lines)) if lines[i].strip(" ")), -1)
    if chomp not in ("", "-", "+") or first < 0:
        raise DoubtError
    width = indent + int(hint) if hint else _indent(lines[first])
    guessed = not hint and (lines[first][width] == "\t" or any(len(line) > width for line in lines[at:first]))
    if guessed or width <= indent or _indent(lines[first]) < width:
        raise DoubtError
    body, at = _body(lines, at, " " * width)
    kept = len(body)
    while not body[kept - 1]:
        kept -= 1
    return "\n".join(body if chomp == "+" else body[:kept]) + ("" if chomp == "-" else "\n"), at


def _body(lines: list[str], at: int, pad: str) -> tuple[list[str], int]:
    body: list[str] = []
    while at < len(lines):
        line = lines[at]
        if line.startswith(pad):
            body.append(line[len(pad) :])
        elif line.strip(" "):
            break
        else:
            body.append("")
        at += 1
    return body, at


