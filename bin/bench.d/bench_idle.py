"""CPU, wake-ups and memory of an idle `fsbus up` and `fsbus recv --follow` over 20 s, beside an idle Celery worker with Redis.

All run at the same time, so that the machine's noise is theirs alike; the raw limit is a Python process that sleeps. Needs /proc.
"""

import contextlib
import os
import time
from pathlib import Path

import fsbus_side
from context import Context
from life import celery_redis
from procs import PYTHON, running
from rows import Row, Target

RANK = 6
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
NODE, READER = "fsbus up", "fsbus recv --follow"
BARS = {  # (who, of what)
    (NODE, "%"): Target("< 0.5 %", 0.5, at_least=False),
    (NODE, "MB"): Target("< 60 MB", 60, at_least=False),
    (READER, "%"): Target("< 0.2 %", 0.2, at_least=False),
    (READER, "wake-ups/s"): Target("<= 20/s", 20, at_least=False),
}


def family(top: int) -> list[int]:
    """The process and all its descendants."""
    parent = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                parent[int(entry)] = int(Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1])
    found = [top]
    for pid in found:
        found += [child for child, of in parent.items() if of == pid]
    return found


def usage(top: int) -> tuple[float, float, int]:
    """(CPU seconds, ended and awaited children included; MB resident; times switched in by choice) of the family so far."""
    cpu, resident, switches = 0.0, 0.0, 0
    for pid in family(top):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        cpu += sum(map(int, fields[11:15])) / TICK
        resident += int(fields[21]) * PAGE / 1e6
        for thread in Path(f"/proc/{pid}/task").glob("*/status"):
            with contextlib.suppress(OSError):
                switches += int(thread.read_text().partition("nonvoluntary")[0].rpartition("switches:")[2])
    return cpu, resident, switches


def watch(tops: dict[str, list[int]], seconds: float) -> dict[str, tuple[float, float, float]]:
    """{name: (CPU %, MB, wake-ups per s)} over so many seconds."""

    def sums(pids: list[int]) -> list[float]:
        return [sum(column) for column in zip(*(usage(p) for p in pids), strict=True)]

    before, start = {name: sums(pids) for name, pids in tops.items()}, time.monotonic()
    time.sleep(seconds)
    spent = time.monotonic() - start
    after = {name: sums(pids) for name, pids in tops.items()}
    return {n: ((a[0] - before[n][0]) / spent * 100, a[1], (a[2] - before[n][2]) / spent) for n, a in after.items()}


def start_all(context: Context, stack: contextlib.ExitStack, place: Path) -> tuple[dict[str, list[int]], dict[str, str]]:
    """Start what can be had; returns ({name: pids}, {name: why not})."""
    sleeper = stack.enter_context(running([PYTHON, "-c", "import time; time.sleep(600)"], place / "sleeper.log"))
    tops, lacking = {"python, sleeping": [sleeper.pid]}, {}
    before = set(family(os.getpid()))
    try:
        if lacks := context.lacks("fsbus"):
            raise RuntimeError(lacks)
        root = fsbus_side.make_bus(place / "bus")
        tops[READER] = [stack.enter_context(fsbus_side.reader(root, place / "recv.log")).pid]
        tops[NODE] = [stack.enter_context(fsbus_side.node(fsbus_side.make_bus(place / "other"), place / "up.log")).pid]
        before |= set(family(os.getpid()))
    except Exception as trouble:
        lacking |= {READER: str(trouble), NODE: str(trouble)}
    try:
        if lacks := context.lacks(*celery_redis.NEEDS):
            raise RuntimeError(lacks)
        stack.enter_context(celery_redis.serve(place, "M-solo"))
        tops["Celery worker (solo) + redis-server"] = sorted(set(family(os.getpid())) - before)
    except Exception as trouble:
        lacking["Celery worker (solo) + redis-server"] = str(trouble)
    return tops, lacking


def run(context: Context) -> list[Row]:
    """See main.py."""
    if not os.path.isdir("/proc/self"):
        return [Row("idle", NODE, "%", note="skipped: no /proc on this system")]
    with contextlib.ExitStack() as stack:
        tops, lacking = start_all(context, stack, context.place.fresh("idle"))
        time.sleep(context.pick(15, 4))
        got = watch(tops, context.pick(20, 5))
    return [row for i, unit in enumerate(("%", "MB", "wake-ups/s")) for row in block(got, lacking, i, unit)]


def block(got: dict[str, tuple[float, float, float]], lacking: dict[str, str], i: int, unit: str) -> list[Row]:
    """The rows of one unit."""
    rows = [Row("idle", name, unit, [values[i]]) for name, values in got.items()]
    rows += [Row("idle", name, unit, note=f"skipped: {why}") for name, why in lacking.items()]
    ours = next(row for row in rows if row.name == NODE)
    raw = next(row for row in rows if row.name == "python, sleeping")
    for row in rows:
        row.x_raw = raw.value / row.value if raw.value and row.value and row is not raw else None
        row.x_peer = row.value / ours.value if ours.value and row.value and row is not ours else None
        if (row.name, unit) in BARS:
            row.judge(BARS[row.name, unit], row.value)
    return rows
