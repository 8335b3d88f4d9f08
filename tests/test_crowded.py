"""A system that has no room for another process or thread: what waits for it waits, and nothing ends for it."""
from __future__ import annotations

import errno
import os
import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from fsbus.core import gate
from fsbus.duties import trial, watch
from fsbus.duties.command import Command
from fsbus.duties.node import Node
from fsbus.spool import keys
from fsbus.spool.tree import Tree
from tests.kit import TestBus, until

CROWDED = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE)


def tick(root: Path) -> None:
    """One pass of everything, in this process."""
    with Node(Tree(str(root)), once=True) as node:
        for name, post in node.posts.all().items():
            node.take_on(name, post)
        node.tick()


def lay(bus: TestBus, agent: str, text: str) -> str:
    """A task in an inbox; its key."""
    key = keys.make()
    (bus.root / "agents" / agent / "inbox" / f"5-{key}-task.a1.queued.yaml").write_text(text)
    return key


def result(bus: TestBus, key: str) -> Any:
    """What came of it."""
    (path,) = (bus.root / "agents/dispatch/outbox").glob(f"5-{key}-*.result.yaml")
    return gate.own(path.read_text())


@pytest.mark.parametrize("settings", [{}, {"checks": "{ok: 'true'}", "verify": "ok"}], ids=["command", "check"])
def test_a_command_waits_for_room(bus: TestBus, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> None:
    refused = list(CROWDED)

    def start(argv: tuple[str, ...], *rest: Any) -> Command:
        if refused and (argv[0] == "true") == bool(settings):
            raise OSError(number := refused.pop(), os.strerror(number))
        return Command(argv, *rest)

    monkeypatch.setattr(watch, "Command", start)
    monkeypatch.setattr(trial, "LOOK", 0.01)
    bus.agent("code", "cat", **settings)
    key = lay(bus, "code", "task: hello\n")
    tick(bus.root)
    assert (result(bus, key)["state"], result(bus, key)["tries"]) == ("done", 1)
    assert not refused


def test_one_that_is_called_off_before_there_is_room(bus: TestBus, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*words: Any) -> Command:
        os.kill(os.getpid(), signal.SIGTERM)  # stops the node
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(watch, "Command", start)
    monkeypatch.setattr(trial, "LOOK", 30.0)
    bus.agent("code", "cat")
    key = lay(bus, "code", "task: hello\n")
    tick(bus.root)
    (path,) = (bus.root / "agents/code/outbox").glob(f"5-{key}-*.result.yaml")
    error = gate.own(path.read_text())["error"]
    assert (error["kind"], error["retryable"]) == ("crashed", True), "and not: is it on the PATH?"


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted where /proc shows them")
def test_an_agent_has_no_threads_before_its_first_task(bus: TestBus) -> None:
    for number in range(20):
        bus.agent(f"idle-{number}", "cat", slots=4)
    up = bus.up()
    bus.fsbus("submit", "--to", "echo", "hello", "--wait")
    assert len(os.listdir(f"/proc/{up.pid}/task")) < 20
    bus.fsbus("submit", "--to", "idle-7", "hello", "--wait")


@pytest.mark.parametrize("thread", ["press", "slot", "planner", "watcher"])
def test_a_node_waits_for_room_for_its_threads(bus: TestBus, monkeypatch: pytest.MonkeyPatch, thread: str) -> None:
    left, real = [1, 2, 3], threading.Thread.start

    def start(self: threading.Thread) -> None:
        if self.name == thread and left:
            left.pop()
            if thread == "watcher":
                left.clear()
            raise RuntimeError("can't start new thread")
        real(self)

    monkeypatch.setattr(threading.Thread, "start", start)
    bus.agent("code", "cat")
    (bus.root.parent / "plan.sh").write_text("echo '- {to: code, task: part}'\n")
    (bus.root / "agents/dispatch/agent.yaml").write_text(f"role: dispatch\nhome: here\nrun: sh {bus.root.parent}/plan.sh\n")
    keys_ = [lay(bus, "code", "task: hello\n"), lay(bus, "dispatch", "task: take it apart\n")]
    said: list[str] = []
    with Node(Tree(str(bus.root)), said.append) as node:
        for name, post in node.posts.all().items():
            node.take_on(name, post)
        done = bus.root / "agents/dispatch/outbox"
        stop = threading.Thread(target=_stop_when, args=(done, keys_), daemon=True)
        real(stop)
        node.up()
    assert not left
    assert [result(bus, key)["state"] for key in keys_] == ["done", "done"]
    assert thread == "watcher" or any("no room for another thread" in line for line in said)


def _stop_when(outbox: Path, wanted: list[str]) -> None:
    """End this process's node when these have their result."""
    with suppress(AssertionError):  # who waits for them says so
        until(lambda: all(list(outbox.glob(f"5-{key}-*.done.yaml")) for key in wanted))
    os.kill(os.getpid(), signal.SIGTERM)
