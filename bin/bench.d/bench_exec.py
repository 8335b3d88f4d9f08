"""Tasks per second when every task runs /bin/true: fsbus (`fsbus up`, results collected) against nq and raw subprocess.run.

nq is used from a shell loop and awaited with `nq -w`; it keeps no result but its log file and never fsyncs, so it stands
beside fsbus at level P. subprocess.run in a loop is the limit: no queue at all.
"""

import json
import shutil
import subprocess
import time
from pathlib import Path

import fsbus_side
from context import Context
from procs import PYTHON, PeerError, ask
from rows import Row, Target, ratio

RANK = 4
TRUE = shutil.which("true") or "/bin/true"
WARM = 3  # tasks before fsbus's clock starts: its worker is a running service, nq has none
PATIENCE = 60.0  # seconds for all of nq's jobs
SHELL = 'i=0; while [ $i -lt "$1" ]; do nq -q "$2"; i=$((i+1)); done; nq -w'


def bare(_place: Path, n: int) -> float:
    """subprocess.run in a loop: seconds."""
    start = time.perf_counter()
    for _ in range(n):
        subprocess.run([TRUE])
    return time.perf_counter() - start


def unfinished(queue: Path, n: int) -> list[str]:
    """Logs of jobs that have not ended well yet, or a remark about those that are not there."""
    logs = [p.read_text(errors="replace") for p in queue.iterdir() if p.name.startswith(",")]
    return [log for log in logs if "exited with status 0" not in log] or ([] if len(logs) == n else [f"{len(logs)} of {n} logs"])


def nq(place: Path, n: int) -> float:
    """Enqueue n jobs, wait for all: seconds. Where `nq -w` returns before the last job ended, that job's end counts."""
    start = time.perf_counter()
    ask(["sh", "-c", SHELL, "nq", str(n), TRUE], place / "nq.log", NQDIR=str(place / "queue"))
    seconds = time.perf_counter() - start
    while bad := unfinished(place / "queue", n):
        seconds = time.perf_counter() - start
        if seconds > PATIENCE:
            raise PeerError(f"nq has not finished {len(bad)} jobs: {bad[:1]}")
        time.sleep(0.002)
    return seconds


def fsbus(place: Path, n: int, durability: str) -> float:
    """Submit n tasks to a worker whose command is /bin/true, wait until dispatch collected all: seconds."""
    root = fsbus_side.make_bus(place / "bus", run=TRUE)
    with fsbus_side.node(root, place / "up.log", durability):
        command = [PYTHON, __file__, str(root), str(n)]
        return json.loads(ask(command, place / "produce.log", FSBUS_DURABILITY=durability))["seconds"]


def produce(root: str, n: int) -> None:
    """The producer's process."""
    client = fsbus_side.Client(Path(root))
    client.wait([client.submit("warm") for _ in range(WARM)])
    start = time.perf_counter()
    client.wait([client.submit(f"task {i}") for i in range(n)])
    print(json.dumps({"seconds": time.perf_counter() - start}))


def run(context: Context) -> list[Row]:
    """See main.py."""
    n = context.pick(300, 60)
    raw = Row("exec", "subprocess.run, no queue", "tasks/s", level="P")
    kill = Row("exec", "fsbus up", "tasks/s", level="P", note=context.lacks("fsbus"))
    power = Row("exec", "fsbus up, fsync", "tasks/s", level="D", note=context.lacks("fsbus"))
    peer = Row("exec", "nq, nq -w", "tasks/s", level="P", note=context.lacks("nq"))
    loops = [(raw, bare), (kill, lambda p, k: fsbus(p, k, "kill")), (power, lambda p, k: fsbus(p, k, "power")), (peer, nq)]
    skipped = {id(row) for row, _ in loops if row.note}
    for turn in range(context.pick(5, 2)):
        for row, loop in loops:
            if id(row) in skipped:
                continue
            try:
                row.samples.append(n / loop(context.place.fresh("exec"), n))
            except Exception as trouble:
                row.note = f"broke in round {turn + 1}, which is not counted: {type(trouble).__name__}: {trouble}"
                if not row.samples:
                    skipped.add(id(row))
    for row in (kill, power, peer):
        row.x_raw = ratio(row, raw)
    for row in (raw, power, peer):
        row.x_peer = ratio(kill, row)
    peer.judge(Target("fsbus >= 1x", 1), peer.x_peer)
    return [raw, kill, power, peer]


if __name__ == "__main__":
    import sys

    produce(sys.argv[1], int(sys.argv[2]))
