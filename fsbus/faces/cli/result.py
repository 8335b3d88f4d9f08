"""`fsbus result`."""
from __future__ import annotations

from fsbus.bus import Bus
from fsbus.faces.cli import out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HELP = {"key": "the task, by any unique part of its key", "json": "the whole result file as JSON"}


def result_(key: str, *, json: bool = False) -> int:
    """A task's result; its failure and exit code 1 if it failed; exit code 5 while it has none.

    fsbus result m2x9rt
    fsbus result m2x9rt --json
    """
    found = Bus().result(key)
    failed = found.get("state") == "failed"
    if json:
        out.as_json(found)
    elif failed:
        _failure(found)
    else:
        _result(found.get("result"))
    left = found.get("left_out") or []
    if left and not json:
        out.talk(f"left out of its files: {left[0]}{', ...' if left[1:] else ''}; fsbus result {found['key']} --json")
    return 1 if failed else 0


def _result(result: Any) -> None:
    if isinstance(result, str):
        out.show(result)
    elif isinstance(result, dict):
        from fsbus.core import flat

        out.show(flat.dump(result))
    elif result is not None:
        out.as_json(result)


def _failure(found: dict[str, Any]) -> None:
    error = found.get("error") or {}
    again = "another attempt may help" if error.get("retryable") is True else "trying again as it is will not help"
    out.say(f"failed, {error.get('kind')}: {error.get('what')} ({again})")
    for line in error.get("tried") or []:
        out.say(f"  tried: {line}")
    if error.get("stderr_tail"):
        out.show(str(error["stderr_tail"]))
