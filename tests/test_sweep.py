"""What the sweep lets go of, and what it keeps."""
from __future__ import annotations

import json
import time

from tests.kit import TestBus

DAY = 86400.0
AGE = 97  # days: `retention` as it is unless somebody says otherwise, results and archive


def day(days: float) -> str:
    """The UTC date so many days ago."""
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() - days * DAY))


def test_the_journal_goes_with_what_it_tells_of(bus: TestBus) -> None:
    names = [f"log/{host}/{day(age)}.jsonl" for host in ("here", "away") for age in (AGE + 2, AGE + 0.5, 8)]
    names += ["log/here/notes.jsonl", "log/here/2020-01-01.txt"]
    for name in names:
        (bus.root / name).parent.mkdir(parents=True, exist_ok=True)
        (bus.root / name).touch()
    bus.fsbus("tick")
    gone = [name for name in names if not (bus.root / name).exists()]
    assert gone == [f"log/{host}/{day(AGE + 2)}.jsonl" for host in ("here", "away")]


def test_trace_reads_from_the_day_before_the_key_on(bus: TestBus) -> None:
    key = bus.fsbus("submit", "--to", "echo", "hello").strip()
    for age in (2, 1):
        record = {"at": day(age), "host": "away", "by": "sync", "key": key, "event": f"{age} days before", "why": "its clock"}
        path = bus.root / f"log/away/{day(age)}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(record) + "\n")
    assert [hop["event"] for hop in json.loads(bus.fsbus("trace", key, "--json"))] == ["1 days before", "> queued"]
