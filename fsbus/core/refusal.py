"""Why something a person wrote is not taken: a value, so that readers stay total and every caller says it alike."""
from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is wrong, where, and what to do about it."""

    line: int | None  # in the file, from 1; None = the file as a whole, or a value that is no file
    what: str  # one clause, no full stop
    fix: str  # what to do; may be empty

    def at(self, line: int) -> Refusal:
        """The same, in this line unless it knows better."""
        return self if self.line is not None else replace(self, line=line)

    def said(self) -> str:
        """The line and what is wrong with it, for who says the fix elsewhere."""
        return (f"line {self.line}: " if self.line is not None else "") + self.what

    def sentence(self) -> str:
        """One line for people."""
        return self.said() + (f"; {self.fix}" if self.fix else "")
