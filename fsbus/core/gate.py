"""PyYAML behind a guard: what people may write in YAML, and a `Refusal` with line and fix for everything else.

One pass over the parser's events builds the data without recursion and stops at the first thing fsbus does not
take: anchors, aliases, tags, merge keys, a second document, a key given twice, deep nesting, too many nodes. So the
bombs of facts/faults.md row 9 end in milliseconds, nothing is expanded, and the C composer, which dies on 100,000
brackets, never runs. Nothing is raised on any text.

`strings` gives every scalar as its text. `values` gives what JSON knows: null, booleans and numbers, but a number
only if it would be written the same again: `0755`, `3.10`, `1_000`, `no`, `9:30` and dates stay the words they are.
A whole text that is JSON is read as JSON.
"""
from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from fsbus.core import jsontext
from fsbus.core.refusal import Refusal

if TYPE_CHECKING:
    import yaml

DEPTH = 16  # nesting; people stop at 4
NODES = 5_000  # scalars and collections in one text
MAX_CHARS = 1 << 20  # as for a task file
OWN = 1 << 26  # characters, and nodes, of what fsbus wrote itself: a bound against accidents only
OWN_DEPTH = 48  # of the same: what an agent handed over lies some levels down in a result, and in what a request gathers
NO_KEYS: frozenset[str] = frozenset()
DIGITS = 15  # decimal digits that a float surely keeps

_NULLS = ("", "~", "null", "Null", "NULL")
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_LINE_ENDS = "\n\r\x85\u2028\u2029"  # what the parser takes for one
_LINES = re.compile(f"\r\n|[{_LINE_ENDS}]")
_SAY_IT = "put the value in quotes, or the text under the key as a `|` block"

Convert = Callable[[str, bool], object]  # the text of a scalar, and whether it stands bare


def strings(text: str, first_line: int = 1, texts: frozenset[str] = NO_KEYS) -> object:
    """The data with every scalar as its text, or a Refusal; lines count from `first_line`.

    What stands bare under a key of `texts` is words of a person or a program, and taken as it stands in its lines."""
    return _guarded(text, first_line, lambda word, _: word, texts=texts)


def values(text: str, first_line: int = 1, nodes: int = NODES, texts: frozenset[str] = NO_KEYS) -> object:
    """The data with null, booleans and numbers as in JSON, or a Refusal; `first_line` and `texts` as in `strings`."""
    found = jsontext.document(text, DEPTH, nodes) if len(text) <= MAX_CHARS else None
    if found is not None:
        return found
    return _guarded(text, first_line, lambda word, bare: value(word) if bare else word, nodes=nodes, texts=texts)


def own(text: str) -> object:
    """As `values`, for a file that fsbus wrote: a thousand children, or fifty attempts, are more than people write."""
    return _guarded(text, 1, lambda word, bare: value(word) if bare else word, OWN, OWN, OWN_DEPTH)


def value(word: str) -> object:
    """What a bare word stands for in JSON, else the word."""
    if word in _NULLS:
        return None
    if word in _BOOLS:
        return _BOOLS[word]
    digits = word.removeprefix("-").replace(".", "", 1)
    if word.isascii() and digits[:1].isdigit() and len(word) <= 400:  # Python refuses to read thousands of digits
        return _number(word, digits)
    return word


def _number(word: str, digits: str) -> object:
    try:
        number = float(word) if not digits.isdigit() or "." in word else int(word)
    except ValueError:
        return word
    if str(number) == word:
        return number
    mantissa = word.lower().partition("e")[0]
    fraction = mantissa.partition(".")[2]
    count = sum(c.isdigit() for c in mantissa)
    short = count <= DIGITS and "_" not in word and mantissa[-1] != "." and not (len(fraction) > 1 and fraction[-1] == "0")
    return number if isinstance(number, float) and math.isfinite(number) and short and not _padded(mantissa) else word


def _padded(mantissa: str) -> bool:
    """`012.5` is an id or a version more likely than a number."""
    whole = mantissa.removeprefix("-").partition(".")[0]
    return len(whole) > 1 and whole[0] == "0"


def _guarded(
    text: str, first_line: int, convert: Convert, chars: int = MAX_CHARS, nodes: int = NODES, depth: int = DEPTH,
    texts: frozenset[str] = NO_KEYS,
) -> object:  # fmt: skip
    if len(text) > chars:
        return Refusal(None, f"this YAML is longer than {chars >> 10} KiB", "put the material into a file and name it")
    if text[:1] == "%" or any(end + "%" in text for end in _LINE_ENDS):  # many of them cost the C parser their square
        return Refusal(None, "a line begins with `%`, a YAML directive", "remove the line, or put it in quotes")
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # some distributions build without libyaml
    try:
        return _Build(first_line, convert, nodes, depth, texts, text).run(yaml.parse(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + first_line if mark else None
        if "nesting" in str(error.problem):  # since 6.0.4 its scanner stops at a depth of its own, before our count does
            return _too_deep(line, depth)
        return Refusal(line, f"YAML cannot read this ({error.problem or error.context})", _SAY_IT)
    except (yaml.YAMLError, ValueError, RecursionError, MemoryError) as error:
        cause = (str(error) or type(error).__name__).splitlines()[0][:120]
        return Refusal(None, f"YAML cannot read this ({cause})", "save it as plain UTF-8 text")


def _too_deep(line: int | None, depth: int) -> Refusal:
    return Refusal(line, f"nested deeper than {depth} levels", "put the data into a file and name it")


class _Build:
    """Data from events, by a stack of its own."""

    def __init__(self, first_line: int, convert: Convert, most: int, depth: int, texts: frozenset[str], source: str) -> None:
        self._first, self._convert, self._most, self._depth = first_line, convert, most, depth
        self._texts, self._lines = texts, _LINES.split(source.removeprefix("\ufeff")) if texts else []
        self._open: list[list[Any] | dict[str, Any]] = []
        self._keys: list[tuple[str | None, dict[str, int]]] = []  # per open collection: the key that waits, lines of all
        self._root: object = None
        self._documents = self._nodes = 0

    def run(self, events: Iterator[yaml.Event]) -> object:
        for event in events:
            refusal = self._take(event)
            if refusal is not None:
                return refusal
        return self._root

    def _take(self, event: Any) -> Refusal | None:
        kind = type(event).__name__
        line = event.start_mark.line + self._first
        if kind in ("ScalarEvent", "SequenceStartEvent", "MappingStartEvent", "AliasEvent"):
            self._nodes += 1
            return self._forbidden(event, kind, line) or self._node(event, kind, line)
        if kind in ("SequenceEndEvent", "MappingEndEvent"):
            self._open.pop()
            self._keys.pop()
        elif kind == "DocumentStartEvent":
            self._documents += 1
            if self._documents > 1:
                return Refusal(line, "a second document begins here", "one file is one thing: split it, or remove the `---`")
        return None

    def _forbidden(self, event: Any, kind: str, line: int) -> Refusal | None:
        if kind == "AliasEvent" or event.anchor is not None:
            word = ("*" if kind == "AliasEvent" else "&") + event.anchor[:40]
            return Refusal(line, f"`{word}` is a YAML anchor or alias", "write the value out, or put it in quotes")
        if event.tag is not None:
            return Refusal(line, f"`{event.tag[:40]}` is a YAML tag", "leave the tag away, or put the value in quotes")
        if self._nodes > self._most:
            return Refusal(line, f"more than {self._most} values", "put the data into a file and name it")
        if kind != "ScalarEvent" and len(self._open) >= self._depth:
            return _too_deep(line, self._depth)
        return None

    def _node(self, event: Any, kind: str, line: int) -> Refusal | None:
        if self._open and isinstance(self._open[-1], dict) and self._keys[-1][0] is None:
            return self._key(event, kind, line)
        if kind == "ScalarEvent":
            bare = event.implicit[0]
            text = bare and self._open and isinstance(self._open[-1], dict) and self._keys[-1][0] in self._texts
            self._put(self._convert(self._as_it_stands(event) if text else event.value, bare))
            return None
        made: list[Any] | dict[str, Any] = [] if kind == "SequenceStartEvent" else {}
        self._put(made)
        self._open.append(made)
        self._keys.append((None, {}))
        return None

    def _as_it_stands(self, event: Any) -> str:
        """A bare text with its line breaks, and with what YAML takes for a comment: `Fix #42` is not `Fix`."""
        start, end = event.start_mark, event.end_mark
        lines = self._lines[start.line : end.line + 1]
        tail = lines[-1][end.column :]
        lines[-1] = lines[-1] if tail.lstrip(" \t")[:1] == "#" else lines[-1][: end.column]
        said = "\n".join([lines[0][start.column :].strip(), *(line.strip() for line in lines[1:])])
        own: str = event.value
        return said if said.split()[: len(own.split())] == own.split() else own

    def _key(self, event: Any, kind: str, line: int) -> Refusal | None:
        if kind != "ScalarEvent":
            return Refusal(line, "a list or a mapping stands where a key should", "write `key: value`")
        key, lines = event.value, self._keys[-1][1]
        if key == "<<" and event.implicit[0]:
            return Refusal(line, "`<<` is a YAML merge key", "write the keys out")
        if key in lines:
            return Refusal(line, f"{key[:40]!r} is there twice, in lines {lines[key]} and {line}", "remove one of them")
        lines[key] = line
        self._keys[-1] = (key, lines)
        return None

    def _put(self, made: object) -> None:
        if not self._open:
            self._root = made
            return
        top = self._open[-1]
        if isinstance(top, list):
            top.append(made)
            return
        key, lines = self._keys[-1]
        top[str(key)] = made
        self._keys[-1] = (None, lines)
