"""When a clock is trusted to let something go: what it says at each look, and whether that is the time for a sweep."""
from __future__ import annotations

import pytest

from fsbus.core.trusted import FAR, WAIT, Trusted, look

NOW = 1_800_000_000.0
YEAR = 365 * 86400.0

# what the clock says at the looks after a sweep at NOW, and at which of them it is trusted
LOOKS: dict[str, tuple[list[float], list[bool]]] = {
    "right": ([NOW + 60, NOW + FAR], [True, True]),
    "set back, then right": ([NOW - YEAR, NOW, NOW + WAIT], [True, False, True]),
    "off for months": ([NOW + FAR + 1, NOW + FAR + WAIT, NOW + FAR + 1 + WAIT], [False, False, True]),
    "ahead, and set right": ([NOW + YEAR, NOW + YEAR + 60, NOW + 120, NOW + 180], [False, False, True, True]),
    "ahead again after that": ([NOW + YEAR, NOW + 60, NOW + YEAR + WAIT], [False, True, False]),
    "set back, and still far ahead": (
        [NOW + YEAR, NOW + YEAR / 2, NOW + YEAR / 2 + WAIT - 1, NOW + YEAR / 2 + WAIT], [False, False, False, True]),
}  # fmt: skip


@pytest.mark.parametrize(("looks", "trusted"), LOOKS.values(), ids=LOOKS.keys())
def test_when_a_clock_is_trusted(looks: list[float], trusted: list[bool]) -> None:
    known, found = look(None, NOW), []
    assert known == Trusted(NOW)
    for now in looks:
        known = look(known, now)
        found.append(not known.ahead)
    assert found == trusted
