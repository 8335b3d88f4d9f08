"""What a node does in an order that is seldom seen: a slot's thread that comes late, a journal that is written late."""
from __future__ import annotations

import json
import subprocess
import sys

import yaml

from tests.kit import FSBUS, TestBus, clean_env, until

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


# The names have moved, and what the node writes down about that comes with the end of its pass.
LATE_PEN = """
import sys, time
from fsbus.faces.cli.edge import run
from fsbus.spool.journal import Journal

flush = Journal.flush

def late(self):
    if any("> collected" in record[3] or "> late" in record[3] for record in self._records):
        time.sleep(0.4)
    flush(self)

Journal.flush = late
sys.exit(run(["up"]))
"""


def test_what_is_seen_to_have_ended_is_told(bus: TestBus) -> None:
    bus.command = [sys.executable, "-c", LATE_PEN]
    bus.start()
    bus.command = FSBUS
    key = bus.fsbus("submit", "--to", "echo", "hello").strip()
    until(lambda: [name for name in bus.ls("dispatch", "outbox") if ".done." in name], "its end")
    assert "done > collected" in bus.fsbus("trace", key)
    bus.fsbus("retry", key)
    until(lambda: [name for name in bus.ls("dispatch", "outbox/late") if ".done." in name], "the end of its first result")
    told = bus.fsbus("trace", key)
    assert "done > late a1" in told
    until(lambda: [name for name in bus.ls("dispatch", "outbox") if ".a2.done." in name], "its end")
    assert "done > collected a2" in bus.fsbus("trace", key)

# Dispatch judges everybody in each pass, also in the one in which a worker takes over from another.
EAGER = """
import sys
from fsbus.duties import dispatch
from fsbus.duties.supervise import Supervision
from fsbus.faces.cli.edge import run

dispatch.OFTEN, dispatch.JUDGED = 0.0, 1e9
Supervision._is_fair = lambda self, facts: True
sys.exit(run(["up"]))
"""


def test_who_is_changed_while_the_node_runs_was_not_down(bus: TestBus) -> None:
    bus.agent("one", "true")
    bus.agent("two", "true", home="away")
    bus.command = [sys.executable, "-c", EAGER]
    bus.start()
    bus.command = FSBUS

    def judged(agent: str) -> list[str]:
        return [span["why"] for span in json.loads(bus.fsbus("today", "--json"))["down"] if span["agent"] == agent]

    until(lambda: judged("two"), "dispatch to judge")
    for run in ("false", "", "true"):
        bus.agent("one", run)
        before = yaml.safe_load((bus.root / "agents/one/alive.yaml").read_text())["started"]
        until(lambda: yaml.safe_load((bus.root / "agents/one/alive.yaml").read_text())["started"] != before)  # noqa: B023
    bus.fsbus("wait", bus.fsbus("submit", "--to", "one", "go").strip())
    assert judged("one") == ["never started"], "before its first beat, which dispatch did not wait for"
