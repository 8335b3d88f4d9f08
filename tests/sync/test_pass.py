"""A pass between two trees on this disk: what stops it for a human. Real links are in tests/link and tests/twohosts."""
from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from fsbus.core.errors import Refused
from fsbus.core.names import new_key
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
