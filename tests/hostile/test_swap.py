"""A race: somebody swaps an honest file for a link to a secret, or a pipe, while adoption looks at it."""
from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.hostile.planter import Outside
from tests.hostile.test_inbox import spilled
from tests.kit import TestBus, until

# Swaps each name as fast as it can: those that adoption has in hand and tasks at once, its own one when it has lain
# still for about as long as adoption waits.
SWAPPER = """
import os, sys, time
inbox, secret, kind, spare = sys.argv[1:]
number, due = 0, 0.0
def swap(name, honest):
    global number
    number += 1
    made = f"{spare}/{number}"
    if honest:
        with open(made, "w") as file:
            file.write(f"an honest text {number}\\\\n")
    elif kind == "link":
        os.symlink(secret, made)
    else:
        os.mkfifo(made)
    os.rename(made, f"{inbox}/{name}")
while True:
    for name in os.listdir(inbox):
        if name.startswith(".adopt-") or ".a1." in name:
            swap(name, False)
    if time.monotonic() > due:
        swap("x.md", number % 2)
        due = time.monotonic() + 0.45 + 0.02 * (number % 10)
"""
ROUNDS = 60  # drops that have to be dealt with while the swapper is at it


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_swapped_name_never_lets_a_secret_in_and_never_blocks(bus: TestBus, tmp_path: Path, kind: str) -> None:
    outside = Outside(tmp_path / "outside")
    outside.make()
    inbox, spare = bus.root / "agents/echo/inbox", tmp_path / "spare"
    spare.mkdir()
    node = bus.up()
    swapper = subprocess.Popen([sys.executable, "-c", SWAPPER, str(inbox), str(outside.secret), kind, str(spare)])
    try:
        for number in range(ROUNDS):
            bus.drop("echo", f"drop{number}.md", f"text {number}\n")
            time.sleep(0.02)  # spread over adoption's half second, so that it is met at every step
        until(lambda: not list(inbox.glob("drop*")), "the drops to be taken in hand")
    finally:
        swapper.kill()
    assert swapper.wait() == -signal.SIGKILL, "the swapper gave up before the end"
    assert node.poll() is None
    bus.drop("echo", "last.md", "the last one\n")
    until(lambda: any("-the-last-one.a1.done." in name for name in bus.ls("dispatch", "outbox")), "the node to go on")
    assert bus.stop(node) == 0  # what moves cannot be looked through
    assert spilled(bus.root, outside) == []
    assert outside.secret.read_text() == outside.linked.read_text() == f"{outside.words}\n"
