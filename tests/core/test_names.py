"""The names of tasks and messages: what is made is read back, what is foreign is None, and the ranks order an attempt's life."""
from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsbus.core import names, states

GOOD = "5-20261122-021455123-m2x9rt-bump-deps.a1.queued.md"
slugs = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=32)
keys = st.builds(names.new_key, st.integers(0, 4_102_444_800_000), st.integers(0, 2**30 - 1))


attempts, words, endings = st.integers(1, names.MAX_ATTEMPT), st.sampled_from([*states.RANK]), st.sampled_from(names.EXTENSIONS)


@given(st.builds(names.TaskName, st.integers(0, 9), keys, slugs, attempts, words, endings))
def test_a_task_name_is_read_as_it_was_made(name: names.TaskName) -> None:
    assert names.parse_task(str(name)) == name
    assert len(str(name)) < 100


@given(keys, st.sampled_from(states.MESSAGE_TYPES), slugs.filter(names.is_agent), st.sampled_from(states.MESSAGE_STATES))
def test_a_message_name_is_read_as_it_was_made(key: str, kind: str, sender: str, state: str) -> None:
    name = names.MessageName(key, kind, sender, state, "yaml")
    assert names.parse_message(str(name)) == name


@given(st.text() | st.text(GOOD, max_size=60))
def test_the_parsers_are_total(text: str) -> None:
    found = names.parse_task(text)
    assert found is None or str(found) == text
    names.parse_message(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("5-", "-"), ("5-", "55-"), ("m2x9rt", "m2x9ri"), ("m2x9rt", "M2X9RT"), ("20261122", "20261322"),
        ("20261122", "20260230"),
        ("021455123", "241455123"), (".a1.", ".a0."), (".a1.", ".a01."), (".a1.", "."), ("queued", "waiting"), (".md", ".exe"),
        ("bump-deps", "Bump"), ("-bump-deps", "-"), ("bump-deps", "x" * 33), (".md", ".md.tmp"), ("5-", "../5-"),
        ("a1", "a\u0661"), ("5-", "x-"), ("5-", "5_"), ("rt-bump", "rt_bump"), ("3-m2", "3_m2"), ("2-02", "2_02"),
        ("021455", "026055"), ("021455", "021460"), ("55123", "5512x"), ("5123", "51\u0662\u0663"), (".a1.", f".a{'9' * 5000}."),
        (".a1.", ".a10000."), (".a1.", ".a1x."), (".a1.", ".b2."),
    ],
)  # fmt: skip
def test_a_foreign_name_is_none(old: str, new: str) -> None:
    assert names.parse_task(GOOD) is not None
    assert names.parse_task(GOOD.replace(old, new, 1)) is None


MESSAGE = "20261122-021455123-m2x9rt-cancel.from-human.new.yaml"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("new", "queued"), (".yaml", ".sh"), ("cancel", "order"), ("rt-cancel", "rt_cancel"), ("20261122", "20261322"),
        ("from-", "form-"), ("human", "Human"), ("human", ""), ("human", "-human"), ("human", "h" * 65), (".yaml", ".yaml.tmp"),
    ],
)  # fmt: skip
def test_a_foreign_message_is_none(old: str, new: str) -> None:
    assert names.parse_message(MESSAGE) is not None
    assert names.parse_message(MESSAGE.replace(old, new, 1)) is None


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Bump the deps, run the tests", "bump-the-deps-run-the-tests"), ("Don't: über naïve", "dont-uber-naive"),
        ("日本", "task"), ("-- --", "task"), ("x" * 40, "x" * 32), ("a" * 20 + " " + "b" * 11, "a" * 20 + "-" + "b" * 11),
        ("a" * 20 + " " + "b" * 12, "a" * 20), ("a_b/c.d", "a-b-c-d"),
    ],
)  # fmt: skip
def test_a_slug_is_the_first_words(text: str, slug: str) -> None:
    assert names.slug(text) == slug


@pytest.mark.parametrize(
    ("text", "known"),
    [("2026-11-22", True), ("2026-11-31", False), ("2026-11-2", False), ("20261122", False), ("2026-1x-22", False)],
)
def test_which_folder_is_a_day(text: str, known: bool) -> None:
    """Of the archive and the journal days alone are ever let go."""
    assert names.is_day(text) is known


@pytest.mark.parametrize("year", [1969, 1970, 1999, 2000, 2024, 2100])
def test_the_calendar_is_that_of_python(year: int) -> None:
    known = [text for month in range(14) for day in range(33) if names.is_day(text := f"{year}-{month:02d}-{day:02d}")]
    first, end = date(max(year, 1970), 1, 1), date(year + 1, 1, 1)
    assert known == [str(first + timedelta(number)) for number in range((end - first).days)]


def test_a_key_tells_when_it_was_made() -> None:
    for ms in range(0, 4_102_444_800_000, 5 * 86_399_999):  # each month of each year, and all times of the day
        key = names.new_key(ms, ms)
        assert names.is_key(key)
        assert names.born(key) == pytest.approx(ms / 1000, abs=1e-4)


@given(st.text(max_size=300))
def test_a_slug_is_never_empty_and_always_fits(text: str) -> None:
    assert names.is_slug(names.slug(text))


def test_names_sort_as_they_are_served() -> None:
    listed = [GOOD, GOOD.replace("5-", "0-", 1), GOOD.replace("021455123", "021455122")]
    served = sorted(filter(None, map(names.parse_task, listed)))
    assert [str(name) for name in served] == sorted(listed)


def test_the_ranks_are_the_life_of_an_attempt() -> None:
    life = [states.rank(s) for s in ("queued", "acked", "running", "failed", "done")] + [states.rank("failed", collected=True)]
    assert life == sorted(set(life))


@pytest.mark.parametrize(("text", "is_one"), [
    ("2026-11-22", True), ("2026-02-30", False), ("20-6-11-22", False), ("2026-1-122", False), ("2026-11-2x", False),
])  # fmt: skip
def test_a_day_is_a_date_as_folders_bear_it(text: str, is_one: bool) -> None:
    assert names.is_day(text) is is_one
