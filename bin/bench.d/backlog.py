"""Directories full of task names, made quickly: hard links to a few files, since only the names matter."""

import os
from pathlib import Path

LINKS = 50_000  # per file: ext4 allows 65,000
DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # of an id: 0-9 a-z without i l o u


def task_name(i: int, state: str) -> str:
    """The i-th name: times rise by a millisecond, one in ten is urgent (priority 3)."""
    ident, rest = "", i * 2654435761 % 32**6
    for _ in range(6):
        rest, digit = divmod(rest, 32)
        ident += DIGITS[digit]
    hours, minutes, seconds, millis = i // 3600000 % 24, i // 60000 % 60, i // 1000 % 60, i % 1000
    return f"{3 if i % 10 == 7 else 5}-20261122-{hours:02}{minutes:02}{seconds:02}{millis:03}-{ident}-bump-deps.a1.{state}.md"


def fill(directory: Path, count: int, state: str, store: Path) -> None:
    """Put `count` names in this state into the directory, in another order than the sorted one. `store` holds the files."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    store.mkdir(exist_ok=True)
    for i in range(count):
        if i % LINKS == 0:
            source = str(store / f"{directory.parent.name}-{directory.name}-{i}")
            Path(source).write_text("Bump the deps, run the tests\n")
            os.chmod(source, 0o600)
        os.link(source, f"{directory}/{task_name(i * 7919 % count, state)}")
