"""What the tests share: a bus in a temporary folder, the real command line, and waiting for conditions."""
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
Done = subprocess.CompletedProcess[str]
PROC = os.environ.get("FAKE_MAC_PROC", "/proc")  # see tests/fake_mac.py
PATIENCE = 30.0  # seconds until a test gives up waiting for a condition
FSBUS = [sys.executable, "-m", "fsbus"]


def clean_env(**more: str) -> dict[str, str]:
    """This environment without what a surrounding fsbus may have put there."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("FSBUS_", "_FSBUS"))} | more


def until(found: Callable[[], T], what: str = "", patience: float = PATIENCE) -> T:
    """Wait for a condition; its first true answer."""
    end = time.monotonic() + patience
    while True:
        answer = found()
        if answer:
            return answer
        assert time.monotonic() < end, f"waited {patience:g} s for {what or found}"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process still runs: there, and not a zombie."""
    if not os.path.isdir(PROC):
        return _stat(pid)[:1] not in ("", "Z")
    try:
        return Path(f"{PROC}/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # gone before the open, or between the open and the read
        return False


def _stat(pid: int) -> str:
    return subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout.strip()


def put(path: Path, text: str) -> None:
    """A file whole at once: who looks meanwhile sees the old one or the new one, and never an empty one."""
    hidden = path.with_name(f".put-{path.name}")
    hidden.write_text(text)
    hidden.rename(path)


class TestBus:
    """A bus and its command line, as a user has them."""

    __test__ = False
    command = FSBUS

    def __init__(self, root: Path) -> None:
        self.root = root
        self._running: list[subprocess.Popen[str]] = []
        self.fsbus("init", str(root), "--host", "here")

    def fsbus(self, *words: str, code: int | None = 0, stdin: str = "", env: dict[str, str] | None = None, **more: Any) -> str:
        """Run a command and return its stdout; `code` is the exit code it must have, None for any."""
        done = self.run(*words, stdin=stdin, env=env, **more)
        assert code is None or done.returncode == code, f"fsbus {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def run(self, *words: str, stdin: str = "", env: dict[str, str] | None = None, **more: Any) -> Done:
        """Run a command and return all of it."""
        full = clean_env(FSBUS_ROOT=str(self.root)) | (env or {})
        how = {"capture_output": True, "text": True, "timeout": 90, "check": False} | more
        return subprocess.run([*self.command, *words], input=stdin, env=full, **how)

    def start(self, *words: str, env: dict[str, str] | None = None, **more: Any) -> subprocess.Popen[str]:
        """Start a command that stays, such as `up`; ended with the test."""
        full = clean_env(FSBUS_ROOT=str(self.root)) | (env or {})
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen([*self.command, *words], text=True, env=full, **(pipes | more))
        self._running.append(process)
        return process

    def up(self, *words: str, **more: Any) -> subprocess.Popen[str]:
        """`fsbus up`, once it says that it runs."""
        process = self.start("up", *words, **more)
        assert process.stderr is not None
        said = b""
        while letter := os.read(process.stderr.fileno(), 1):  # no more than these lines: what is read ahead `communicate` misses
            said += letter
            if said.endswith(b"stop with Ctrl-C\n"):
                return process
        raise AssertionError(f"fsbus up ended with {process.wait()}")

    def stop(self, process: subprocess.Popen[str], number: int = signal.SIGTERM) -> int:
        """Signal a started command and wait for its end; its code."""
        process.send_signal(number)
        process.communicate(timeout=30)
        return process.returncode

    def close(self) -> None:
        """End what still runs."""
        for process in self._running:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def agent(self, name: str, run: str = "", **settings: Any) -> None:
        """An agent of this host, by its files alone."""
        folder = self.root / "agents" / name
        for inner in ("urgent/read", "inbox/rejected", "outbox/late", "runs"):
            (folder / inner).mkdir(parents=True, exist_ok=True)
        lines = {"role": "worker", "home": "here"} | ({"run": run} if run else {}) | settings
        put(folder / "agent.yaml", "".join(f"{k}: {v}\n" for k, v in lines.items()))

    def drop(self, agent: str, name: str, text: str | bytes) -> Path:
        """A file dropped whole into an inbox, as `mv` does it."""
        path = self.root / "agents" / agent / "inbox" / name
        hidden = path.with_name(f".{abs(hash(name))}")
        hidden.write_bytes(text.encode() if isinstance(text, str) else text)
        hidden.rename(path)
        return path

    def ls(self, agent: str, channel: str) -> list[str]:
        """The tasks' and messages' own names in a channel, as `ls` shows them, READMEs and folders left out."""
        folder = self.root / "agents" / agent / channel
        return sorted(p.name for p in folder.iterdir() if p.is_file() and p.name != "README.md" and p.name[0] != ".")

    def task(self, key: str) -> dict[str, Any]:
        """`fsbus status KEY --json`."""
        found: dict[str, Any] = json.loads(self.fsbus("status", key, "--json"))
        return found

    def result(self, key: str) -> dict[str, Any]:
        """`fsbus result KEY --json`, whether it failed or not."""
        found: dict[str, Any] = json.loads(self.fsbus("result", key, "--json", code=None))
        return found
