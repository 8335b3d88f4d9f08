"""A drop that has to be sent on: the same task, and in its own text the agent with whom it was dropped."""
from __future__ import annotations

from dataclasses import replace

from fsbus.core import shape
from fsbus.core.refusal import Refusal
from fsbus.core.task import read


def addressed(data: bytes, ext: str, to: str) -> bytes | Refusal:
    """The same task with `to`, by one more line or a head of three. Read again: what would say anything else is refused."""
    meant, text = read(data, ext), shape.clean(data)
    if isinstance(meant, Refusal):
        return meant
    if isinstance(text, Refusal) or meant.to == to:
        return data
    lines = text.split("\n")
    first = next(i for i, line in enumerate(lines) if line.strip())
    fenced, bare = lines[first].rstrip() == "---", f"---\nto: {to}\n---\n{text}"
    headed = "\n".join([*lines[: first + fenced], f"to: {to}", *lines[first + fenced :]])
    for said in (headed, bare):
        found = read(said.encode(), ext)
        if not isinstance(found, Refusal) and replace(found, notes=()) == replace(meant, to=to, notes=()):
            return said.encode()
    what = f"work for {to} has to go by way of dispatch, and no line `to: {to}` can be added to this file"
    return Refusal(None, what, f"fsbus submit --to {to} --file FILE")
