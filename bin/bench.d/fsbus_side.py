"""Everything the benchmark knows about fsbus: the one file to adjust when its interface changes.

It uses the package and the console script that bin/bench installed into .bench/venv from this checkout, as a user would.
"""

import contextlib
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from procs import PYTHON, PeerError, ask, running, tail

COMMAND = str(Path(PYTHON).parent / "fsbus")  # the console script
AGENT = "bench"  # the worker of every bus here
KEY = slice(2, 27)  # date-time-id in a task's name
NAP = 0.005  # seconds between two looks at dispatch's outbox
PATIENCE = 120.0  # seconds for all results
DROPS = 50  # files a second of `drop`
CHANNELS = ("urgent", "inbox", "outbox")


def make_bus(root: Path, run: str = "") -> Path:
    """A new bus with one worker, `bench`, on this host; `run` is its command line."""
    done = subprocess.run([COMMAND, "init", str(root), "--skel", "solo"], capture_output=True, text=True)
    if done.returncode:
        raise PeerError(f"fsbus init: {done.stderr.strip()[-300:]}")
    agent = root / "agents" / AGENT
    for name in (*CHANNELS, "runs"):
        (agent / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = ["role: worker", f"home: {(root / 'host').read_text().strip()}"]
    if run:
        lines.append(f"run: {run}")
    (agent / "agent.yaml").write_text("\n".join(lines) + "\n")
    return root


def try_bus(root: Path, lacks: str) -> str:
    """Make a bus where fsbus is here; returns why there is none, or the empty string. For benches that go on without it."""
    if lacks:
        return f"skipped: {lacks}"
    try:
        make_bus(root)
    except Exception as trouble:
        return f"broke: {type(trouble).__name__}: {trouble}"
    return ""


def ended(root: Path) -> dict[str, str]:
    """{key: name} of what dispatch collected as done."""
    return {n[KEY]: n for n in os.listdir(root / "agents/dispatch/outbox") if ".done." in n and n[0] != "."}


class Client:
    """A producer: submits through the library, waits for the names in dispatch's outbox, reads each result."""

    def __init__(self, root: Path) -> None:
        from fsbus import Bus

        self.root, self.bus = root, Bus(root)

    def submit(self, text: str) -> str:
        """Returns the key."""
        return str(self.bus.submit(text, to=AGENT))

    def wait(self, keys: list[str]) -> dict[str, str]:
        """{key: name} once all are collected."""
        states = self.bus.wait(keys, PATIENCE)
        bad = [key for key in keys if states[key] != "done"]
        if bad:
            raise PeerError(f"{len(bad)} of {len(keys)} tasks failed, the first is {bad[0]}")
        end = time.monotonic() + PATIENCE
        while len(found := {key: name for key, name in ended(self.root).items() if key in states}) < len(states):
            if time.monotonic() > end:
                raise PeerError(f"{len(states) - len(found)} of {len(states)} results were not collected")
            time.sleep(NAP)
        return {key: found[key] for key in keys}

    def collect(self, keys: list[str]) -> list[str]:
        """The results' texts, as written in ….result.yaml beside each ended task."""
        outbox, texts = self.root / "agents/dispatch/outbox", []
        for name in self.wait(keys).values():
            with open(f"{outbox}/{name.partition('.done.')[0]}.result.yaml", encoding="utf-8") as file:
                texts.append(file.read())
        return texts


@contextlib.contextmanager
def function_worker(root: Path, log: Path, durability: str) -> Iterator[subprocess.Popen]:
    """One process that runs a Python function as worker, and dispatch. This file is its program, see the end."""
    with running([PYTHON, __file__, "work", str(root)], log, FSBUS_DURABILITY=durability) as process:
        yield process


@contextlib.contextmanager
def node(root: Path, log: Path, durability: str = "power") -> Iterator[subprocess.Popen]:
    """`fsbus up`: every duty of this host."""
    with running([COMMAND, "--root", str(root), "up"], log, FSBUS_DURABILITY=durability, FSBUS_ROOT=str(root)) as process:
        time.sleep(0.5)
        if process.poll() is not None:
            raise PeerError(f"fsbus up ended: {tail(log)}")
        yield process


@contextlib.contextmanager
def reader(root: Path, log: Path) -> Iterator[subprocess.Popen]:
    """`fsbus recv bench --follow`, alone on its bus."""
    with running([COMMAND, "--root", str(root), "recv", AGENT, "--follow"], log) as process:
        yield process


def fsbus_claims(root: Path, n: int) -> float | None:
    """Claim the next n tasks (acked -> running, in order) of agents/bench/inbox with the worker's own parts; seconds.

    The first look at the whole backlog is on the clock, as it is for the walk beside it.
    """
    from fsbus.duties.backlog import Backlog
    from fsbus.duties.baton import Baton
    from fsbus.spool import atomic
    from fsbus.spool.glance import Glance

    inbox = f"{root}/agents/{AGENT}/inbox"
    start = time.perf_counter()
    backlog = Backlog(Baton())
    backlog.add(Glance(inbox).look()[0])
    for _ in range(n):
        name = backlog.take()
        atomic.advance(f"{inbox}/{name}", f"{inbox}/{name.to('running')}")
        backlog.done(name)
    return time.perf_counter() - start


def status_once(root: Path, agent: str = "") -> float:
    """Seconds of one `bus.status()` in this process; a new Bus each time, so that nothing is remembered between rounds."""
    from fsbus import Bus

    bus = Bus(root)
    start = time.perf_counter()
    bus.status(agent)
    return time.perf_counter() - start


def channel_directories(root: Path, agent: str = "*") -> list[str]:
    """The directories that `status` has to know about."""
    return [str(p) for p in sorted((root / "agents").glob(f"{agent}/*")) if p.name in CHANNELS]


def cold_commands(root: Path) -> dict[str, list[str]]:
    """The command lines whose cold start is measured."""
    at = ["--root", str(root)]
    return {
        "fsbus send": [COMMAND, "send", *at, AGENT, "note", "Stop what you are doing"],
        "fsbus-drop": [f"{COMMAND}-drop", *at, AGENT, "Bump the deps, run the tests"],
        "fsbus submit": [COMMAND, "submit", *at, "--to", AGENT, "Bump the deps, run the tests"],
        "fsbus status": [COMMAND, "status", *at],
    }


def waiting(root: Path, count: int) -> None:
    """Pause the worker and give it so many tasks."""
    (root / "agents" / AGENT / "PAUSE").touch()
    ask([PYTHON, __file__, "give", str(root), str(count)], root.parent / "submit.log", FSBUS_DURABILITY="kill")


def queued(root: Path) -> int:
    """How many tasks the worker has not acked."""
    return sum(".queued." in name for name in os.listdir(root / "agents" / AGENT / "inbox"))


def drop(root: Path) -> None:
    """A foreign program that puts DROPS files a second into the worker's inbox, for ever."""
    inbox = root / "agents" / AGENT / "inbox"
    for i in itertools.count():
        (inbox / f".bench-{i}").write_text(f"Bump the deps of part {i}\n")
        (inbox / f".bench-{i}").rename(inbox / f"part-{i}.md")
        time.sleep(1 / DROPS)


if __name__ == "__main__" and sys.argv[1] == "work":
    from fsbus import Bus

    Bus(Path(sys.argv[2])).work(AGENT, lambda task: task.text, dispatch=True)
if __name__ == "__main__" and sys.argv[1] == "drop":
    drop(Path(sys.argv[2]))
if __name__ == "__main__" and sys.argv[1] == "give":
    giver = Client(Path(sys.argv[2]))
    for number in range(int(sys.argv[3])):
        giver.submit(f"task {number}")
