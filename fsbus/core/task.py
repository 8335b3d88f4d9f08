"""The forgiving reader: any bytes in, a `Task` or a `Refusal` out, always, and nothing changed without a note.

What a person may write is in DESIGN section 5; where a file's keys begin and end is `shape`, what each field takes is
`fields`. Text is taken verbatim. Everything else is read as strings and converted per field, so that no word turns
into a number or a boolean behind its writer's back.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from fsbus.core import flat, plainlines, shape
from fsbus.core.fields import DATA, FIELDS, SCHEMA, TEXT, TREE, nearest
from fsbus.core.flatline import one_line, quoted
from fsbus.core.refusal import Refusal
from fsbus.core.shape import KINDS, Chunk

MAX_BYTES = shape.MAX_BYTES
MAX_LINES = 5_000  # of one value that is not text; the same bound as the nodes in gate
_HINTS = 3  # notes about lines that look like a mistyped key
_NOTHING = Refusal(None, "nothing to do in this file", "write what is to be done, for example `task: Bump the deps`")


@dataclass(frozen=True, slots=True)
class Task:
    """One task as it was understood; what was not given is None or empty."""

    text: str  # what is to be done
    title: str = ""  # one line for lists; else the first words of the text do
    type: str = ""  # by which dispatch routes
    to: str = ""  # the agent it is addressed to
    priority: int | None = None  # 0 first, 5 normal, 9 whenever
    urgent: bool = False  # before everything else in its inbox
    timeout: float | None = None  # seconds that one try may take
    tries: int | None = None  # runs of the command within one attempt
    not_before: float | None = None  # seconds since 1970
    due: float | None = None  # seconds since 1970
    after: tuple[str, ...] = ()  # keys, perhaps shortened, that must have ended well before
    parent: str = ""  # the key of the request it is a part of
    cwd: str = ""  # a folder below the agent's
    verify: str = ""  # the name of one of the agent's checks
    expect: str | dict[str, Any] | None = None  # a file that the result must hold, or a JSON schema for its data
    reply_to: str = ""  # the agent that is told of the end
    input: Any = None  # free data, as JSON knows it
    extra: dict[str, Any] = field(default_factory=dict)  # keys that are not known, kept as strings
    notes: tuple[str, ...] = ()  # what was repaired or assumed, one sentence each


def read(data: bytes, ext: str, tz: tzinfo | None = None) -> Task | Refusal:
    """The task in a file with this extension; times without a zone are in `tz`, else in this machine's."""
    plain = plainlines.read(data) if ext == "yaml" else None
    if plain is not None:
        return Task(plain.pop("task"), **plain)
    text = shape.clean(data)
    if isinstance(text, Refusal):
        return text
    found = shape.shape(text, _kind(ext))
    if isinstance(found, Refusal):
        return found
    if found.head is None:
        return _whole(found.body or "", ext, found.notes)
    chunks = shape.chunks(found.head, found.first)
    if isinstance(chunks, Refusal):
        return chunks
    return _Reading(tz, found.notes).task(chunks, found.body)


def extension(data: bytes, ext: str) -> str:
    """The extension an adopted drop gets: md, txt or yaml."""
    kind = _kind(ext)
    if kind:
        return kind
    text = shape.clean(data)
    found = text if isinstance(text, Refusal) else shape.shape(text, kind)
    if isinstance(found, Refusal) or found.head is None:
        return "txt"
    return "yaml" if found.body is None else "md"


def _kind(ext: str) -> str:
    return KINDS.get(ext.lower().lstrip("."), "")


def _whole(text: str, ext: str, notes: tuple[str, ...]) -> Task | Refusal:
    if not text.strip() or not text.strip("- \t\n"):
        return _NOTHING
    if notes or ext.lower().lstrip(".") not in ("yaml", "yml", "json"):
        return Task(text, notes=notes)
    key = shape.key_of(text.partition("\n")[0])
    near = nearest(key, FIELDS) if key else None
    hint = f" (did you mean {near!r}?)" if near else ""
    cause = f"its first key {key[:40]!r} is not known{hint}" if key else "it does not begin with a known key"
    return Task(text, notes=(f"the whole file was read as text, since {cause}",))


class _Reading:
    """One mapping on its way to a task."""

    def __init__(self, tz: tzinfo | None, notes: tuple[str, ...]) -> None:
        self._tz = tz
        self._values: dict[str, Any] = {}
        self._extra: dict[str, Any] = {}
        self._notes = list(notes)

    def task(self, chunks: list[Chunk], body: str | None) -> Task | Refusal:
        for chunk in chunks:
            refusal = self._take(chunk)
            if refusal is not None:
                return refusal.at(chunk.line)
        own = self._values.pop("task", "")
        text = own.rstrip("\n") + "\n\n" + body if own.strip() and body else own if own.strip() else body or ""
        if not text.strip():
            return _NOTHING
        return Task(text, **self._values, extra=self._extra, notes=tuple(self._notes))

    def _take(self, chunk: Chunk) -> Refusal | None:
        known = FIELDS.get(chunk.key)
        value = self._text(chunk) if known and known.shape == TEXT else self._tree(chunk, known.shape if known else TREE)
        if known and not isinstance(value, Refusal):
            value = known.convert(value, self._tz)
        if isinstance(value, Refusal):
            return Refusal(value.line, f"{chunk.key[:40]}: {value.what}", value.fix)
        if known is None:
            self._extra[chunk.key] = value
            self._unknown(chunk)
        elif value is not None:
            self._values[chunk.key] = value
        return None

    def _unknown(self, chunk: Chunk) -> None:
        near = nearest(chunk.key, FIELDS)
        hint = f", did you mean {near!r}?" if near else ";"
        self._notes.append(f"line {chunk.line}: unknown key {chunk.key[:40]!r}{hint} kept, not used")

    def _text(self, chunk: Chunk) -> str | Refusal:
        text = self._marked(chunk)
        if text is None:
            text = self._loose(chunk)
        text = shape.plain_ends(text)
        refusal = shape.control(text)
        return Refusal(chunk.line, refusal.what, refusal.fix) if refusal else text

    def _marked(self, chunk: Chunk) -> str | None:
        """The text, if quotes or a block say where it ends."""
        value, more = chunk.value, len(chunk.lines) > 1 and any(line.strip(" \t") for line in chunk.lines[1:])
        if shape.is_block(value) and more:
            found = _parse(chunk, self._untabbed(chunk))
        elif value[:1] in ("'", '"'):
            found = _parse(chunk, chunk.lines) if more else quoted(value)
            found = _json(value) if found is None and not more else found
        else:
            return None
        return found if isinstance(found, str) else None

    def _loose(self, chunk: Chunk) -> str:
        """The text as it stands, with the indentation that its further lines share taken off."""
        value = "" if shape.is_block(chunk.value) else chunk.value
        if len(chunk.lines) == 1:
            return value
        text = shape.trimmed([value, *shape.dedented(chunk.lines[1:])])
        if chunk.key == "title" and "\n" in text:
            self._notes.append(f"line {chunk.line}: the title had several lines and was made one")
        else:
            self._notes.extend(_suspects(chunk))
        return text

    def _tree(self, chunk: Chunk, kind: str) -> object:
        """The value by its own few lines, so that nothing in it reaches beyond them."""
        if kind == TREE and len(chunk.lines) == 1:
            line = one_line(chunk.value)
            if line is not None:
                return line
        if kind != DATA and len(chunk.lines) > MAX_LINES:
            return Refusal(chunk.line, f"more than {MAX_LINES} lines", "put the data into a file and name it")
        lines = self._untabbed(chunk)
        found = None if kind == DATA else _parse(chunk, lines)
        if kind == DATA or (kind == SCHEMA and not isinstance(found, (str, Refusal))):
            from fsbus.core import gate

            found = _only(chunk, gate.values("\n".join(lines) + "\n", chunk.line))
        return _or_json(chunk, lines, found)

    def _untabbed(self, chunk: Chunk) -> list[str]:
        if not any(line[:1] == "\t" for line in chunk.lines):
            return chunk.lines
        self._notes.append(f"line {chunk.line}: tabs before the lines of {chunk.key[:40]!r} were read as two blanks each")
        return [shape.untab(line) for line in chunk.lines]


def _parse(chunk: Chunk, lines: list[str]) -> object:
    """The value of a chunk in strings, or a Refusal."""
    text = "\n".join(lines) + "\n"
    found: object = flat.load(text)
    if found is None:
        from fsbus.core import gate  # imports yaml: only for what our own subset does not cover

        found = gate.strings(text, chunk.line)
    return _only(chunk, found)


def _only(chunk: Chunk, found: object) -> object:
    if isinstance(found, dict) and list(found) == [chunk.key]:
        return found[chunk.key]
    return found if isinstance(found, Refusal) else Refusal(chunk.line, "this value cannot be read", "put it in quotes")


def _or_json(chunk: Chunk, lines: list[str], found: object) -> object:
    """What JSON reads where YAML cannot: emoji as two escapes; else what was found."""
    if not isinstance(found, Refusal) or chunk.value[:1] not in ("{", "["):
        return found
    from fsbus.core import gate, jsontext

    read = jsontext.document("\n".join([chunk.value, *lines[1:]]), gate.DEPTH, gate.NODES)
    return found if read is None else read


def _json(value: str) -> object:
    """What JSON writes and YAML cannot read: emoji as two escapes."""
    import json

    try:
        found = json.loads(value)
        return found if isinstance(found, str) and found.encode() else None
    except (ValueError, RecursionError):
        return None


def _suspects(chunk: Chunk) -> Iterator[str]:
    """Lines inside a text that may have been meant as keys."""
    looks = [(chunk.line + i, shape.key_of(line)) for i, line in enumerate(chunk.lines[1:50], 1)]
    near = [(number, key, nearest(key, FIELDS)) for number, key in looks if key]
    for number, key, meant in [found for found in near if found[2]][:_HINTS]:
        yield f"line {number}: {key[:40]!r} was read as text, did you mean {meant!r}?"
