"""For agents that pull their work (no `run` in their agent.yaml), and for people: take, report, end."""
from __future__ import annotations

from fsbus.bus import Bus
from fsbus.core.errors import BadUsage
from fsbus.faces.cli import out
from fsbus.faces.cli.typed import joined, patience

HELP = {
    "agent": "whose task",
    "key": "the task, by any unique part of its key",
    "wait": "sleep until there is one; alone for ever, else at most this long: exit code 4",
    "json": "as JSON",
    "text": "what to report; - reads it from stdin",
    "summary": "one line",
    "kind": "the kind of failure, such as exit, denied, bad-input",
    "retryable": "another attempt may help; without it the kind says so",
    "final": "no other attempt will help",
}


def next_(agent: str, *, wait: str | bool = "", json: bool = False) -> int:
    """Take the next task: it is running now, and yours to end with `fsbus task done` or `fail`.

    fsbus task next human
    fsbus task next code --wait 10m --json
    """
    found = Bus().next(agent, patience(wait))
    key = found["key"]
    with out.Done(f"{key} is yours now", f"fsbus show {key}, and fsbus task done {key}"):
        if json:
            out.as_json(found)
        else:
            out.say(key)
            out.show(found["text"])
    return 0


def progress_(key: str, text: list[str]) -> int:
    """A sign of life; exit code 5 if the task was cancelled or given away.

    fsbus task progress m2x9rt "half of the tests pass"
    """
    Bus().progress(key, joined(text))
    return 0


def done_(key: str, text: list[str], *, summary: str = "") -> int:
    """It is done; the text is the result.

    fsbus task done m2x9rt "released 1.4"
    fsbus task done m2x9rt - < report.md
    """
    Bus().done(key, joined(text), summary)
    return 0


def fail_(key: str, text: list[str], *, kind: str = "exit", retryable: bool = False, final: bool = False) -> int:
    """It failed; the text says why.

    fsbus task fail m2x9rt "no access to the registry" --kind denied
    """
    if retryable and final:
        raise BadUsage("another attempt helps or it does not", then="leave out --retryable or --final")
    said = True if retryable else False if final else None
    Bus().fail(key, joined(text) or "no reason given", kind=kind, retryable=said)
    return 0
