"""fsbus: submit, ack, run, done, collected by dispatch, and each result file read by the producer, as the peers' producers do.

One producer process; one worker process that also runs dispatch. Level P: FSBUS_DURABILITY=kill. Level D: power, the default.
Everything that knows fsbus is in fsbus_side.py.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import fsbus_side
from life import Entrant

ENTRANTS = [
    Entrant("fsbus", "P", "kill", ("fsbus",), role="fsbus"),
    Entrant("fsbus", "D", "power", ("fsbus",), role="fsbus"),
]


def connect(place: Path, _setting: str) -> fsbus_side.Client:
    """See life/__init__.py."""
    return fsbus_side.Client(place / "bus")


@contextlib.contextmanager
def serve(place: Path, setting: str) -> Iterator[dict[str, str]]:
    """A new bus and its one worker."""
    root = fsbus_side.make_bus(place / "bus")
    with fsbus_side.function_worker(root, place / "worker.log", setting):
        yield {"FSBUS_DURABILITY": setting}
