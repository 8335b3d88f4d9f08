"""A pass between two trees on this disk: what stops it for a human. Real links are in tests/link and tests/twohosts."""
from __future__ import annotations

import errno
import itertools
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from fsbus.core.errors import Refused
from fsbus.core.names import new_key
from fsbus.core.steps import Step
from fsbus.link import passing
from fsbus.link.carry import Carrying
from fsbus.link.express import Express
from fsbus.link.local import Local
from fsbus.link.passing import Pass
from fsbus.link.side import Event, Put
from fsbus.spool import keys
from fsbus.spool.found import join
from fsbus.spool.journal import Journal
from fsbus.spool.tree import Tree
from tests.kit import TestBus

RUN = f"5-{keys.make()}-x.a1"  # an attempt of today


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Pass]:
    bus = TestBus(tmp_path / "near")
    text = (bus.root / "bus.yaml").read_text().replace("  here: {}", "  here: {}\n  away: {ssh: nobody@away.invalid}")
    (bus.root / "bus.yaml").write_text(text)
    join(str(tmp_path / "far"), "away", text)
    tree, far = Tree(str(bus.root)), Tree(str(tmp_path / "far"))
    yield Pass(tree, Journal(tree.root, tree.host), "away", Local(far))
    bus.close()


def test_two_trees_on_one_disk_come_together(one: Pass, tmp_path: Path) -> None:
    one.run()
    assert sorted(p.name for p in (tmp_path / "far/agents").iterdir()) == ["dispatch", "echo", "human"]


def add_code(one: Pass, tmp_path: Path) -> None:
    """An agent whose home is the other host; both know it."""
    bus = TestBus.__new__(TestBus)
    bus.root = tmp_path / "near"
    bus.agent("code", home="away")
    one.run()


class Fleeting(Local):
    """A far tree, in whose case folders the first file has moved on by the time that it is asked for."""

    def files(self, path: str) -> list[tuple[str, int]]:
        return [("files/gone.bin", 7), *super().files(path)]


def test_what_moves_on_while_a_case_folder_is_copied_is_no_trouble(one: Pass, tmp_path: Path) -> None:
    add_code(one, tmp_path)
    far = Fleeting(Tree(str(tmp_path / "far")))
    for inner, text in ((f"inbox/{RUN}.running.md", "do it"), (f"runs/{RUN}/stdout.1.txt", "at it")):
        path = tmp_path / "far/agents/code" / inner
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    Pass(one._tree, one._journal, "away", far).run()
    assert (tmp_path / f"near/agents/code/runs/{RUN}/stdout.1.txt").read_text() == "at it"


def test_no_name_comes_where_the_disk_refuses_its_result(one: Pass, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_code(one, tmp_path)
    for name in (f"{RUN}.result.yaml", f"{RUN}.done.md"):
        (tmp_path / "far/agents/code/outbox" / name).write_text("state: done")
    put_many = Local.put_many

    def full(self: Local, puts: Iterable[Put]) -> list[bool]:
        batch = list(puts)
        if any(put.path.endswith(".result.yaml") for put in batch):
            raise OSError(errno.ENOSPC, "No space left on device")
        return put_many(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Local, "put_many", full)
        with pytest.raises(OSError, match="No space left"):
            one.run()
    outbox = tmp_path / "near/agents/code/outbox"
    assert not list(outbox.glob(f"{RUN}.*"))
    assert one.run().pulled == 2
    assert sorted(p.name for p in outbox.glob(f"{RUN}.*")) == [f"{RUN}.done.md", f"{RUN}.result.yaml"]


def forged(tmp_path: Path) -> str:
    """A cancel in the name of the human, who lives here, laid down on the far side."""
    path = f"agents/dispatch/urgent/{keys.make()}-cancel.from-human.new.yaml"
    (tmp_path / "far" / path).write_text("task: all of them")
    return path


def test_what_comes_is_judged_again_before_it_is_stored(one: Pass, tmp_path: Path) -> None:
    """The plan is as old as the listings, and a far side may send what it did not list."""
    one.run()
    path = forged(tmp_path)
    done = Carrying(one._near, one._far, "away", one._told).out([Step("pull", path, path, "")], {}, one._far.listing())
    assert "human does not live there" in done.refused[0]
    assert not (tmp_path / "near" / path).exists()


def test_what_comes_by_the_urgent_lane_is_judged(one: Pass, tmp_path: Path) -> None:
    one.run()
    path = forged(tmp_path)
    far = SimpleNamespace(watch=lambda: None, wait_event=lambda seconds: [Event(path, b"task: all of them")])
    assert Express(one._tree, "away", far, one._told).step()
    assert not (tmp_path / "near" / path).exists()


@pytest.mark.parametrize(("jumps", "stops"), [pytest.param(1, False, id="once"), pytest.param(99, True, id="all-the-time")])
def test_a_clock_that_jumps_has_the_pass_planned_again(
    one: Pass, monkeypatch: pytest.MonkeyPatch, jumps: int, stops: bool
) -> None:
    one.run()
    ahead = itertools.chain((3600.0 * (n // 2) for n in range(2 * jumps)), itertools.repeat(3600.0 * jumps))
    offsets = iter(ahead)
    fake_clock = SimpleNamespace(monotonic=time.monotonic, time=lambda: time.time() + next(offsets))
    monkeypatch.setattr(passing, "time", fake_clock)
    if stops:
        with pytest.raises(Refused, match="our clock jumped"):
            one.dry()
    else:
        one.dry()


@pytest.mark.parametrize("side", ["near", "far"])
def test_a_lesser_name_under_another_priority_goes(one: Pass, tmp_path: Path, side: str) -> None:
    """`mv 5-... 1-...` while it was acked: the unrouted name that a kill left behind still begins with 5."""
    one.run()
    key = new_key(int(time.time() * 1000), 1)
    for root in ("near", "far"):
        (tmp_path / root / f"agents/echo/inbox/1-{key}-x.a1.running.md").write_text("x")
    lesser = tmp_path / side / f"agents/dispatch/inbox/5-{key}-x.a1.queued.md"
    lesser.write_text("x")
    one.run()
    assert not lesser.exists()
    assert one.dry() == []


def test_what_dispatchs_host_forgot_is_given_back_by_whoever_dials_it(one: Pass, tmp_path: Path) -> None:
    """There, dispatch is on the far side; its tree went back to a backup."""
    near, far = tmp_path / "near/agents", tmp_path / "far/agents"
    settings = near / "dispatch/agent.yaml"
    settings.write_text(settings.read_text().replace("home: here", "home: away"))
    one.run()
    (far / f"echo/inbox/{RUN}.running.md").write_text("do it")
    for name, text in ((f"{RUN}.result.yaml", "agent: echo\n"), (f"{RUN}.done.md", "do it")):
        (near / "dispatch/outbox" / name).write_text(text)
    assert one.run().pushed == 2
    assert sorted(p.name for p in (far / "echo/outbox").glob(f"{RUN}.*")) == [f"{RUN}.done.md", f"{RUN}.result.yaml"]
    assert not list((far / "echo/inbox").glob(f"{RUN}.*"))
    assert one.dry() == []
