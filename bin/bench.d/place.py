"""Where the benchmark's trees lie: on the real disk, spread over the disk's block groups.

ext4 without a journal passes over every inode freed in the last minutes in a block group, so a create costs 16 us in a fresh
place and up to 564 us where files were just deleted. Hence: a parent with `chattr +T` (its directories are spread over block
groups), nothing deleted before the end of the run, and each new tree is probed and replaced when its creates are slow.
"""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

PROBES = 40  # creates per probe: about 1 ms in a good place
TRIES = 6  # places to look at before taking the best of them
SLOW = 2.5  # times the best seen in this run: such a place is not taken


class Place:
    """A run's temp directory; `fresh` gives trees in it."""

    def __init__(self, parent: Path) -> None:
        parent.mkdir(parents=True, exist_ok=True)
        if shutil.which("chattr"):
            subprocess.run(["chattr", "+T", parent], capture_output=True)
        self.parent = parent
        self.made: list[Path] = []
        self.best = float("inf")  # the quickest create seen, us
        self.worst = 0.0  # the slowest one among the places that were taken, us
        self.filesystem = filesystem(parent)

    def fresh(self, name: str) -> Path:
        """A new directory whose creates are as quick as this disk can."""
        seen = []
        for _ in range(TRIES):
            path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.parent))
            self.made.append(path)
            cost = probe(path)
            self.best = min(self.best, cost)
            seen.append((cost, path))
            if cost < SLOW * self.best:
                break
        cost, path = min(seen)
        self.worst = max(self.worst, cost)
        return path

    def close(self) -> None:
        """Remove everything, at the end and in bulk."""
        for path in self.made:
            shutil.rmtree(path, ignore_errors=True)

    def remark(self) -> str:
        """One line about what may have spoiled the figures."""
        text = f"trees on {self.filesystem}; a create costs {self.best:.0f} us (worst place taken {self.worst:.0f} us)"
        if self.filesystem in {"tmpfs", "ramfs"}:
            text += "; THIS IS MEMORY, NOT A DISK: level D means nothing here"
        if self.worst > SLOW * self.best:
            text += "; files were deleted here lately, wait six minutes for clean figures"
        return text


def probe(path: Path) -> float:
    """Median microseconds of a create in this directory's block group. The files stay: deleting them is what would spoil it."""
    inside = path / ".probe"
    inside.mkdir()
    spent = []
    for i in range(PROBES):
        start = time.perf_counter()
        os.close(os.open(f"{inside}/{i}", os.O_CREAT | os.O_WRONLY, 0o600))
        spent.append(time.perf_counter() - start)
    return sorted(spent)[PROBES // 2] * 1e6


def filesystem(path: Path) -> str:
    """The type of the file system as `df` calls it, and whether an ext4 has a journal.

    Without one, fsyncs of two processes in one tree hold each other up, and an fsync of a file does not carry earlier renames.
    """
    done = subprocess.run(["df", "-PT", str(path)], capture_output=True, text=True)
    words = done.stdout.splitlines()[-1].split() if done.returncode == 0 else []
    if len(words) < 2:
        return "an unknown file system"
    task = Path(f"/sys/fs/ext4/{words[0].rpartition('/')[2]}/journal_task")
    bare = task.exists() and task.read_text().strip() == "<none>"
    return f"{words[1]} without a journal" if bare else words[1]
