"""`fsbus log`."""
from __future__ import annotations

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
    seen: dict[str, int] = {}
    if json:
        out.as_json(_whole(bus, key))
        return 0
    if not follow:
        _print_new(bus, key, seen)
    over = not follow or _to_its_end(bus, key, seen)
    if not seen:
        out.talk("it has printed nothing yet")
    if over:
        return 0  # without a bell, which a read-only disk has no place for
    from fsbus.spool.bell import Bell

    with Bell(bus.tree.root) as bell:
        while not _to_its_end(bus, key, seen):
            bell.wait(0.2)
    return 0


def _to_its_end(bus: Bus, key: str, seen: dict[str, int]) -> bool:
    """Print what came since; whether that was all there will be."""
    ended = bus.task(key)["state"] in ("done", "failed")
    _print_new(bus, key, seen)
    return ended


def _whole(bus: Bus, key: str) -> dict[str, str]:
    """Both streams as text, empty before the first try."""
    said = {"key": bus.task(key)["key"], "stdout": "", "stderr": ""}
    for name, path in zip(("stdout", "stderr"), bus.output(key), strict=False):
        with open(path, "rb") as file:
            said[name] = file.read().decode("utf-8", "replace")
    return said


def _print_new(bus: Bus, key: str, seen: dict[str, int]) -> None:
    """Print what came since; bytes are decoded in whole so far as they are text."""
    for path in bus.output(key):
        with open(path, "rb") as file:
            file.seek(seen.get(path, 0))
            while chunk := file.read(CHUNK):
                seen[path] = file.tell()
                out.put(safe(chunk.decode("utf-8", "replace")))
    out.flush()
