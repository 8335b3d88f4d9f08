"""fsbus: `Bus.send` to `Bus.messages(follow=True)`, alone, and beside a running node with tasks waiting or coming in.

Alone no other process of fsbus runs. The loaded settings, and the quiet one that they are compared with, run `fsbus up` on the
same bus; the tasks are for the very agent that the messages are for, which is paused, so that they stay.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import fsbus_side
from procs import PYTHON, PeerError, running
from urgent import Entrant

NEEDS = ("fsbus",)
ENTRANTS = [
    Entrant("fsbus", "P", "kill", NEEDS, role="fsbus"),
    Entrant("fsbus", "D", "power", NEEDS, role="fsbus"),
    Entrant("fsbus, fsbus up", "P", "kill+0", NEEDS, role="quiet"),
    Entrant("fsbus, fsbus up, 50 tasks wait", "P", "kill+50", NEEDS, role="loaded"),
    Entrant("fsbus, fsbus up, 10,000 tasks wait", "P", "kill+10000", NEEDS, role="loaded"),
    Entrant("fsbus, fsbus up, 50 files a second come in", "P", "kill+drops", NEEDS, role="loaded"),
]
PATIENCE = 120.0  # seconds for a node to ack what waits


@contextlib.contextmanager
def serve(place: Path, setting: str) -> Iterator[dict[str, str]]:
    """A new bus, and what the setting wants beside it."""
    durability, _, load = setting.partition("+")
    root = fsbus_side.make_bus(place / "bus", run="cat")
    with contextlib.ExitStack() as stack:
        if load:
            fsbus_side.waiting(root, int(load) if load.isdigit() else 0)
            stack.enter_context(fsbus_side.node(root, place / "up.log", durability))
            settle(root)
        if load == "drops":
            stack.enter_context(running([PYTHON, fsbus_side.__file__, "drop", str(root)], place / "drop.log"))
            time.sleep(1)
        yield {"FSBUS_DURABILITY": durability}


def settle(root: Path) -> None:
    """Wait until the node has acked what was there."""
    end = time.monotonic() + PATIENCE
    while left := fsbus_side.queued(root):
        if time.monotonic() > end:
            raise PeerError(f"{left} tasks are still queued")
        time.sleep(0.2)
    time.sleep(1)


def send(place: Path, _setting: str, texts: Iterator[str]) -> None:
    """See urgent/__init__.py."""
    bus = fsbus_side.Client(place / "bus").bus
    for text in texts:
        bus.send(fsbus_side.AGENT, "note", text)


def receive(place: Path, _setting: str, ready: Callable, seen: Callable) -> None:
    """See urgent/__init__.py."""
    bus = fsbus_side.Client(place / "bus").bus
    ready()
    for message in bus.messages(fsbus_side.AGENT, follow=True):
        if not seen(message.text):
            return
