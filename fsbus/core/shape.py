"""What kind of thing a dropped file is, and where each of its keys begins and ends. Nothing is interpreted here.

A file is a mapping (YAML, or no extension), text with front matter between `---` lines, or text as a whole. People
write text after `task:` as if it were no YAML at all, so a mapping is cut into chunks by line: a text key takes
everything up to the next *known* key, unless quotes or a `|` block say themselves where they end.
"""
from __future__ import annotations

from dataclasses import dataclass

from fsbus.core.fields import CONTROLS, FIELDS, nearest
from fsbus.core.flat import writable
from fsbus.core.flatline import quoted
from fsbus.core.refusal import Refusal

MAX_BYTES = 1 << 20  # of a task file; more is material, and belongs beside it
MAX_KEYS = 64  # in one file; a bound for the work that one file can ask for
KINDS = {"md": "md", "markdown": "md", "txt": "txt", "text": "txt", "yaml": "yaml", "yml": "yaml"}

_LOOKED_AT = 20  # keys for which a nearest known one is looked for
_BAD = CONTROLS - {"\t", "\n"}
_SAVE = "save it as plain UTF-8 text"
_OPEN = "the front matter that begins here is never closed"
_TORN = "end it with a line `---`; if the file was cut off, write it again"


@dataclass(frozen=True, slots=True)
class Shape:
    """The parts of a file."""

    head: list[str] | None  # lines of the mapping; None = there is none
    first: int  # line number of the first of them, from 1
    body: str | None  # the text after the front matter, or the whole file; None = the file is a mapping and no more
    notes: tuple[str, ...] = ()  # what was repaired or assumed, one sentence each


@dataclass(frozen=True, slots=True)
class Chunk:
    """One top-level key with everything that belongs to it."""

    key: str
    line: int  # in the file, from 1
    value: str  # what stands on the line of the key
    lines: list[str]  # all of them; the first holds the key


def clean(data: bytes) -> str | Refusal:
    """The text with plain line ends, or why it is none."""
    if len(data) > MAX_BYTES:
        return Refusal(None, f"larger than {MAX_BYTES >> 20} MiB", "put the material into another file and name it here")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data:
        what = "this is UTF-16 or a binary file (it holds NUL bytes or a UTF-16 mark)"
        return Refusal(None, what, "save as UTF-8")
    if data.startswith(b"{\\rtf"):
        return Refusal(None, "this is rich text (RTF)", f"{_SAVE}; in TextEdit: Format, Make Plain Text")
    try:
        text = plain_ends(data.decode().removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        return Refusal(data.count(b"\n", 0, error.start) + 1, "this is not UTF-8", "save as UTF-8")
    return control(text) or text


def plain_ends(text: str) -> str:
    """CRLF and CR as LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def control(text: str) -> Refusal | None:
    """Why the text cannot be shown to anybody: a control character."""
    if writable(text) or _BAD.isdisjoint(text):
        return None
    at = next(i for i, c in enumerate(text) if c in _BAD)
    return Refusal(text.count("\n", 0, at) + 1, f"there is a control character (U+{ord(text[at]):04X})", _SAVE)


def shape(text: str, kind: str) -> Shape | Refusal:
    """The parts of the file; kind is one of KINDS' values, or empty for an unknown extension."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    first = next((i for i, line in enumerate(lines) if line.strip(" \t")), len(lines))
    if first < len(lines) and lines[first].rstrip(" \t") == "---":
        return _fenced(lines, first, kind)
    start = skip(lines, first)
    if kind in ("yaml", "") and start < len(lines) and key_of(lines[start]) in FIELDS:
        return Shape(lines, 1, None)
    return Shape(None, 1, "" if kind == "yaml" and start == len(lines) else trimmed(lines))


def _fenced(lines: list[str], first: int, kind: str) -> Shape | Refusal:
    """A file that begins with `---`: front matter, a YAML mapping, or a Markdown rule."""
    start = skip(lines, first + 1)
    if start == len(lines):
        return Shape(None, 1, "")
    close = next((i for i in range(start, len(lines)) if lines[i].rstrip(" \t") == "---"), None)
    if key_of(lines[start]) not in FIELDS:
        cut = start == len(lines) - 1 and any(name.startswith(lines[start]) for name in FIELDS)
        return Refusal(first + 1, _OPEN, _TORN) if cut else _unclear(lines, first, start, close)
    if close is not None:
        return Shape(lines[first + 1 : close], first + 2, trimmed(lines[close + 1 :]))
    if kind != "yaml":
        return Refusal(first + 1, _OPEN, _TORN)
    return Shape(lines[first + 1 :], first + 2, None)


def _unclear(lines: list[str], first: int, start: int, close: int | None) -> Shape:
    """What begins with `---` and with no known key: front matter with a slip in it, or a text below a Markdown rule.

    It is front matter if it begins with `word:`, however indented, and holds a known key.
    """
    end = close if close is not None else next((i for i in range(start, len(lines)) if not lines[i].strip(" \t")), len(lines))
    head, moved = _moved(lines[first + 1 : end])
    begins_well = key_of(lines[start].lstrip(" \t")) is not None
    if close is not None and begins_well and any(key_of(line) in FIELDS for line in head):
        return Shape(head, first + 2, trimmed(lines[close + 1 :]), (f"line {start + 1}: {moved}",) if moved else ())
    why = _why_text(lines[start:end], start + 1, close is not None, begins_well)
    return Shape(None, 1, trimmed(lines), (f"what follows the first `---` was read as text, since {why}",) if why else ())


def _moved(head: list[str]) -> tuple[list[str], str]:
    """Front matter without the indentation that all of it shares, and what that took; '' if it needs nothing."""
    plain = dedented(head)
    if plain != head and any(map(key_of, plain)):
        return plain, "the indentation that the front matter shares was taken off"
    plain = dedented([untab(line) for line in head])
    if plain != head and any(key_of(line) in FIELDS for line in plain):
        return plain, "tabs before the front matter were read as two blanks each, and the shared indentation taken off"
    return head, ""


def _why_text(block: list[str], line: int, closed: bool, begins_well: bool) -> str:
    """Why something that looks like front matter is none; '' if it does not look like it."""
    keys = [key for one in block if (key := key_of(one.lstrip(" \t")))]
    if any(key in FIELDS for key in keys):
        return "no line `---` ends it" if not closed else f"line {line} is no `key: value`"
    if not closed or not begins_well or any(key_of(one) is None and not _goes_on(one) for one in block):
        return ""
    near = next(((key, meant) for key in keys[:_LOOKED_AT] if (meant := nearest(key, FIELDS))), None)
    return "none of its keys is known" + (f" (for {near[0][:40]!r}, did you mean {near[1]!r}?)" if near else "")


def untab(line: str) -> str:
    """The line with two blanks for each tab before it."""
    if line[:1] != "\t":
        return line
    rest = line.lstrip("\t")
    return "  " * (len(line) - len(rest)) + rest


def dedented(lines: list[str]) -> list[str]:
    """The lines without the indentation that all of them share."""
    leads = [line[: len(line) - len(line.lstrip(" \t"))] for line in lines if line.strip(" \t")]
    low, high = min(leads, default=""), max(leads, default="")
    width = next((i for i, c in enumerate(low) if c != high[i]), len(low))
    return [line[width:] if line.strip(" \t") else "" for line in lines]


def trimmed(lines: list[str]) -> str:
    """The lines as one text, without blank lines around it and blanks at its end."""
    return "\n".join(lines[next((i for i, line in enumerate(lines) if line.strip(" \t")), len(lines)) :]).rstrip(" \t\n")


def skip(lines: list[str], at: int) -> int:
    """Past blank lines and YAML comments."""
    while at < len(lines):
        line = lines[at].lstrip(" \t")
        if line and line[0] != "#":
            break
        at += 1
    return at


def key_of(line: str) -> str | None:
    """The key, if this line is `key:` or `key: value` at its very beginning."""
    word, colon, rest = line.partition(":")
    if not colon or (rest and rest[0] not in " \t"):
        return None
    letters = word.replace("_", "a").replace("-", "a")
    return word if word in FIELDS or (letters.isalnum() and letters.isascii() and word[0].isalpha()) else None


def chunks(lines: list[str], first: int) -> list[Chunk] | Refusal:
    """The mapping cut into its keys; `first` is the number of its first line."""
    found: dict[str, Chunk] = {}
    at = skip(lines, 0)
    while at < len(lines):
        key, line = key_of(lines[at]), at + first
        if key is None:
            return Refusal(line, "this line belongs to no key", "indent it under its key, or begin the text with `task: `")
        if key in found:
            return Refusal(line, f"{key[:40]!r} is there twice, in lines {found[key].line} and {line}", "remove one of them")
        if len(found) == MAX_KEYS:
            return Refusal(line, f"more than {MAX_KEYS} keys", "put data under `input:`")
        end = _end(lines, at, key)
        found[key] = Chunk(key, line, lines[at][len(key) + 1 :].strip(" \t"), lines[at:end])
        at = skip(lines, end)
    return list(found.values())


def _end(lines: list[str], at: int, key: str) -> int:
    if key == "task":
        return _end_of_text(lines, at)
    more = _goes_on if key != "title" else _no_key
    at += 1
    while at < len(lines) and more(lines[at]):
        at += 1
    return at


def _goes_on(line: str) -> bool:
    """Whether a line belongs to the value above it: indented, blank, a list item, the end of a bracket."""
    return not line or line[0] in " \t#]}" or line[:2] == "- " or line == "-"


def _no_key(line: str) -> bool:
    return line[:1] != "#" and key_of(line) is None


def _end_of_text(lines: list[str], at: int) -> int:
    value = lines[at].partition(":")[2].strip(" \t")
    after = at + 1
    if is_block(value):
        while after < len(lines) and lines[after][:1] in ("", " ", "\t"):
            after += 1
        indented = any(line.strip(" \t") for line in lines[at + 1 : after])
        if after == len(lines) or key_of(lines[after]) or (indented and lines[after][0] == "#"):
            return after
    elif quoted(value) is not None:
        after = skip(lines, after)
        if after == len(lines) or key_of(lines[after]):
            return after
    return next((i for i in range(at + 1, len(lines)) if key_of(lines[i]) in FIELDS), len(lines))


def is_block(value: str) -> bool:
    """Whether this is the head of a YAML block: `|`, `>`, `|-`, `|2+` and so on."""
    head = value.split(" #")[0].rstrip(" \t")
    return head[:1] in ("|", ">") and len(head) <= 3 and all(c in "+-123456789" for c in head[1:])
