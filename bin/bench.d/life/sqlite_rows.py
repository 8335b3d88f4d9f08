"""Tasks as rows of an SQLite table in WAL mode, 4 statements and commits each: what any queue on SQLite can reach at best.

Level D: synchronous FULL. Level P: synchronous NORMAL, which syncs at checkpoints only.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pair
from life import Entrant

ENTRANTS = [
    Entrant("SQLite rows, WAL NORMAL", "P", "NORMAL"),
    Entrant("SQLite rows, WAL FULL", "D", "FULL", bar=1),
]
TAKE = "update {0} set state = 'running' where id = (select min(id) from {0} where state = 'queued') returning id, text"


class Rows:
    """One table."""

    def __init__(self, base: sqlite3.Connection, table: str) -> None:
        self.base, self.table = base, table
        base.execute(f"create table if not exists {table} (id integer primary key, state text, text text)")
        base.execute(f"create index if not exists {table}_state on {table} (state, id)")

    def put(self, text: str) -> None:
        """One row, committed."""
        self.base.execute(f"insert into {self.table} (state, text) values ('queued', ?)", (text,))

    def taken(self) -> Iterator[str]:
        """Claim, hand over, end."""
        while found := self.base.execute(TAKE.format(self.table)).fetchall():
            yield found[0][1]
            self.base.execute(f"update {self.table} set state = 'done' where id = ?", (found[0][0],))


def queues(place: Path, setting: str) -> tuple[Rows, Rows]:
    """See pair.py."""
    base = sqlite3.connect(place / "rows.db", isolation_level=None, timeout=30)
    base.execute("pragma journal_mode = wal")
    base.execute(f"pragma synchronous = {setting}")
    return Rows(base, "tasks"), Rows(base, "results")


def connect(place: Path, setting: str) -> pair.Client:
    """See life/__init__.py."""
    return pair.Client(*queues(place, setting))


def serve(place: Path, setting: str):
    """One worker process."""
    return pair.served("sqlite_rows", place, setting)
