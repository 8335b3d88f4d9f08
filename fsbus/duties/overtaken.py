"""Attempts that another one has overtaken, wherever they wait or run: dispatch calls them off.

Dispatch itself does so when it makes a further attempt; this look finds those that came into the tree otherwise: from a
host that slept, a backup, a person. What other duties listed a moment ago is enough for it: a first attempt costs
nothing.
"""
from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from fsbus.core import attempts
from fsbus.core.names import TaskName
from fsbus.duties import collect, reassign
from fsbus.duties.shop import Shop
from fsbus.spool.channel import Place


def step(shop: Shop, inboxes: dict[str, dict[str, TaskName]], outboxes: Iterable[list[str]]) -> None:
    """Call off each attempt in a worker's inbox of which there is a higher one, or whose task has another as its result."""
    highest = attempts.tops(attempts.later(chain(*inboxes.values(), *outboxes)))
    for agent, tasks in inboxes.items() if highest else ():
        over = set(attempts.overtaken(tasks.values(), highest))
        for name in attempts.later(tasks):
            with shop.apart(f"{name.key} cannot be called off"):
                over.update([name] if collect.counts_instead(shop, name) else ())
        for name in sorted(over) if agent != shop.agent.name else ():
            with shop.apart(f"{name.key} cannot be called off"):
                reassign.supersede(shop, Place(agent, "inbox", name, False))
