"""When a human is rung: one ring per cause, a second one after four hours, nothing at night, one digest for many."""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsbus.core.alarm import AGAIN_AFTER, TOGETHER, Alarm, Quiet, digest, ended, raised, rang, read_quiet, to_ring
from fsbus.core.config import BusConfig, read_bus
from fsbus.core.refusal import Refusal

OFTEN = settings(max_examples=200, deadline=None)
NOW = 1_800_000_000.0
NIGHT = Quiet(22 * 60, 7 * 60)
LUNCH = Quiet(12 * 60, 13 * 60)
HOUR = 3600.0


def alarm(cause: str = "down-a", **more: Any) -> Alarm:
    """An alarm that came up now."""
    return replace(Alarm(cause, f"{cause} is up", f"{cause}: do this", "message", NOW), **more)


RUNG = alarm(rings=1, rung=NOW - AGAIN_AFTER)

# alarm, seconds since the last ring of any, minute of the day, quiet hours, whether it rings
RINGS: dict[str, tuple[Alarm, float, int, Quiet | None, bool]] = {
    "new": (alarm(), 1e9, 600, None, True),
    "new, just after a ring": (alarm(), TOGETHER - 1, 600, None, False),
    "new, long enough after a ring": (alarm(), TOGETHER, 600, None, True),
    "new, the clock was set back": (alarm(), -5 * HOUR, 600, None, True),
    "acked": (alarm(acked=True), 1e9, 600, None, False),
    "over before it rang": (alarm(over=True), 1e9, 600, None, False),
    "rang, not yet 4 h ago": (alarm(rings=1, rung=NOW - AGAIN_AFTER + 1), 1e9, 600, None, False),
    "rang 4 h ago": (RUNG, 1e9, 600, None, True),
    "rang 4 h ago, acked": (replace(RUNG, acked=True), 1e9, 600, None, False),
    "rang 4 h ago, over": (replace(RUNG, over=True), 1e9, 600, None, False),
    "rang, then the clock was set back by a day": (alarm(rings=1, rung=NOW + 24 * HOUR), 1e9, 600, None, True),
    "rang twice": (alarm(rings=2, rung=NOW - 99 * HOUR), 1e9, 600, None, False),
    "at night, before midnight": (alarm(), 1e9, 23 * 60, NIGHT, False),
    "at night, after midnight": (alarm(), 1e9, 60, NIGHT, False),
    "night begins": (alarm(), 1e9, 22 * 60, NIGHT, False),
    "a minute before night": (alarm(), 1e9, 22 * 60 - 1, NIGHT, True),
    "night ends": (alarm(), 1e9, 7 * 60, NIGHT, True),
    "in quiet hours of one day": (alarm(), 1e9, 12 * 60 + 30, LUNCH, False),
    "outside of them": (alarm(), 1e9, 13 * 60, LUNCH, True),
    "no hour is quiet": (alarm(), 1e9, 0, Quiet(0, 0), True),
}


@pytest.mark.parametrize(("up", "since", "minute", "quiet", "wanted"), RINGS.values(), ids=RINGS.keys())
def test_whether_it_rings(up: Alarm, since: float, minute: int, quiet: Quiet | None, wanted: bool) -> None:
    """Each rule of the module's first lines."""
    assert (to_ring([up], NOW - since, NOW, minute, quiet) == [up]) is wanted


def test_many_ring_together_and_only_those_that_are_due() -> None:
    """What came up while nothing rang is one ring."""
    many = [alarm(f"down-{n}") for n in range(20)]
    assert to_ring([*many, alarm("x", acked=True), alarm("y", rings=2)], 0.0, NOW, 600, NIGHT) == many


def test_a_digest_of_one_is_that_alarm() -> None:
    """Title, text and key as they are."""
    assert digest([alarm("failed-k", key="k")]) == ("failed-k is up", "failed-k: do this", "k")


def test_a_digest_of_many_names_each_and_counts_them() -> None:
    """The human reads how many there are, what they are, and what to type."""
    title, text, key = digest([alarm("down-a"), alarm("failed-k", key="k"), alarm("down-b")])
    assert title == "fsbus: 3 things need you"
    assert text.splitlines()[:3] == ["- down-a is up", "- failed-k is up", "- down-b is up"]
    assert "fsbus status" in text
    assert key == ""


def test_a_cause_that_comes_and_goes_is_one_alarm_until_it_is_acked() -> None:
    """An agent that goes down twenty times while nobody looks is one alert; once acked and over, the next is another."""
    up: Alarm | None = None
    for flap in range(20):
        up = ended(raised(up, alarm(message=f"message {flap}")))
    assert up == alarm(message="message 0", over=True)
    assert ended(replace(raised(up, alarm(message="late")), acked=True)) is None
    assert raised(None, alarm(message="new")).message == "new"


def test_a_cause_that_a_human_knows_is_not_raised_while_it_lasts() -> None:
    """Acked and still down: no second alarm. Acked after it was over: the next time is news."""
    known = alarm(acked=True)
    assert raised(known, alarm(message="new")) == known
    assert raised(replace(known, over=True), alarm(message="new")).message == "new"


QUIETS: dict[str, Quiet | None] = {
    "22:00-07:00": NIGHT,
    " 22 : 00 - 7 ": NIGHT,
    "22-7": NIGHT,
    "12:00-13:00": LUNCH,
    "00:00-23:59": Quiet(0, 1439),
    "22:00": None,
    "22:00-": None,
    "-07:00": None,
    "24:00-07:00": None,
    "22:60-07:00": None,
    "22:-07:00": None,
    "22:00-07:00-08:00": None,
    "²²:00-07:00": None,
    "9" * 5000 + "-7": None,
    "at night": None,
    "": None,
}


@pytest.mark.parametrize(("text", "wanted"), QUIETS.items(), ids=[text[:20] or "nothing" for text in QUIETS])
def test_quiet_hours_as_written(text: str, wanted: Quiet | None) -> None:
    """Hours of one day or over midnight; None for all else."""
    assert read_quiet(text) == wanted


@OFTEN
@given(st.text(st.sampled_from("0123456789:- ²٣x"), max_size=14))
def test_reading_quiet_hours_never_raises(text: str) -> None:
    """Any text is hours of the day, or None."""
    found = read_quiet(text)
    assert found is None or (0 <= found.start < 1440 and 0 <= found.end < 1440)


@OFTEN
@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 1439))
def test_quiet_hours_and_their_complement_share_no_minute(start: int, end: int, minute: int) -> None:
    """Over midnight or not, a minute is quiet in the one or in the other."""
    if start != end:
        assert Quiet(start, end).holds(minute) is not Quiet(end, start).holds(minute)


def test_quiet_in_bus_yaml() -> None:
    """It is read from the file, and a slip is refused with an example to copy."""
    good, bad, none = (read_bus({"quiet": text}) for text in ("22:00-07:00", "22.00 to 7", "null"))
    assert isinstance(good, BusConfig)
    assert good.quiet == NIGHT
    assert isinstance(bad, Refusal)
    assert "22:00-07:00" in bad.fix
    assert isinstance(none, BusConfig)
    assert none.quiet is None


@dataclass
class Desk:
    """A human's desk: causes come and go, the clock moves, rings are counted per alert. Only the product's rules decide."""

    quiet: Quiet | None
    now: float = NOW
    up: dict[str, Alarm] = field(default_factory=dict)
    last: float = 0.0
    posted: int = 0
    rings: Counter[str] = field(default_factory=Counter)

    def cause(self, cause: str, comes: bool) -> None:
        """A cause comes up, or is over."""
        old = self.up.pop(cause, None)
        if comes:
            self.up[cause] = raised(old, alarm(cause, message=f"{cause} {self.posted}", raised=self.now))
            self.posted += 1
        elif old is not None and (left := ended(old)) is not None:
            self.up[cause] = left

    def ack(self, cause: str) -> None:
        if cause in self.up:
            self.up[cause] = replace(self.up[cause], acked=True)

    def pass_(self, seconds: float) -> list[Alarm]:
        """Time goes by, then one look; what rings."""
        self.now += seconds
        due = to_ring([*self.up.values()], self.last, self.now, self.minute, self.quiet)
        for one in due:
            assert not one.acked
            assert not one.over
            self.rings[one.message] += 1
            self.up[one.cause] = rang(one, self.now)
        self.last = self.now if due else self.last
        return due

    @property
    def minute(self) -> int:
        return int(self.now // 60) % 1440


causes = st.sampled_from(["down-a", "down-b", "failed-k"])
deeds = st.one_of(
    st.tuples(st.just("comes"), causes),
    st.tuples(st.just("goes"), causes),
    st.tuples(st.just("ack"), causes),
    st.tuples(st.just("time"), st.sampled_from([1.0, 60.0, 599.0, 600.0, HOUR, 3 * HOUR, AGAIN_AFTER, 24 * HOUR])),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(deeds, max_size=60), st.sampled_from([None, NIGHT, LUNCH]))
def test_no_alert_rings_more_than_twice_and_none_is_forgotten(story: list[tuple[str, object]], quiet: Quiet | None) -> None:
    """However causes come, go and are acked: two rings an alert at most, none in quiet hours, ten minutes apart.

    And whoever is left unacked and not over has rung twice after two days: nothing that is up stays silent.
    """
    desk = Desk(quiet)
    rung_at = [0.0]
    for deed, what in [*story, *[("time", HOUR)] * 48]:
        due = []
        if deed == "time":
            assert isinstance(what, float)
            due = desk.pass_(what)
        elif deed == "ack":
            desk.ack(str(what))
        else:
            desk.cause(str(what), deed == "comes")
        if due:
            assert desk.now - rung_at[-1] >= TOGETHER
            assert quiet is None or not quiet.holds(desk.minute)
            rung_at.append(desk.now)
    assert max(desk.rings.values(), default=0) <= 2
    open_ = [a for a in desk.up.values() if not (a.acked or a.over)]
    assert all(desk.rings[a.message] == 2 for a in open_)


@OFTEN
@given(st.lists(st.tuples(causes, st.booleans(), st.floats(1, 5 * HOUR)), max_size=40))
def test_nobody_acks_and_one_alert_per_cause_is_all_there_is(flaps: list[tuple[str, bool, float]]) -> None:
    """To and fro for days makes no second alert of the same cause while the first one waits."""
    desk = Desk(None)
    seen: dict[str, str] = {}
    for cause, comes, seconds in flaps:
        desk.cause(cause, comes)
        desk.pass_(seconds)
        if cause in desk.up:
            assert seen.setdefault(cause, desk.up[cause].message) == desk.up[cause].message
    assert all(count <= 2 for count in desk.rings.values())
