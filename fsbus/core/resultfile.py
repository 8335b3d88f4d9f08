"""What a program left in FSBUS_RESULT_FILE: data if it is YAML or JSON, else its words. Pure and total.

A failure must never pass for a result because its words were no YAML (`what: it failed: no space`).
"""
from __future__ import annotations

import json
import re

from fsbus.core import gate
from fsbus.core.refusal import Refusal

TEXTS = frozenset(("result", "summary", "what"))  # what people will read
_TEXT = re.compile(r"^( *)(result|summary|what): +([^\s\"'|>\[{].*?) *$", re.MULTILINE)  # bare, and on its line
_BLOCK = re.compile(r"[|>][-+0-9]* *$", re.MULTILINE)  # lines of a text follow, which nobody may take for keys
_SAYS = re.compile(r"(result|summary|cost|session|error):(\s|$)")
_ERROR = re.compile(r"^error:(?=\s|$)", re.MULTILINE)


def read(text: str) -> object:
    """The data, or the text as it stands; None if there is nothing in it."""
    if not text.strip():
        return None
    found = gate.values(text, texts=TEXTS)
    if isinstance(found, Refusal) and not _BLOCK.search(text):
        found = gate.values(_TEXT.sub(_quoted, text), texts=TEXTS)
    if isinstance(found, Refusal):
        return _unread(text)
    return text if _bare(text, found) else found


def _quoted(line: re.Match[str]) -> str:
    return f"{line[1]}{line[2]}: {json.dumps(line[3], ensure_ascii=False)}"


def _unread(text: str) -> object:
    """What is no YAML is words, but a failure if it says so where a mapping would."""
    error = _ERROR.search(text) if _SAYS.match(text.lstrip()) else None
    return {"result": text, "error": " ".join(text[error.end() :].split())} if error else text


def _bare(text: str, found: object) -> bool:
    """Whether it is words without quotes, of which YAML made others: no comment, and no line break, is lost from a text."""
    return isinstance(found, str) and text.lstrip()[0] not in "\"'|>" and found != text.strip()
