"""What the sweeps share: a bus to break, a child that breaks it (`die.py`), and what may be left of it afterwards.

Nothing here asks fsbus what happened: states are read from names, starts from a file that the agent's command appends
to outside of the bus, and what still runs from /proc.
"""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fsbus.core.names import TaskName, parse_task
from tests.kit import PROC, TestBus, clean_env

COMMAND = """\
echo "$FSBUS_KEY.a$FSBUS_ATTEMPT" >> "$FSBUS_ROOT/../started"
cat > "$FSBUS_FILES/left.txt"
ln -s /etc "$FSBUS_FILES/link"
echo said
"""
NOT_SHOWN = ("README.md", "rejected", "late", "read")  # of what lies in a channel
ENDED = ("done", "failed")
OLD = 7200.0  # seconds: older than any half-written file may get


@dataclass(frozen=True)
class Ended:
    """How a child ended."""

    code: int  # negative: by that signal
    stdout: str
    stderr: str
    steps: list[str]  # the mutating calls it made, or was about to make
    pid: int

    @property
    def killed(self) -> bool:
        """Whether it died where it was told to."""
        return self.code == -9


@dataclass
class Wreck:
    """A bus, looked at through its files alone."""

    root: Path
    started_file: Path = field(init=False)

    def __post_init__(self) -> None:
        self.started_file = self.root.parent / "started"

    def names(self, agent: str, channel: str) -> list[str]:
        """What `ls` shows in a channel."""
        folder = self.root / "agents" / agent / channel
        return sorted(p.name for p in folder.iterdir() if p.name[0] != "." and p.name not in NOT_SHOWN)

    def tasks(self) -> list[tuple[str, TaskName]]:
        """Every task and where it lies, as `agent/channel`, `agent/outbox/late` or `archive/day`."""
        found = []
        for path in sorted(self.root.rglob("*.a*.*")):
            name = parse_task(path.name)
            place = str(path.parent.relative_to(self.root))
            if name is not None and path.is_file() and "/runs/" not in f"/{place}/":
                found.append((place.removeprefix("agents/"), name))
        return found

    def path(self, place: str, name: object) -> Path:
        """Where a task of `tasks` lies."""
        return self.root / (place if place.startswith("archive") else f"agents/{place}") / str(name)

    def result(self) -> bytes:
        """The result file, wherever it is; b'' before there is one. Never two."""
        found = [p for p in self.root.rglob("*.result.yaml") if p.name[0] != "." and "runs" not in p.parts]
        assert len(found) <= 1, found
        return found[0].read_bytes() if found else b""

    def started(self) -> list[str]:
        """One line per start of the agent's command."""
        return self.started_file.read_text().splitlines() if self.started_file.exists() else []

    def stage(self) -> str:
        """How far the one task is, from names: absent, dropped, queued ... collected, archived."""
        found = self.tasks()
        if not found:
            return "dropped" if self._drops() else "absent"
        place, name = max(found, key=lambda f: (f[0].startswith("archive"), f[0] == "dispatch/outbox", f[1].state in ENDED))
        if place.startswith("archive") or place == "dispatch/outbox":
            return "archived" if place.startswith("archive") else "collected"
        if name.state in ENDED:
            return "ended"
        if self.result():
            return "published"
        case = (self.root / "agents" / place.split("/")[0] / "runs" / name.run).is_dir()
        return "marked" if case and name.state == "acked" else str(name.state)

    def hidden(self) -> list[str]:
        """Every dot-file of the bus, but for `.node` itself."""
        return sorted(str(p.relative_to(self.root)) for p in self.root.rglob(".*") if p.name != ".node")

    def snapshot(self) -> dict[str, bytes]:
        """Everything that counts: not the journal, the beats, locks and bells, nor half-written files of dead processes."""
        ignored = ("log/", ".node/locks", ".node/bells")
        return {name: content for name, content in self._all() if not name.startswith(ignored) and "alive.yaml" not in name}

    def age_hidden(self) -> None:
        """Make what is half-written look old, so that it may be swept now."""
        for name in self.hidden():
            os.utime(self.root / name, (time.time() - OLD,) * 2)

    def _all(self) -> Iterator[tuple[str, bytes]]:
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if path.name.startswith(".new-"):
                continue
            yield name, os.readlink(path).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""

    def _drops(self) -> list[Path]:
        inboxes = self.root.glob("agents/*/inbox/*")
        return [p for p in inboxes if p.is_file() and p.name != "README.md" and not p.name.startswith(".new-")]


class Rig:
    """A server that forks children to die, and copies of one prepared bus for them to break."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._points = 0
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.die", "serve"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=clean_env(),
        )  # fmt: skip

    def close(self) -> None:
        """End the server."""
        self._server.communicate(timeout=30)

    def bus(self) -> TestBus:
        """The bus to prepare: one attempt per task, an agent `does` that says when it is started, one that pulls."""
        bus = TestBus(self.folder / "template/bus")
        config = bus.root / "bus.yaml"
        config.write_text(config.read_text().replace("attempts: 3", "attempts: 1"))
        (bus.root.parent / "command.sh").write_text(COMMAND)
        bus.agent("does", f"/bin/sh {bus.root.parent}/command.sh", accepts="thing")
        bus.agent("pulls")
        bus.fsbus("init", str(bus.root))  # the README.md of these two
        return bus

    def copy(self) -> Wreck:
        """A copy of the prepared bus, to be broken."""
        self._points += 1
        place = self.folder / f"point{self._points}"
        shutil.copytree(self.folder / "template", place, symlinks=True, ignore=_bells)
        return Wreck(place / "bus")

    def drop(self, wreck: Wreck) -> None:
        """A copy that has served."""
        shutil.rmtree(wreck.root.parent)

    def fsbus(self, wreck: Wreck, *words: str, number: int = 0, mode: str = "never", steps: str = "") -> Ended:
        """`fsbus words...` in a child, which dies at call `number` of those that `steps` describes."""
        env = clean_env(FSBUS_ROOT=str(wreck.root), DIE_STEPS=steps)
        asked = {"number": number, "mode": mode, "words": list(words), "env": env}
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(asked) + "\n")
        self._server.stdin.flush()
        return Ended(**json.loads(self._server.stdout.readline()))

    def tick(self, wreck: Wreck) -> Ended:
        """`fsbus tick`, undisturbed."""
        ended = self.fsbus(wreck, "tick")
        assert ended.code == 0, ended.stderr
        return ended


def _bells(folder: str, names: list[str]) -> list[str]:
    """Named pipes cannot be copied, and need not be: each belonged to one process."""
    return names if folder.endswith("/.node/bells") else []


def running_with(key: str) -> list[int]:
    """The processes whose environment says that they work on this task; not by fsbus's own look. A Mac hides it: none there."""
    wanted = f"FSBUS_KEY={key}".encode()
    found = []
    for name in os.listdir(PROC) if os.path.isdir(PROC) else []:
        try:
            words = Path(f"{PROC}/{name}/environ").read_bytes().split(b"\0") if name.isdigit() else []
        except OSError:
            continue
        found += [int(name)] if wanted in words else []
    return found


def result_of(content: bytes) -> dict[str, Any]:
    """A result file as data; it must be whole."""
    from fsbus.core import gate

    assert content.endswith(b"\n"), content
    found = gate.values(content.decode())
    assert isinstance(found, dict), found
    return found
