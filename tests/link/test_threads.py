"""The threads of a link outlive a disk that refuses: who dials tries again by itself when there is room."""
from __future__ import annotations

import errno
import os
import time
from typing import NoReturn

import pytest

from fsbus.core.errors import Unreachable
from fsbus.duties import lane, mirror
from fsbus.spool import linkfacts
from fsbus.spool.bell import Bell
from fsbus.spool.tree import Tree
from tests.kit import TestBus, until

WHY = "it is switched off"


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts that were dialled; none of them is there."""
    hosts: list[str] = []

    def dial(tree: Tree, host: str, **_: object) -> NoReturn:
        hosts.append(host)
        raise Unreachable(WHY)

    monkeypatch.setattr(mirror, "reach", dial)
    monkeypatch.setattr(lane, "dial", dial)
    monkeypatch.setattr(mirror, "SOON", 0.02)
    monkeypatch.setattr(lane, "SOON", 0.02)
    return hosts


def test_the_batch_lane_goes_on_where_its_trouble_cannot_be_noted(bus: TestBus, dialled: list[str]) -> None:
    links, tree = bus.root / ".node/links", Tree(str(bus.root))
    links.touch()
    batch = mirror.Mirror(tree, "away", 0.02)
    batch.start()
    try:
        until(lambda: len(dialled) > 2, "further tries")
        links.unlink()
        until(lambda: linkfacts.read(tree, "away").get("trouble") == WHY, "the note")
    finally:
        batch.close()


def test_the_urgent_lane_goes_on_where_it_had_no_room_for_a_bell(
    bus: TestBus, dialled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def bell(root: str, agent: str) -> Bell:
        made.append(agent)
        if len(made) == 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return Bell(root, agent)

    monkeypatch.setattr(lane, "Bell", bell)
    urgent = lane.Lane(Tree(str(bus.root)), "away")
    urgent.start()
    try:
        until(lambda: dialled, "a first try")
    finally:
        urgent.close()


class FakeDeadRemote:
    """A link whose other end is gone, and nobody was told."""

    def watch(self) -> None: ...

    def wait_event(self, seconds: float) -> list[object]:
        return []

    def close(self) -> None: ...


@pytest.mark.parametrize("there", [True, False])
def test_the_urgent_lane_dials_at_once_when_this_machine_wakes(
    bus: TestBus, dialled: list[str], there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It noticed by its pings, after half a minute, or waited for its next try: as long a message stayed here."""

    def dial(tree: Tree, host: str, **_: object) -> FakeDeadRemote:
        dialled.append(host)
        return FakeDeadRemote()

    if there:
        monkeypatch.setattr(lane, "dial", dial)
    monkeypatch.setattr(lane, "SOON", 1000.0)
    real, slept = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + slept[0])
    urgent = lane.Lane(Tree(str(bus.root)), "away")
    urgent.start()
    try:
        until(lambda: dialled, "a first try")
        urgent.step()
        slept[0] = 8 * 3600.0
        urgent.step()
        until(lambda: len(dialled) == 2, "another one")
    finally:
        urgent.close()
