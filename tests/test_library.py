"""What the library takes from a program and gives back to it; what it cannot take it says as its own errors."""

from __future__ import annotations

from typing import Any

import pytest

from fsbus import Bus
from fsbus.core.errors import BadUsage
from tests.kit import TestBus


class Mute:
    """An object of a stranger."""

    def __str__(self) -> str:
        raise OSError("mute")


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize("timeout", ["20d", 1728000, 1728000.0])
def test_a_timeout_of_weeks_is_kept_to_the_second(bus: TestBus, timeout: Any) -> None:
    bus.agent("code", "cat", timeout="60d")
    key = Bus(str(bus.root)).submit("take your time", to="code", timeout=timeout)
    assert "timeout: 1728000s\n" in bus.fsbus("show", key)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), 1e30])
def test_a_time_that_is_none_is_refused(bus: TestBus, odd: float) -> None:
    with pytest.raises(BadUsage, match="is no time"):
        Bus(str(bus.root)).submit("x", to="echo", not_before=odd)


@pytest.mark.parametrize("odd", [CIRCLE, Mute(), {1: 2, "1": 3}, 10**5000], ids=["circle", "mute", "twice", "endless"])
def test_input_that_no_file_can_hold_is_refused(bus: TestBus, odd: Any) -> None:
    with pytest.raises(BadUsage, match="input: "):
        Bus(str(bus.root)).submit("look at it", to="echo", input=odd)
    assert bus.ls("echo", "inbox") == []
