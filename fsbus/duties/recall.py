"""Ending what was called off where it lies in an inbox, with no process to stop.

A worker does so with what waits for a slot (`obeying`). For a person, who has no worker, the duty `adopt` of their host
does, whether the task waits or is in their hands: they hear of it at their next `fsbus task progress` or `done`.
"""
from __future__ import annotations

import time

from fsbus.core.names import TaskName
from fsbus.core.result import Outcome
from fsbus.duties import ending
from fsbus.duties.orders import CallOff, Orders
from fsbus.duties.shop import Shop
from fsbus.spool import channel
from fsbus.spool.tree import Tree


def lying(shop: Shop, order: CallOff) -> list[TaskName]:
    """What this is about in the inbox, from two scans, since one may miss a name that is being renamed."""
    names = [n for _ in (1, 2) for n in channel.tasks(channel.listing(shop.folder("inbox")), "inbox")]
    return [n for n in names if n.key == order.key and order.covers(n.attempt)]


def end(shop: Shop, name: TaskName, order: CallOff) -> None:
    """End it as the order says. Raises OSError if the disk refuses; calling it again continues."""
    now = time.time()
    ending.end(shop, name, Outcome(order.failure(name.state)), now, now, 0)


def has_ended(tree: Tree, key: str) -> bool:
    """Whether the task has ended, whoever had it."""
    found = channel.places(tree, key)
    return bool(found) and channel.truth(found).ended


def obey(shop: Shop, orders: Orders) -> None:
    """Carry out every cancel of what lies with a person; one that is about another's task is theirs to read."""
    for order in list(orders.look().values()):
        mine = lying(shop, order)
        for name in mine:
            end(shop, name, order)
        if mine:
            orders.file(order.message)
