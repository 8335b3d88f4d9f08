"""Milliseconds of `bus.status()` in process over 100,000 task names, against os.listdir of the same directories.

60,000 acked names wait in a worker's inbox and 40,000 done ones lie in dispatch's outbox. The raw limit only lists; counting
by state in plain Python is printed for information.
"""

import os
import time
from pathlib import Path

import fsbus_side
from backlog import fill
from context import Context
from rows import Row, Target, ratio

RANK = 3


def listing(root: Path, agent: str = "*") -> float:
    """os.listdir of every channel: seconds."""
    paths = fsbus_side.channel_directories(root, agent)
    start = time.perf_counter()
    for path in paths:
        os.listdir(path)
    return time.perf_counter() - start


def counting(root: Path) -> float:
    """The same, and count the words of state: seconds."""
    paths, counts = fsbus_side.channel_directories(root), {}
    start = time.perf_counter()
    for path in paths:
        for name in os.listdir(path):
            state = name.rsplit(".", 2)[-2:][0]
            counts[state] = counts.get(state, 0) + 1
    return time.perf_counter() - start


def tree(context: Context, size: int) -> tuple[Path, str]:
    """(a filled bus, ""), or where there is no fsbus (a bare tree of the same shape, why)."""
    place = context.place.fresh("status")
    root = place / "bus"
    why = fsbus_side.try_bus(root, context.lacks("fsbus"))
    fill(root / "agents/bench/inbox", size * 6 // 10, "acked", place / "store")
    fill(root / "agents/dispatch/outbox", size * 4 // 10, "done", place / "store")
    return root, why


def run(context: Context) -> list[Row]:
    """See main.py."""
    size = context.pick(100_000, 10_000)
    root, why = tree(context, size)
    raw, ours, count = (Row("status", f"{who}, {size:,} names", "ms") for who in ("os.listdir", "bus.status()", "list and count"))
    one, some = Row("status", "os.listdir of one agent", "ms"), Row("status", "bus.status(agent), its names", "ms", note=why)
    ours.note = why
    for _ in range(context.pick(9, 3)):
        raw.samples.append(listing(root) * 1e3)
        one.samples.append(listing(root, fsbus_side.AGENT) * 1e3)
        count.samples.append(counting(root) * 1e3)
        if not ours.note:
            try:
                ours.samples.append(fsbus_side.status_once(root) * 1e3)
                some.samples.append(fsbus_side.status_once(root, fsbus_side.AGENT) * 1e3)
            except Exception as trouble:
                ours.note = f"broke: {type(trouble).__name__}: {trouble}"
    ours.x_raw, count.x_raw = ratio(raw, ours), ratio(raw, count)
    raw.x_peer, count.x_peer = ratio(raw, ours), ratio(count, ours)
    some.x_raw, one.x_peer = ratio(one, some), ratio(one, some)
    for row, limit in ((ours, raw), (some, one)):
        row.judge(Target("<= 1.5x os.listdir", 1.5, at_least=False), ratio(row, limit))
    return [raw, ours, count, one, some]
