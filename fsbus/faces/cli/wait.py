"""`fsbus wait`."""
from __future__ import annotations

import time

from fsbus.bus import Bus
from fsbus.core.errors import BadUsage, WaitedTooLong
from fsbus.faces.cli import out
from fsbus.faces.cli.typed import seconds
from fsbus.talk import FOREVER

HELP = {
    "keys": "the tasks, each by any unique part of its key",
    "timeout": "give up after this time, such as 10m; exit code 4",
    "json": "key and state as JSON; of those that have ended, if the time is over",
}


def wait_(keys: list[str], *, timeout: str = "", json: bool = False) -> int:
    """Sleep until all these tasks have ended; exit code 1 if one failed.

    fsbus wait m2x9rt
    fsbus wait m2x9rt k7f3qd --timeout 10m && echo all done
    """
    if not keys:
        raise BadUsage("no task is named", then="fsbus wait KEY...")
    return until_ended(Bus(), keys, timeout, json)


def until_ended(bus: Bus, keys: list[str], timeout: str, json: bool = False) -> int:
    """Wait, say on stderr how each ended, and answer with the exit code."""
    began = time.monotonic()
    try:
        ended = bus.wait(keys, seconds(timeout) if timeout else FOREVER)
    except WaitedTooLong as error:
        _say(error.ended, began, json)
        raise
    except KeyboardInterrupt:
        out.talk(f"only the waiting has ended, the work goes on; fsbus wait {' '.join(keys)}")
        raise
    _say(ended, began, json)
    return 1 if "failed" in ended.values() else 0


def _say(ended: dict[str, str], began: float, json: bool) -> None:
    for key, state in ended.items():
        out.talk(f"{key} {state} after {time.monotonic() - began:.1f} s; fsbus result {key}")
    if json:
        out.as_json(ended)
