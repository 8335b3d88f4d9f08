"""Finding the peers of a bench: a package with one module each, every one with a list ENTRANTS."""

import importlib
from pathlib import Path
from typing import Any

NO_PEERS = ("__init__", "ends")  # `ends`: the two processes of the urgent bench


def entrants(package: str) -> list[tuple[str, Any]]:
    """(module name, entrant) of every module in this package, in the order of their names."""
    names = sorted(p.stem for p in (Path(__file__).parent / package).glob("*.py") if p.stem not in NO_PEERS)
    return [(name, e) for name in names for e in importlib.import_module(f"{package}.{name}").ENTRANTS]
