"""Microseconds per claim (take the next acked task in order, rename it to running) from backlogs of 100 to 100,000 names.

fsbus against two raw loops over the same names: list+sort once, then walk (the raw limit), and list+sort at every claim (naive).
Amortised: the listing is part of the time. At most 10,000 claims are made in each backlog, so that all rows divide by the
same number.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

import fsbus_side
from backlog import fill
from context import Context
from rows import Row, Target, ratio

RANK = 2
MOST = 10_000  # claims per round
BARS = {10_000: 100, 100_000: 100}  # backlog: us per claim, at most


def claim(inbox: str, name: str) -> None:
    """The rename that both raw loops do."""
    os.rename(f"{inbox}/{name}", f"{inbox}/{name.replace('.acked.', '.running.')}")


def acked(inbox: str) -> list[str]:
    """List, choose, sort."""
    return sorted(n for n in os.listdir(inbox) if ".acked." in n)


def walk(root: Path, n: int) -> float:
    """List and sort once, then walk: seconds for n claims."""
    inbox = str(root / "agents/bench/inbox")
    start = time.perf_counter()
    for name in acked(inbox)[:n]:
        claim(inbox, name)
    return time.perf_counter() - start


def naive(root: Path, n: int) -> float:
    """List and sort for every claim: seconds for n claims."""
    inbox = str(root / "agents/bench/inbox")
    start = time.perf_counter()
    for _ in range(n):
        claim(inbox, acked(inbox)[0])
    return time.perf_counter() - start


def backlog(context: Context, size: int, *, bus: bool) -> Path:
    """A tree with `size` acked names in agents/bench/inbox; a whole bus where fsbus is to read it."""
    place = context.place.fresh("claim")
    root = place / "bus"
    if bus:
        fsbus_side.make_bus(root)
    fill(root / "agents/bench/inbox", size, "acked", place / "store")
    return root


def measure(context: Context, row: Row, loop: Callable, size: int, n: int, *, bus: bool = False) -> None:
    """One round of one loop in its own new backlog."""
    if row.note:
        return
    try:
        seconds = loop(backlog(context, size, bus=bus), n)
    except Exception as trouble:
        row.note = f"broke: {type(trouble).__name__}: {trouble}"
        return
    if seconds is None:
        row.note = "not measured: fsbus_claims in bench.d/fsbus_side.py is not filled yet"
    else:
        row.samples.append(seconds / n * 1e6)


def one_size(context: Context, size: int) -> list[Row]:
    """The three rows of one backlog."""
    n = min(size, MOST)
    raw, ours, plain = (
        Row("claim", f"{who}, backlog {size:,}", "us") for who in ("raw list once + walk", "fsbus", "naive list + sort")
    )
    lacks = context.lacks("fsbus")
    ours.note = f"skipped: {lacks}" if lacks else ""
    for _ in range(context.pick(3, 2)):
        measure(context, raw, walk, size, n)
        measure(context, ours, fsbus_side.fsbus_claims, size, n, bus=True)
        measure(context, plain, naive, size, max(5, min(n, 200_000 // size)))
    ours.x_raw, plain.x_raw = ratio(raw, ours), ratio(raw, plain)
    raw.x_peer, plain.x_peer = ratio(raw, ours), ratio(plain, ours)
    if size in BARS:
        ours.judge(Target(f"<= {BARS[size]} us", BARS[size], at_least=False), ours.value)
    return [raw, ours, plain]


def run(context: Context) -> list[Row]:
    """See main.py."""
    sizes = (100, 10_000) if context.quick else (100, 10_000, 100_000)
    return [row for size in sizes for row in one_size(context, size)]
