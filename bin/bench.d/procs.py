"""Processes of the benchmark: started in their own session with a log file, stopped by id, never by name."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
PATIENCE = 10.0  # seconds between TERM and KILL
BARRIERS = "fsync,fdatasync,syncfs,sync,sync_file_range,msync"  # the calls that strace counts
tracing: list[Path] = []  # where strace writes, while `barriers` is on


def traced(command: list[str]) -> list[str]:
    """The command, under strace while barriers are counted."""
    if not tracing:
        return command
    return [
        "strace",
        "-DD",
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-e",
        f"trace={BARRIERS}",
        "-e",
        "signal=none",
        "-A",
        "-o",
        str(tracing[0]),
        *command,
    ]


@contextlib.contextmanager
def barriers(log: Path) -> Iterator[list[int]]:
    """Count the barriers of every process started in the block; the count is in the list afterwards."""
    count: list[int] = []
    tracing.append(log)
    try:
        yield count
    finally:
        tracing.clear()
        time.sleep(0.3)  # strace writes its last lines after the process ended
    text = log.read_text(errors="replace") if log.exists() else ""
    count.append(sum(1 for line in text.splitlines() if "resumed>" not in line))


class PeerError(Exception):
    """A peer did not start, or did not finish in time; the text says which and shows the end of its log."""


def environ(**more: str) -> dict[str, str]:
    """The environment of every peer: our modules importable, no bytecode written next to them."""
    return {**os.environ, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1", **more}


@contextlib.contextmanager
def running(command: list[str], log: Path, **more: str) -> Iterator[subprocess.Popen]:
    """A process that lives as long as the block. `more` goes into its environment."""
    with open(log, "ab") as out:
        process = subprocess.Popen(
            traced(command),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=environ(**more),
            cwd=HERE,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen) -> None:
    """TERM, wait, then KILL what is left of the process group that `running` made."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            pass
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def tail(log: Path, size: int = 300) -> str:
    """The end of a log, on one line."""
    try:
        return " | ".join(log.read_text(errors="replace")[-size:].split("\n")).strip()
    except OSError:
        return ""


def ask(command: list[str], log: Path, timeout: float = 300, **more: str) -> str:
    """Run a command to its end and return its stdout. Its stderr goes to the log."""
    with open(log, "ab") as err:
        try:
            done = subprocess.run(
                traced(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=err,
                env=environ(**more),
                cwd=HERE,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired:
            raise PeerError(f"not finished after {timeout:.0f} s: {tail(log)}") from None
    if done.returncode:
        raise PeerError(f"exit code {done.returncode}: {tail(log)}")
    return done.stdout.decode()


PYTHON = sys.executable


@contextlib.contextmanager
def redis_server(place: Path, *, durable: bool) -> Iterator[str]:
    """A private redis-server on a unix socket, no TCP port; yields the socket's path.

    durable: AOF with appendfsync always (level D). Otherwise neither AOF nor snapshots (level M). Its files lie in `place`,
    on the real disk; only the socket lies in the system's temp directory, because a socket's path must stay under 108 bytes.
    """
    keep = ["--appendonly", "yes", "--appendfsync", "always"] if durable else ["--appendonly", "no"]
    nook = tempfile.mkdtemp(prefix="fsbus-bench-")
    socket = f"{nook}/redis.sock"
    data = place / "redis"
    data.mkdir()
    command = [
        "redis-server",
        "--port",
        "0",
        "--unixsocket",
        socket,
        "--dir",
        str(data),
        "--save",
        "",
        "--daemonize",
        "no",
        *keep,
    ]
    try:
        with running(command, place / "redis.log") as process:
            wait_for(lambda: os.path.exists(socket), process, place / "redis.log")
            yield socket
    finally:
        shutil.rmtree(nook, ignore_errors=True)


def wait_for(ready, process: subprocess.Popen, log: Path, seconds: float = 20) -> None:
    """Poll until ready() or the process ended."""
    end = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            raise PeerError(f"did not come up: {tail(log)}")
        time.sleep(0.01)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listening(port: int) -> bool:
    """Whether somebody does now."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
