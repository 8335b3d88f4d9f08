"""`tick` does not leave while a slot has a task in hand, however slowly that slot's thread gets to it."""
from __future__ import annotations

import subprocess
import sys

from tests.kit import TestBus, clean_env

# The slot has taken the task out of the row and is not scheduled again until the loop has looked several times more.
SLOW_SLOT = """
import sys, threading
from fsbus.duties import node, worker
from fsbus.faces.cli.edge import run

looks = threading.Semaphore(0)
step, attempt = node.Node._step, worker.Attempt

def counted(self):
    looks.release()
    return step(self)

def late(shop, name):
    with shop.baton.aside:
        for _ in range(4):
            looks.acquire()
    return attempt(shop, name)

node.Node._step, worker.Attempt, worker.LOOK = counted, late, 0.05
sys.exit(run(["tick"]))
"""


def test_tick_waits_for_a_slot_that_was_not_scheduled_yet(bus: TestBus) -> None:
    for _ in range(2):  # the loop has to meet the gap twice in a row
        bus.fsbus("submit", "--to", "echo", "hello")
        env = clean_env(FSBUS_ROOT=str(bus.root))
        subprocess.run([sys.executable, "-c", SLOW_SLOT], check=True, env=env, timeout=60)
        assert bus.ls("echo", "inbox") == []
