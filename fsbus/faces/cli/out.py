"""What commands print with: answers on stdout, talk on stderr, nothing that acts on a terminal."""
from __future__ import annotations

import sys

from fsbus.core.screen import safe, safe_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def say(text: str) -> None:
    """One line of the answer."""
    sys.stdout.write(safe_line(text) + "\n")


def show(text: str) -> None:
    """A text as the answer, escaped where it would act on a terminal, ended by a newline."""
    sys.stdout.write(safe(text) + ("" if text.endswith("\n") else "\n"))


def talk(text: str) -> None:
    """A line beside the answer."""
    sys.stdout.flush()  # so that `2>&1` shows them in order
    sys.stderr.write(safe_line(text) + "\n")


def as_json(data: Any) -> None:
    """Data as the answer."""
    import json

    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=True, default=str) + "\n")
