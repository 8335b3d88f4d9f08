"""What runs in the processes that race: `python -m tests.crash.racer VERB ROOT WORDS...`.

Each says `ready` and then waits for a line on stdin, so that all of them start from the same instant.
"""
from __future__ import annotations

import json
import mmap
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

from fsbus import Bus
from fsbus.core.errors import WaitedTooLong
from fsbus.core.names import KEY_LENGTH, TaskName
from fsbus.spool import keys

STEP = 0.004  # seconds at most between two renames within the large inbox: about two scans of its 2,000 names
FLOW = [
    ("dispatch/inbox", "queued"), ("does/inbox", "queued"), ("does/inbox", "acked"), ("does/inbox", "running"),
    ("does/outbox", "done"), ("dispatch/outbox", "done"),
]  # fmt: skip
COUNTER = slice(KEY_LENGTH, KEY_LENGTH + 8)  # of the shared page: what the reader has done so far
PAGE = 4096


def pull(root: str, agent: str) -> list[str]:
    """Take tasks until there are none."""
    bus, taken = Bus(root), []
    while True:
        try:
            taken.append(bus.next(agent)["key"])
        except WaitedTooLong:
            return taken


def submit(root: str, agent: str, *wanted: str) -> list[str]:
    """Submit a task under each of these keys."""
    bus = Bus(root)
    return [bus.submit(f"the task of {key}", to=agent if agent != "-" else "", type="thing", key=key) for key in wanted]


def move(root: str, page: str, cycles: str) -> list[str]:
    """Walk one task after the other through its whole life, by renames alone, while somebody reads.

    The key is announced before its first rename; a new one is begun only when the reader saw the end of the last.
    """
    chance, made = random.Random(1), []
    with open(page, "r+b") as file, mmap.mmap(file.fileno(), PAGE) as shared:
        for _ in range(int(cycles)):
            made.append(keys.make())
            _walk(root, TaskName(5, made[-1], "moved", 1, "queued", "md"), shared, chance)
            seen = int.from_bytes(shared[COUNTER], "little")
            while int.from_bytes(shared[COUNTER], "little") < seen + 2:
                time.sleep(0)
    return made


def _walk(root: str, name: TaskName, shared: mmap.mmap, chance: random.Random) -> None:
    at = f"{root}/agents/{FLOW[0][0]}/{name}"
    Path(at).write_text("moved\n")
    shared[:KEY_LENGTH] = name.key.encode()
    for place, state in FLOW[1:]:
        end = time.perf_counter() + chance.random() * STEP * (place == "does/inbox" or 0.2)
        while time.perf_counter() < end:
            pass
        target = f"{root}/agents/{place}/{name.to(state)}"
        os.rename(at, target)
        at = target


def main() -> None:
    """Be ready, wait for the shot, race, say what came of it."""
    verb, root, *words = sys.argv[1:]
    print("ready", flush=True)
    sys.stdin.readline()
    verbs: dict[str, Callable[..., list[str]]] = {"pull": pull, "submit": submit, "move": move}
    print(json.dumps(verbs[verb](root, *words)))


if __name__ == "__main__":
    main()
