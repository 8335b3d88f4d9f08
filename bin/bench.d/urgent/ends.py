"""The two processes of the urgent bench: `ends.py receive|send MODULE SETTING PLACE N`.

The receiver prints {"p50": us, "p99": us} of the N messages after the warm-up. Both read the one monotonic clock of the system.
"""

import importlib
import json
import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from urgent import SIZE

WARM = 30  # messages that do not count: connections are made, caches filled, the receiver is blocked
GAP = (0.002, 0.006)  # seconds between two messages, at random
PATIENCE = 30.0  # seconds for the receiver to come up


def texts(count: int) -> Iterator[str]:
    """Wait, stamp, hand over."""
    for _ in range(count):
        time.sleep(random.uniform(*GAP))
        yield f"{time.monotonic_ns()} ".ljust(SIZE, ".")


def send(module, place: Path, setting: str, count: int) -> None:
    """Wait for the receiver, let it fall asleep, send."""
    end = time.monotonic() + PATIENCE
    while not (place / "ready").exists():
        if time.monotonic() > end:
            sys.exit("the receiver did not come up")
        time.sleep(0.01)
    time.sleep(0.3)
    module.send(place, setting, texts(count))


def receive(module, place: Path, setting: str, count: int) -> None:
    """Take the times, print their percentiles."""
    spent: list[int] = []

    def seen(text: str) -> bool:
        spent.append(time.monotonic_ns() - int(text.split(None, 1)[0]))
        return len(spent) < count

    module.receive(place, setting, lambda: (place / "ready").touch(), seen)
    us = sorted(ns / 1e3 for ns in spent[WARM:])
    print(json.dumps({"p50": us[len(us) // 2], "p99": us[len(us) * 99 // 100]}))


def main(side: str, name: str, setting: str, place: str, n: str) -> None:
    """One side of one round. A client library's own threads do not hold up its end."""
    module = importlib.import_module(f"urgent.{name}")
    {"send": send, "receive": receive}[side](module, Path(place), setting, int(n) + WARM)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
