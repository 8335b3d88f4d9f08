"""One agent's folder that the disk refuses is that agent's trouble: said aloud, and everybody else is looked after."""
from __future__ import annotations

import time
from pathlib import Path

import pytest

from fsbus.core.names import new_key
from fsbus.duties.node import Node
from fsbus.link.lookout import Lookout
from fsbus.spool.tree import Tree
from tests.kit import TestBus, until

WEEKS = 100 * 86400


@pytest.fixture
def root(bus: TestBus) -> Path:
    """A bus with an agent `bad`, whose folders a test spoils, that sorts before all others."""
    bus.agent("bad", "cat")
    return bus.root


def spoil(path: Path) -> None:
    """Nobody can list it; also not root, whom permissions do not keep out."""
    path.rename(path.with_name("away"))
    path.touch()


@pytest.mark.parametrize("channel", ["urgent", "inbox"])
def test_messages_of_others_are_seen_to(bus: TestBus, root: Path, channel: str) -> None:
    spoil(root / "agents/bad" / channel)
    (root / "agents/human/urgent/note.txt").write_text("hello")
    bus.up()
    until(lambda: list((root / "agents/human/urgent").glob("[0-9]*-note.from-human.new.txt")), "the note")


@pytest.mark.parametrize("channel", ["inbox", "outbox"])
def test_commands_about_the_tasks_of_others_work_and_name_the_folder(bus: TestBus, root: Path, channel: str) -> None:
    key, lost = (bus.fsbus("submit", "--to", agent, "hello").strip() for agent in ("echo", "bad"))
    spoil(root / "agents/bad" / channel)
    for words, says in ((("show", key), "task: hello"), (("status", key), "queued"), (("wait", key, "--timeout", "0s"), "")):
        done = bus.run(*words)
        assert done.returncode == (4 if words[0] == "wait" else 0), done.stderr
        assert says in done.stdout
        assert done.stderr.count(f"agents/bad/{channel} cannot be read: Not a directory") == 1
    bus.fsbus("cancel", key)
    if channel == "inbox":
        missed = bus.run("show", lost)
        assert (missed.returncode, "there is no task" in missed.stderr) == (5, False), "it may lie there"


def test_the_human_is_rung(bus: TestBus, root: Path) -> None:
    """Also while something is overdue, of which dispatch cannot see where it is."""
    rang, settings = root.parent / "rang", root / "bus.yaml"
    settings.write_text(settings.read_text().replace("notify: null", f"notify: touch {rang}"))
    bus.agent("good", "cat")
    (root / "agents/good/PAUSE").touch()
    spoil(root / "agents/bad/inbox")
    bus.drop("good", "x.md", "---\ndue: 2020-01-01\n---\nHand it in\n")
    bus.up()
    until(lambda: any(".acked." in name for name in bus.ls("good", "inbox")), "the task that is overdue")
    bus.drop("dispatch", "y.md", "---\nto: nobody\n---\nhello\n")
    until(rang.exists, "the ring")


def test_what_is_past_its_time_goes_all_the_same(root: Path) -> None:
    old = root / f"agents/echo/runs/5-{new_key(int((time.time() - WEEKS) * 1000), 1)}-old.a1"
    old.mkdir()
    for name in ("inbox", "runs"):
        spoil(root / "agents/bad" / name)
        (root / "agents/bad/away").rename(root / f"agents/bad/{name}-away")
    said: list[str] = []
    with Node(Tree(str(root)), said.append) as node:
        node.take_on("sweep", node.posts.all()["sweep"])
        node._step()
    assert not old.exists()
    assert [line for line in said if line.startswith("sweep: Not a directory")] != []


def test_the_urgent_lane_looks_at_everybody_else(root: Path) -> None:
    spoil(root / "agents/bad/urgent")
    lookout = Lookout(Tree(str(root)))
    name = f"{new_key(int(time.time() * 1000), 1)}-note.from-human.new.txt"
    (root / "agents/echo/urgent" / name).write_text("hello")
    assert [event.path for event in lookout.news()] == [f"agents/echo/urgent/{name}"]


def test_a_file_in_the_place_of_an_inbox_is_named_and_not_a_half_written_name_in_it(bus: TestBus, root: Path) -> None:
    spoil(root / "agents/bad/inbox")
    said = bus.run("submit", "--to", "bad", "hello")
    assert said.returncode != 0
    assert "agents/bad/inbox" in said.stderr
    assert ".new-" not in said.stderr


@pytest.mark.parametrize("channel", ["dispatch/urgent", "human/urgent"])
def test_who_cannot_be_told_keeps_no_task_from_being_done(bus: TestBus, channel: str) -> None:
    key = bus.fsbus("submit", "--to", "echo", "--reply-to", "human", "hello").strip()
    spoil(bus.root / "agents" / channel)
    bus.fsbus("tick", code=None)
    assert bus.task(key)["state"] == "done"


def test_the_drops_and_the_tasks_of_other_people_are_seen_to(bus: TestBus, root: Path) -> None:
    bus.agent("bad", role="human")
    key = bus.fsbus("submit", "--to", "human", "hello").strip()
    bus.fsbus("cancel", key)
    bus.drop("human", "x.md", "a drop")
    spoil(root / "agents/bad/inbox")
    bus.up()
    until(lambda: [name for name in bus.ls("human", "inbox") if "a-drop.a1.queued" in name], "the drop")
    until(lambda: bus.task(key)["state"] == "failed", "the end of what was cancelled")
