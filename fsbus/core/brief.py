"""What the next attempt is told of the earlier ones: as text before the agent, and as data beside the task."""
from __future__ import annotations

from typing import Any

from fsbus.core.decide import Past
from fsbus.core.result import read_failure

HEAD = "\n\n---\nThis task was tried before. What happened, so that you need not repeat it:\n"
NOTE = "\n\n---\nA person adds to this task:\n"


def prompt(text: str, history: tuple[Past, ...], note: str) -> str:
    """The task's text, then what is known."""
    told = "".join(_told(past) for past in history)
    return text + (HEAD + told if told else "") + (f"{NOTE}{note}\n" if note else "")


def data(history: tuple[Past, ...], note: str) -> dict[str, Any]:
    """The same as data, for a file."""
    attempts = [{"attempt": p.attempt, "agent": p.agent, "error": p.failure.data()} for p in history]
    found: dict[str, Any] = {"attempts": attempts}
    return found | ({"note": note} if note else {})


def read(found: object) -> tuple[tuple[Past, ...], str]:
    """What `data` wrote; total: what cannot be read is not there."""
    if not isinstance(found, dict):
        return (), ""
    rows = found.get("attempts")
    pasts = [_past(row) for row in rows] if isinstance(rows, list) else []
    return tuple(p for p in pasts if p is not None), str(found.get("note") or "")


def _past(row: object) -> Past | None:
    if not isinstance(row, dict):
        return None
    failure = read_failure(row.get("error"))
    attempt = row.get("attempt")
    return Past(attempt, str(row.get("agent") or ""), failure) if failure and isinstance(attempt, int) else None


def _told(past: Past) -> str:
    lines = [f"\nAttempt {past.attempt}, by {past.agent}, {past.failure.kind}: {past.failure.what}\n"]
    lines += [f"  {line}\n" for line in past.failure.tried]
    tail = past.failure.stderr_tail.strip()
    return "".join(lines) + (f"  Its last words:\n    {tail[-800:]}\n".replace("\n", "\n    ") + "\n" if tail else "")
