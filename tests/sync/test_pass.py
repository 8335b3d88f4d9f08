"""A pass between two trees on this disk: what stops it for a human. Real links are in tests/link and tests/twohosts."""
from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from fsbus.core.errors import Refused
from fsbus.link import passing
from fsbus.link.local import Local
from fsbus.link.passing import Pass
from fsbus.spool.found import join
from fsbus.spool.journal import Journal
from fsbus.spool.tree import Tree
from tests.kit import TestBus


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


class Fleeting(Local):
    """A far tree, in whose case folders the first file has moved on by the time that it is asked for."""

    def files(self, path: str) -> list[tuple[str, int]]:
        return [("files/gone.bin", 7), *super().files(path)]


def test_what_moves_on_while_a_case_folder_is_copied_is_no_trouble(one: Pass, tmp_path: Path) -> None:
    run = "5-20261122-101010000-aaaaaa-x.a1"
    bus = TestBus.__new__(TestBus)
    bus.root = tmp_path / "near"
    bus.agent("code", home="away")
    one.run()
    far = Fleeting(Tree(str(tmp_path / "far")))
    for inner, text in ((f"inbox/{run}.running.md", "do it"), (f"runs/{run}/stdout.1.txt", "at it")):
        path = tmp_path / "far/agents/code" / inner
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    Pass(one._tree, one._journal, "away", far).run()
    assert (tmp_path / f"near/agents/code/runs/{run}/stdout.1.txt").read_text() == "at it"


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
