"""What may stand in a task beside its text: one row per field, one converter per kind of value (DESIGN section 5).

Values come in as text (lists and mappings of text), as they were written; a converter gives the value or a `Refusal`
that says how to write it. `null`, `~` and nothing mean: not given. Nothing here looks at the clock or the disk.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import tzinfo

from fsbus.core import moment
from fsbus.core.names import ID_LENGTH, ID_LETTERS, is_agent, is_key
from fsbus.core.refusal import Refusal
from fsbus.core.surely import NOT_GIVEN

Convert = Callable[[object, "tzinfo | None"], object]  # gives the value, None for "not given", or a Refusal

CONTROLS = frozenset(map(chr, [*range(32), *range(127, 160)]))
TEXT, TREE, SCHEMA, DATA = "text", "tree", "schema", "data"  # verbatim; strings; as DATA unless it is a string; as JSON knows it

_YES = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}
_SHORTEST_ID = 3  # letters of an id that may stand for a key


@dataclass(frozen=True, slots=True)
class Field:
    """One key that a task may have."""

    name: str  # as it is written
    convert: Convert
    shape: str = TREE  # how its value is read


def nearest(word: str, known: Iterable[str]) -> str | None:
    """What was probably meant, if anything comes near."""
    from difflib import get_close_matches  # only for those who mistyped

    return next(iter(get_close_matches(word.lower()[:64], list(known), n=1, cutoff=0.6)), None)


def _text(value: object, _: tzinfo | None) -> object:
    return value if isinstance(value, str) else Refusal(None, "this is not text", "write it after the colon, or as a `|` block")


def _title(value: object, _: tzinfo | None) -> object:
    """One line, whatever was written."""
    if not isinstance(value, str):
        return _text(value, None)
    return " ".join(part.strip() for part in value.split("\n") if part.strip()) or None


def _line(value: object) -> str | Refusal | None:
    """One line of text; None if nothing was given."""
    line = value.strip() if isinstance(value, str) else "\n"
    if not CONTROLS.isdisjoint(line):
        return Refusal(None, "this is not one line of text", "write one value after the colon")
    return None if line in NOT_GIVEN else line


def _of_line(convert: Callable[[str], object]) -> Convert:
    def of_line(value: object, _: tzinfo | None) -> object:
        line = _line(value)
        return convert(line) if isinstance(line, str) else line

    return of_line


def _name(text: str) -> object:
    if is_agent(text):
        return text
    plain = text.lower().lstrip("@").replace("_", "-").replace(" ", "-")
    hint = f"did you mean {plain!r}?" if is_agent(plain) else "use a-z, 0-9 and -, at most 64"
    return Refusal(None, f"{_short(text)} is not a name", hint)


def _priority(text: str) -> object:
    if len(text) == 1 and text in "0123456789":
        return int(text)
    return Refusal(None, f"{_short(text)} is not a priority", "write one digit: 0 is first, 5 is normal, 9 is whenever")


def _urgent(text: str) -> object:
    return _YES.get(text.lower(), Refusal(None, f"{_short(text)} is neither yes nor no", "write `urgent: yes` or `urgent: no`"))


def _tries(text: str) -> object:
    if text.isascii() and text.isdigit() and len(text) <= 2 and int(text) >= 1:
        return int(text)
    return Refusal(None, f"{_short(text)} is not a number of tries", "write a whole number from 1 to 99")


def _timeout(text: str) -> object:
    seconds = moment.duration(text)
    return Refusal(None, "a timeout of 0 would end it at once", "write it like 30s, 5m or 2h") if seconds == 0 else seconds


def _moment(value: object, tz: tzinfo | None) -> object:
    line = _line(value)
    return moment.moment(line, tz) if isinstance(line, str) else line


def _key(text: str) -> object:
    short = _SHORTEST_ID <= len(text) <= ID_LENGTH and set(text) <= set(ID_LETTERS)
    if is_key(text) or short:
        return text
    return Refusal(None, f"{_short(text)} is not a key", "write it like 20261122-021455123-m2x9rt, or its last part: m2x9rt")


def _after(value: object, _: tzinfo | None) -> object:
    if isinstance(value, str):
        value = [] if value.strip() in NOT_GIVEN else value.replace(",", " ").split()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return Refusal(None, "this is not a list of keys", "write `after: KEY`, or a list of them")
    keys = [_key(item) for item in value]
    return next((key for key in keys if isinstance(key, Refusal)), tuple(dict.fromkeys(keys)))


def _expect(value: object, _: tzinfo | None) -> object:
    """A file of the result by its name, or a JSON schema for its data."""
    if isinstance(value, dict):
        return _schema(value) if value else None
    name = _line(value)
    if isinstance(name, str) and (name[0] == "/" or ".." in name.split("/")):
        return Refusal(None, f"{_short(name)} lies outside of the result", "name a file that the agent leaves, like report.md")
    return name


def _schema(value: dict[str, object]) -> object:
    from fsbus.core import schema  # only for those who have one

    wrong = schema.flaw(value)
    return Refusal(None, wrong, "write it like `expect: {type: object, required: [n]}`, or as a check") if wrong else value


def _any(value: object, _: tzinfo | None) -> object:
    return value


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")


FIELDS: dict[str, Field] = {
    field.name: field
    for field in (
        Field("task", _text, TEXT),
        Field("title", _title, TEXT),
        Field("type", _of_line(_name)),
        Field("to", _of_line(_name)),
        Field("priority", _of_line(_priority)),
        Field("urgent", _of_line(_urgent)),
        Field("timeout", _of_line(_timeout)),
        Field("tries", _of_line(_tries)),
        Field("not_before", _moment),
        Field("due", _moment),
        Field("after", _after),
        Field("parent", _of_line(_key)),
        Field("cwd", _of_line(lambda text: text)),
        Field("verify", _of_line(_name)),
        Field("expect", _expect, SCHEMA),
        Field("reply_to", _of_line(_name)),
        Field("input", _any, DATA),
    )
}
