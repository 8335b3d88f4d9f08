"""What dispatch knows of tasks that failed at least once: their history, the decision, a person's note.

One small file per task in `.node/ledger/`, replaced whole, removed when the task has its final result. It survives
dispatch; if it is lost, the attempt number in the task's name still bounds the starts.
"""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from fsbus.core import brief, flat, gate
from fsbus.core.decide import Again, Past
from fsbus.spool import atomic, careful, channel
from fsbus.spool.tree import Tree


@dataclass(frozen=True, slots=True)
class Account:
    """One task's account."""

    key: str
    history: tuple[Past, ...] = ()  # failed attempts, oldest first
    note: str = ""  # a person's words for the next attempt
    since: int = 0  # attempts up to this number are not counted: a person looked at them and wants more
    next: Again | None = None  # the next attempt, decided and not yet made
    order: str = ""  # the key of the message by which a person asked for the attempts after `since`
    had: int = 0  # the attempt that was its result then, 0 if none was: a second end of it is not collected

    @property
    def counted(self) -> tuple[Past, ...]:
        """The failed attempts that the policy counts."""
        return tuple(past for past in self.history if past.attempt > self.since)

    def after(self, past: Past) -> Account:
        """With one more failed attempt; the same attempt twice is one."""
        if any(p.attempt == past.attempt for p in self.history):
            return self
        return replace(self, history=(*self.history, past))


class Ledger:
    """All accounts; dispatch alone writes them, and remembers which there are."""

    def __init__(self, tree: Tree) -> None:
        self._folder = tree.node("ledger")
        atomic.folder(self._folder)
        self._open = {name.removesuffix(".yaml") for name in channel.listing(self._folder)}

    def account(self, key: str) -> Account:
        """A task's account; an empty one if it has none."""
        text = careful.read_text(f"{self._folder}/{key}.yaml")
        found = gate.own(text) if text else None
        if not isinstance(found, dict):
            return Account(key)
        history, note = brief.read(found)
        since, had = (number if isinstance(number, int) else 0 for number in map(found.get, ("since", "had")))
        return Account(key, history, note, since, _next(found.get("next")), str(found.get("order") or ""), had)

    def open(self) -> list[str]:
        """The tasks that have one."""
        return list(self._open)

    def keep(self, account: Account) -> None:
        """Write an account."""
        values = brief.data(account.history, account.note) | {"since": account.since, "order": account.order, "had": account.had}
        if account.next is not None:
            to = account.next
            values["next"] = {"agent": to.agent, "at": to.at, "why": to.why, "rule": to.rule}
        self._open.add(account.key)
        atomic.replace(f"{self._folder}/{account.key}.yaml", flat.dump(values).encode())

    def has(self, key: str) -> bool:
        """Whether a task has one, as every task with a second attempt has."""
        return key in self._open

    def close(self, key: str) -> None:
        """The task has its final result."""
        self._open.discard(key)
        atomic.discard(f"{self._folder}/{key}.yaml")


def _next(found: Any) -> Again | None:
    if not isinstance(found, dict) or not isinstance(found.get("at"), (int, float)):
        return None
    return Again(str(found.get("agent")), float(found["at"]), str(found.get("why")), str(found.get("rule")))
