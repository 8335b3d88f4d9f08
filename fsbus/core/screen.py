"""What may be printed on a terminal: text from files, names and agents with nothing in it that acts on the screen.

Control characters (escape sequences, carriage returns, bells) could hide or forge what a person reads at 3am, and
bidirectional overrides could reorder it; both are shown as escapes (facts/faults.md, P23).
"""
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# Bidirectional embeddings, overrides and isolates, and the marks that steer them; line and paragraph separators.
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\ufeff")


def safe(text: str, keep: str = "\n\t") -> str:
    """The text with everything that would act on a terminal escaped; characters in `keep` pass."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if _harmless(c, keep) else _escaped(c) for c in text)


def safe_line(text: str) -> str:
    """As `safe`, for one line: newlines and tabs are escaped too."""
    return safe(text, keep="")


def _harmless(c: str, keep: str) -> bool:
    code = ord(c)
    return c in keep or not (code < 32 or 127 <= code < 160 or 0xD800 <= code < 0xE000 or c in _BIDI)


def _escaped(c: str) -> str:
    code = ord(c)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows as aligned columns, two blanks between, no trailing blanks."""
    if not rows:
        return ""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows) + "\n"
