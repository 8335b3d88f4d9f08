"""What programs hand over as data: a copy that a result file gives back the same, or a sentence at once."""

from __future__ import annotations

import enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsbus.core import flat, gate
from fsbus.core.handed import kept


class Colour(enum.StrEnum):
    """Text that is more than text."""

    RED = "red"


class Mute:
    """An object of a stranger."""

    def __str__(self) -> str:
        return "an object"


def nested(levels: int) -> Any:
    """Lists in lists."""
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


CIRCLE: dict[str, Any] = {}
CIRCLE["again"] = CIRCLE

KEPT = [
    (None, None), ("text", "text"), ("\ud800", "\ud800"), (True, True), (7, 7), (Colour.RED, "red"), ((1, "a"), [1, "a"]),
    ({1: 2, None: 3}, {"1": 2, "null": 3}), (Mute(), "an object"), ({"a": Mute()}, {"a": "an object"}), (nested(16), nested(16)),
]  # fmt: skip
REFUSED = {
    "deep": nested(17), "deeper than the stack": nested(100_000), "circle": CIRCLE, "doubled key": {1: 2, "1": 3},
    "odd key": {(1, 2): 3}, "endless digits": 10**5000,
}  # fmt: skip


@pytest.mark.parametrize(("handed", "found"), KEPT)
def test_what_is_data_is_kept_and_the_rest_as_its_text(handed: Any, found: Any) -> None:
    assert kept(handed) == found
    assert type(kept(handed)) is type(found)


@pytest.mark.parametrize("handed", REFUSED.values(), ids=REFUSED.keys())
def test_what_no_file_gives_back_is_refused(handed: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        kept(handed)


SCALARS = st.none() | st.booleans() | st.integers() | st.text()


@given(st.recursive(SCALARS, lambda some: st.lists(some) | st.dictionaries(st.text(), some)))
def test_what_is_kept_stays_readable_where_results_and_gathered_results_hold_it(handed: Any) -> None:
    found = gate.own(flat.dump({"result": [{"key": "k", "result": kept(handed)}]}))
    assert isinstance(found, dict), found


def test_the_deepest_is_readable_in_a_gathered_result() -> None:
    found = gate.own(flat.dump({"result": [{"key": "k", "result": kept(nested(16))}]}))
    assert found == {"result": [{"key": "k", "result": nested(16)}]}


async def later() -> str:
    """What comes when it is awaited."""
    return "x"


def test_work_that_nobody_has_done_is_no_result() -> None:
    coroutine = later()
    for handed in (coroutine, (n for n in "ab"), map(str, "ab")):
        with pytest.raises(ValueError, match="nobody has done yet"):
            kept(handed)
    coroutine.close()
