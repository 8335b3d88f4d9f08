"""`fsbus log`."""
from __future__ import annotations

import codecs

from fsbus.bus import Bus
from fsbus.core.screen import safe
from fsbus.faces.cli import out

HELP = {
    "key": "the task, by any unique part of its key",
    "follow": "go on until it has ended",
    "json": "as JSON: key, stdout, stderr",
}
SHORT = {"follow": "-f"}
CHUNK = 1 << 16


def log_(key: str, *, follow: bool = False, json: bool = False) -> int:
    """What a task's command printed: its stdout, then its stderr, of the latest try.

    fsbus log m2x9rt
    fsbus log m2x9rt -f
    """
    bus = Bus()
    if json:
        out.as_json(_whole(bus, key))
        return 0
    seen: dict[str, _Printed] = {}
    ended = not follow or _has_ended(bus, key)
    _print_new(bus, key, seen, ended)
    if not seen:
        out.talk("it has printed nothing yet")
    if ended:
        return 0  # without a bell, which a read-only disk has no place for
    from fsbus.spool.bell import Bell

    with Bell(bus.tree.root) as bell:
        while not ended:
            bell.wait(0.2)
            ended = _has_ended(bus, key)
            _print_new(bus, key, seen, ended)
    return 0


def _has_ended(bus: Bus, key: str) -> bool:
    return bool(bus.task(key)["final"])  # after a failure dispatch may make another attempt


def _whole(bus: Bus, key: str) -> dict[str, str]:
    """Both streams as text, empty before the first try."""
    said = {"key": bus.task(key)["key"], "stdout": "", "stderr": ""}
    for name, path in zip(("stdout", "stderr"), bus.output(key), strict=False):
        with open(path, "rb") as file:
            said[name] = file.read().decode("utf-8", "replace")
    return said


class _Printed:
    """How far a file is printed; a letter of which only the first bytes are there waits for the others."""

    def __init__(self) -> None:
        self.at = 0  # bytes
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")


def _print_new(bus: Bus, key: str, seen: dict[str, _Printed], last: bool) -> None:
    """Print what came since; `last`: no more will come."""
    for path in dict.fromkeys((*seen, *bus.output(key))):  # an earlier try may have said its last words since
        with open(path, "rb") as file:
            file.seek(seen[path].at if path in seen else 0)
            while chunk := file.read(CHUNK):
                printed = seen.setdefault(path, _Printed())
                printed.at = file.tell()
                out.put(safe(printed.decoder.decode(chunk)))
        if path in seen and last:
            out.put(safe(seen[path].decoder.decode(b"", final=True)))
    out.flush()
