"""Many tasks that wait cost dispatch about as much as a few: looks at the whole tree are counted, so that no clock decides."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fsbus.core import flat
from fsbus.duties.node import Node
from fsbus.spool import channel, keys
from fsbus.spool.tree import Tree
from tests.dispatch.rig import Rig

MANY = 40


@contextmanager
def a_node(root: Path) -> Iterator[Node]:
    """This host's node in this process, stepped by hand."""
    with Node(Tree(str(root))) as node:
        for name, post in node.posts.all().items():
            node.take_on(name, post)
        yield node


def listings(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> int:
    """How many folders were listed for a look at where tasks are."""
    seen = []
    real = channel._matching
    monkeypatch.setattr(channel, "_matching", lambda folder, *rest: seen.append(folder) or real(folder, *rest))
    do()
    monkeypatch.setattr(channel, "_matching", real)
    return len(seen)


def lay(rig: Rig, agent: str, where: str, state: str, text: str, many: int = MANY) -> list[Path]:
    """So many tasks in a channel."""
    folder = rig.root / "agents" / agent / where
    paths = [folder / f"5-{keys.make()}-task.a1.{state}.yaml" for _ in range(many)]
    for path in paths:
        path.write_text(text)
    return paths


def step(node: Node) -> None:
    """One pass, with the looks that are made once a second."""
    node._held["dispatch"].duty._looked = float("-inf")  # type: ignore[attr-defined]
    node._step()


def most(node: Node) -> int:
    """Folders listed by a few looks at all places."""
    return 6 * 2 * (2 * len(node.tree.agents()) + 1)


def failed(rig: Rig, retryable: str) -> None:
    """Attempts of `one` that ended so."""
    for path in lay(rig, "one", "outbox", "failed", "task: x\nto: one\n"):
        said = {"key": path.name[2:27], "agent": "one", "state": "failed", "error": {"what": "no", "kind": "exit"}}
        said["error"]["retryable"] = retryable  # type: ignore[index]
        Path(str(path).replace(".failed.yaml", ".result.yaml")).write_text(flat.dump(said))


def test_failed_tasks_that_wait_for_their_next_attempt(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.bus.agent("one", "cat")
    rig.timers(backoff="1h")
    failed(rig, "true")
    with a_node(rig.root) as node:
        assert listings(monkeypatch, lambda: step(node)) <= most(node)
        assert listings(monkeypatch, lambda: step(node)) == 0
    assert len(os.listdir(rig.root / ".node/ledger")) == MANY


def test_failed_tasks_that_end_together(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.bus.agent("one", "cat")
    failed(rig, "false")
    with a_node(rig.root) as node:
        assert listings(monkeypatch, lambda: step(node)) <= most(node)
    assert len(rig.alerts()) == MANY


def test_tasks_that_wait_for_others(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.bus.agent("one", "cat")
    lay(rig, "dispatch", "inbox", "queued", f"task: x\nto: one\nafter: {keys.make()}\n")
    with a_node(rig.root) as node:
        assert listings(monkeypatch, lambda: step(node)) <= most(node)
    assert len(rig.bus.ls("dispatch", "inbox")) == MANY


def test_tasks_that_are_overdue(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.bus.agent("one", "cat")
    (rig.root / "agents/one/PAUSE").touch()
    lay(rig, "one", "inbox", "acked", "task: x\nto: one\ndue: 2020-01-01\n")
    with a_node(rig.root) as node:
        looks = [listings(monkeypatch, lambda: step(node)) for _ in range(4)]
    assert max(looks) <= most(node)
    assert looks[-1] == 0
    assert len(rig.alerts()) == MANY


def test_the_backlog_of_an_agent_that_was_removed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.timers(lease="0.01s")
    rig.bus.agent("one", "cat")
    lay(rig, "one", "inbox", "acked", "task: x\nto: one\n", 250)
    (rig.root / "agents/one/agent.yaml").unlink()
    reads = []
    monkeypatch.setattr("fsbus.duties.settle.Settling.task", lambda settling, place: reads.append(place.name))
    with a_node(rig.root) as node:
        for _ in range(4):
            node._held["dispatch"].duty._judged = float("-inf")  # type: ignore[attr-defined]
            before = len(reads)
            assert listings(monkeypatch, lambda: step(node)) <= most(node)
            assert len(reads) - before <= 200
    assert len(set(reads)) == 250, "each has its turn"


def test_alarms_that_nobody_acks(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.bus.agent("one", "cat")
    failed(rig, "false")
    read = []
    with a_node(rig.root) as node:
        step(node)
        step(node)
        alarms = node._held["dispatch"].duty._alarms  # type: ignore[attr-defined]
        monkeypatch.setattr(alarms, "_read", lambda name, real=alarms._read: read.append(name) or real(name))
        step(node)
        assert read == []
        rig.bus.fsbus("ack", rig.alerts()[0]["message"])
        step(node)
        assert len(os.listdir(rig.root / ".node/alarms")) == MANY - 1, "an ack is seen all the same"
