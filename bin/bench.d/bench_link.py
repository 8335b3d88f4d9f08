"""Two hosts over ssh (loopback sshd): urgent messages, quiet and beside bulk; passes; new tasks beside rsync; idle CPU.

Urgent is judged by what it costs above the round trip measured on a connection of the same kind in the same run.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import fsbus_side
import sshd_side
from bench_idle import watch
from context import Context
from procs import PYTHON, running
from rows import Row, Target

RANK = 7
AGENT = "code"  # lives beyond the link
ABOVE = Target("<= ping + 3 ms", 3.0, at_least=False)
BESIDE = Target("<= 2x quiet", 2.0, at_least=False)
BULK = 2.0  # times rsync -r, at most


def plant(root: Path, agent: str, count: int) -> None:
    """So many tasks that have ended, with their results, in dispatch's outbox."""
    from fsbus.core.names import new_key

    outbox, now = root / "agents" / agent / "outbox", time.time_ns() // 1_000_000
    for i in range(count):
        stem = f"5-{new_key(now - i, i)}-t.a1"
        (outbox / f"{stem}.done.md").write_text("x")
    os.sync()  # else the next batch, which syncs the disk, pays for all of this


def receive(root: str) -> None:
    """The reader beyond the link, for ever: prints when it had each, by the clock that all processes of a machine share."""
    from fsbus import Bus

    for message in Bus(root).messages(AGENT, follow=True):
        print(json.dumps([message.key, time.monotonic()]), flush=True)


def urgent(mac: Path, vps: Path, log: Path, count: int) -> list[float]:
    """Milliseconds from `send` on this side to the reader's hands on the other."""
    from fsbus import Bus

    sent: dict[str, float] = {}
    bus = Bus(str(mac))
    with running([PYTHON, __file__, "receive", str(vps)], log):
        time.sleep(1.0)
        for _ in range(count + 5):
            began = time.monotonic()
            sent[bus.send(AGENT, "note", "x" * 200)] = began
            time.sleep(0.02)
        sshd_side.until(lambda: len(log.read_text().splitlines()) >= count + 5, 30)
    got = dict(json.loads(line) for line in log.read_text().splitlines() if line.startswith("["))
    return [(got[key] - began) * 1000 for key, began in list(sent.items())[5:]]


@contextlib.contextmanager
def bulk(mac: Path, vps: Path, megabytes: int) -> Iterator[None]:
    """A result with one large file that a pass fetches meanwhile, on a connection of its own as the batch lane has one."""
    from fsbus.core.names import new_key

    run = f"5-{new_key(time.time_ns() // 1_000_000, 1)}-big.a1"
    outbox = vps / "agents" / AGENT / "outbox"
    (outbox / f".{run}").mkdir()
    with (outbox / f".{run}" / "big.bin").open("wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(1 << 20))
    (outbox / f".{run}").rename(outbox / f"{run}.files")
    (outbox / f"{run}.result.yaml").write_text("state: done\nfiles:\n  - big.bin\n")
    (outbox / f"{run}.done.md").write_text("x")
    with running([sshd_side.FSBUS, "--root", str(mac), "sync"], mac.parent / "bulk.log"):
        yield


def ping(mac: Path) -> float:
    """Milliseconds of the round trip through both programs, the median of 200."""
    from fsbus.link.dial import dial
    from fsbus.spool.tree import Tree

    far = dial(Tree(str(mac)), "vps")
    try:
        return median(far.ping() for _ in range(200)) * 1000
    finally:
        far.close()


def passes(mac: Path, count: int) -> list[float]:
    """Seconds of a pass in which nothing is new, on a kept connection."""
    from fsbus.link.dial import dial
    from fsbus.link.passing import Pass
    from fsbus.spool.journal import Journal
    from fsbus.spool.tree import Tree

    tree = Tree(str(mac))
    far = dial(tree, "vps")
    try:
        one = Pass(tree, Journal(tree.root, tree.host), "vps", far)
        one.run()
        time.sleep(2.1)  # until a folder's time can be trusted
        found = []
        for _ in range(count):
            began = time.perf_counter()
            one.run()
            found.append(time.perf_counter() - began)
        return found
    finally:
        far.close()


def new_tasks(mac: Path, config: Path, place: Path, count: int) -> tuple[float, float]:
    """Seconds for so many new small tasks across: one pass, and one `rsync -r` of the same files."""
    from fsbus import Bus
    from fsbus.link.dial import dial
    from fsbus.link.passing import Pass
    from fsbus.spool.journal import Journal
    from fsbus.spool.tree import Tree

    bus, tree = Bus(str(mac)), Tree(str(mac))
    far = dial(tree, "vps")
    one = Pass(tree, Journal(tree.root, tree.host), "vps", far)
    one.run()
    for i in range(count):
        bus.submit(f"task {i} {'x' * 250}", to=AGENT)
    shutil.copytree(mac / "agents" / AGENT / "inbox", place / "same")
    began = time.perf_counter()
    one.run()
    ours = time.perf_counter() - began
    far.close()
    began = time.perf_counter()
    words = ["rsync", "-r", "-e", f"ssh -F {config}", f"{place}/same/", f"{sshd_side.ALIAS}:{place}/there/"]
    subprocess.run(words, check=True, capture_output=True)
    return ours, time.perf_counter() - began


def run(context: Context) -> list[Row]:
    """See main.py."""
    lacks = context.lacks("fsbus") or ("" if sshd_side.program() else "openssh-server is not installed")
    if lacks:
        return [Row("link", "fsbus sync", "", note=f"skipped: {lacks}")]
    place = context.place.fresh("link")
    with sshd_side.sshd(place) as (config, sshd):
        mac, vps = sshd_side.two_roots(place, config)
        return [*lanes(context, place, mac, vps, sshd), *batch(context, place, mac, config)]


def lanes(context: Context, place: Path, mac: Path, vps: Path, sshd: int) -> list[Row]:
    """With both nodes up: the urgent lane, and what two idle nodes cost; sshd and what it serves count for vps."""
    count = context.pick(300, 60)
    with fsbus_side.node(mac, place / "mac.log") as near, fsbus_side.node(vps, place / "vps.log") as far:
        time.sleep(20.0)  # dialled, the first pass is over, and nothing moves
        idle = watch({"mac": [near.pid], "vps": [far.pid, sshd]}, context.pick(60, 10))  # one pass of the mirror is in 60 s
        trip = ping(mac)
        quiet = urgent(mac, vps, place / "quiet.log", count)
        with bulk(mac, vps, context.pick(500, 200)):
            beside = urgent(mac, vps, place / "beside.log", count)
    rows = [Row("link", "ping, both programs", "ms", [trip])]
    tail = sorted(quiet)[-max(1, len(quiet) // 100)]
    rows.append(Row("link", "urgent message over the link", "ms", [median(quiet)], note=f"p99 {tail:.1f} ms"))
    rows[-1].judge(ABOVE, median(quiet) - trip)
    rows.append(Row("link", f"the same while {context.pick(500, 200)} MB move", "ms", [median(beside)]))
    rows[-1].judge(BESIDE, median(beside) / median(quiet))
    for side, (cpu, _, _) in idle.items():
        rows.append(Row("link", f"idle node with a link, {side}", "% CPU", [cpu]))
        rows[-1].judge(Target("< 0.5 %", 0.5, at_least=False), cpu)
    return rows


def batch(context: Context, place: Path, mac: Path, config: Path) -> list[Row]:
    """Passes over trees of several sizes, and new tasks."""
    rows, there = [], 0
    for size, bar in ((10_000, 0.3), (100_000, 3.0)):
        if context.quick and size > 10_000:
            continue
        plant(mac, "dispatch", size - there)
        there = size
        rows.append(Row("link", f"a pass over {size:,} unchanged tasks", "s", passes(mac, 5)))
        rows[-1].judge(Target(f"<= {bar} s", bar, at_least=False), rows[-1].value)
    ours, theirs = new_tasks(mac, config, place, 1_000)
    rows.append(Row("link", "1,000 new tasks across", "s", [ours], note=f"rsync -r of the same files: {theirs:.2f} s"))
    rows[-1].judge(Target(f"<= {BULK:g}x rsync -r", BULK, at_least=False), ours / theirs)
    return rows


if __name__ == "__main__" and sys.argv[1] == "receive":
    receive(sys.argv[2])
