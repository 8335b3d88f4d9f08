"""What neighbours say of the hosts behind them: it comes across as it was meant, and nonsense is passed over."""
from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsbus.core.hearsay import OLDEST, Word, heard, joined, told

NOW = 1_800_000_000.0
hosts = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)
words = st.builds(Word, st.floats(0, 1e8).map(lambda age: NOW - age), st.floats(-1e6, 1e6))


@given(st.dictionaries(hosts, words, max_size=20), st.floats(-1e6, 1e6))
def test_a_word_comes_across_whatever_the_clocks_say(known: dict[str, Word], skew: float) -> None:
    found = heard(told(known, NOW), NOW + skew)
    assert found.keys() == known.keys()
    for host, word in found.items():
        assert word.as_of - skew == pytest.approx(known[host].as_of, abs=0.06)
        assert word.offset == pytest.approx(known[host].offset, abs=0.001)


@given(st.text() | st.lists(st.sampled_from(["edge", "3.1", "nan", "inf", "-1e308", "9" * 400, ";", "-0.02"])).map(" ".join))
def test_any_line_is_heard(line: str) -> None:
    for word in heard(line, NOW).values():
        assert NOW - OLDEST <= word.as_of <= NOW
        assert math.isfinite(word.offset)


def test_offsets_add_up() -> None:
    assert joined(Word(NOW, 10.0), {"edge": Word(NOW - 5, -3.0)}) == {"edge": Word(NOW - 5, 7.0)}
