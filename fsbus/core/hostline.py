"""One host's entry in the text of `bus.yaml`: added or changed without touching anything else in that file. Pure.

A person wrote it, with comments. So the text is changed by one line, read again, and taken only if it then says what it
said before and the new entry; where that cannot be had by one line, the answer is a `Refusal` with the line to type.
"""
from __future__ import annotations

import json
import re

from fsbus.core import flat, gate
from fsbus.core.names import is_agent
from fsbus.core.refusal import Refusal
from fsbus.core.settings import HOST_KEYS

_BARE = re.compile(r"(?:[A-Za-z0-9/]|~/)[\w@./+:-]*[\w/]|[A-Za-z0-9/]")  # what no YAML reader takes for anything but text


def host_name(destination: str, hosts: dict[str, dict[str, str]]) -> str:
    """What a host is called that ssh reaches by this: as bus.yaml has it, else by the first part of its address."""
    known = next((name for name, entry in hosts.items() if entry.get("ssh") == destination), "")
    bare = destination.removeprefix("ssh://").rpartition("@")[2].partition("/")[0]
    short = re.sub(r"[^a-z0-9-]+", "-", bare.partition(":")[0].partition(".")[0].lower()).strip("-")
    return known or (short if is_agent(short) and not short.isdigit() else "")


def entry_line(name: str, entry: dict[str, str]) -> str:
    """The entry as one line, without its indent."""
    order = [*(key for key in HOST_KEYS if entry.get(key)), *(key for key in entry if key not in HOST_KEYS)]
    return f"{name}: {{{', '.join(f'{key}: {_scalar(entry[key])}' for key in order)}}}"


def with_host(text: str, name: str, entry: dict[str, str]) -> str | Refusal:
    """The text of bus.yaml with this entry."""
    lines = text.splitlines(keepends=True)
    start = next((n for n, line in enumerate(lines) if re.match(r"hosts:\s*(#.*)?$", line)), None)
    made = None if start is None else _placed(lines, start, name, entry)
    if made is None or not _says_so(text, made, name, entry):
        what = f"the entry of {name} cannot be put in without touching the rest"
        return Refusal(None, what, f"put in by hand, under hosts: {entry_line(name, entry)}")
    return made


def _placed(lines: list[str], start: int, name: str, entry: dict[str, str]) -> str | None:
    """The one line put in its place: over the old one, or behind the last entry."""
    end = next((n for n in range(start + 1, len(lines)) if re.match(r"[^\s#]", lines[n])), len(lines))
    inner = [n for n in range(start + 1, end) if re.match(r"\s+[^\s#]", lines[n])]
    if not inner:
        return None
    pad = lines[inner[0]][: len(lines[inner[0]]) - len(lines[inner[0]].lstrip())]
    new, old = pad + entry_line(name, entry), rf"{pad}[\"']?{re.escape(name)}[\"']?:\s"
    for n in inner:
        if re.match(old, lines[n]):
            comment = re.search(r"\s+#.*$", lines[n].rstrip("\n"))
            return "".join([*lines[:n], new, comment[0] if comment else "", "\n", *lines[n + 1 :]])
    last = inner[-1]
    head = lines[last] if lines[last].endswith("\n") else lines[last] + "\n"
    return "".join([*lines[:last], head, new, "\n", *lines[last + 1 :]])


def _says_so(before: str, after: str, name: str, entry: dict[str, str]) -> bool:
    old, new = gate.strings(before), gate.strings(after)
    if not (isinstance(old, dict) and isinstance(new, dict) and isinstance(old.get("hosts"), dict)):
        return False
    return new == old | {"hosts": old["hosts"] | {name: {key: value for key, value in entry.items() if value}}}


def _scalar(value: str) -> str:
    bare = _BARE.fullmatch(value) and value.lower() not in flat.WORDS and not re.fullmatch(r"[\d.:+-]*", value)
    return value if bare else json.dumps(value, ensure_ascii=True)
