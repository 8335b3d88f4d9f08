"""What dispatch is asked by message: to cancel a task wherever it is, and to try one again (`fsbus retry`).

A cancel stays until its task has ended, so that it is seen before every new attempt; it is passed on to whoever has
the task now. What asks for another attempt of a task that is done stays until that has ended, too: meanwhile both lie
in the tree, the `done` and the attempt, and it tells readers which of them speaks (`views/story.present`).
"""
from __future__ import annotations

import time

from fsbus.core.decide import Again
from fsbus.core.names import MessageName
from fsbus.duties import collect, reassign
from fsbus.duties.crossing import too_old
from fsbus.duties.ledger import Account
from fsbus.duties.orders import Order, Orders
from fsbus.duties.settle import Settling
from fsbus.duties.shop import Shop
from fsbus.spool import channel, message, room
from fsbus.spool.channel import Place
from fsbus.views import story


class Asked:
    """Dispatch's `urgent/`, as far as it obeys it."""

    def __init__(self, shop: Shop, orders: Orders, settling: Settling) -> None:
        self.shop, self._orders, self._settling = shop, orders, settling
        self._under_way: set[MessageName] = set()  # further attempts that were made and have not ended

    def step(self, orders: dict[str, Order]) -> None:
        """See to each cancel, `orders`, and make the further attempts that people asked for."""
        for order in orders.values():
            with self.shop.apart(f"{order.key} cannot be cancelled"):
                self._cancel(order)
        assigns = self._orders.assigns()
        for asked in assigns:
            with self.shop.apart(f"{asked.key} cannot be tried again"):
                self._again(asked)
        self._under_way.intersection_update([asked.message for asked in assigns])

    def _cancel(self, order: Order) -> None:
        """Pass it on to whoever has its task; it is filed when the task has ended."""
        found = channel.places(self.shop.tree, order.key)
        last = story.present(self.shop.tree, found) if found else None
        if last is not None and last.collected:
            self._orders.file(order.message)
        elif last is not None and self._is_anothers(last) and order.key not in Orders(self.shop.tree, last.agent).look():
            self._pass_on(order, last)

    def _is_anothers(self, place: Place) -> bool:
        return not place.ended and place.agent != self.shop.agent.name

    def _pass_on(self, order: Order, place: Place) -> None:
        words = "passed on by dispatch"
        message.post(self.shop.tree, place.agent, "cancel", order.message.sender, words, {"task": order.key})

    def _again(self, asked: Order) -> None:
        if asked.message not in self._under_way:
            if self._retry(asked):
                self._under_way.add(asked.message)
            else:
                self._orders.file(asked.message)

    def _retry(self, asked: Order) -> bool:
        """Make the attempt, whatever of that was done before a kill; whether its order stays until it has ended."""
        found = channel.places(self.shop.tree, asked.key)
        place = channel.truth(found) if found else None
        if place is None or not place.collected:
            return False  # made already
        if self._is_too_late(asked, place):
            return False
        account = self._settling.ledger.account(place.name.key)
        if account.order not in ("", asked.message.key):
            return False  # another one is under way
        if not account.order:
            account = self._opened(asked, found, place)
        self._make(asked, found, place, account)
        if place.name.state == "failed":
            collect.put_aside(self.shop, place, "a further attempt was asked for")
        return bool(place.name.state == "done")

    def _agent(self, asked: Order, place: Place) -> str:
        """Who is to have it: the one that was asked for, else the one whose result counts."""
        return str(self._orders.said(asked.message).get("agent") or story.result(self.shop.tree, place).get("agent") or "")

    def _is_too_late(self, asked: Order, place: Place) -> bool:
        """Whether the task does not reach that agent any more; who asked is told."""
        late = too_old(self.shop, place.name.key, self._agent(asked, place), time.time())
        if late is not None:
            words, about = f"no further attempt of {place.name.slug}: {late.sentence()}", {"task": place.name.key}
            message.post(self.shop.tree, asked.message.sender, "status", self.shop.agent.name, words, about)
        return late is not None

    def _opened(self, asked: Order, found: list[Place], place: Place) -> Account:
        """The task's account for what comes now. Its marker goes first: a marked task with an account would be closed.

        Not on a full disk: without either of them another end of this task would be collected beside its result.
        """
        key, had = place.name.key, place.name.attempt if place.name.state == "done" else 0
        last = max(p.name.attempt for p in found if p.ended)
        note = str(self._orders.said(asked.message).get("text") or "")
        account = Account(key, self._settling.history_of(key), note, last, order=asked.message.key, had=had)
        room.need_room(self.shop.tree.root)
        collect.reopen(self.shop, key)
        self._settling.ledger.keep(account)
        self._settling.forget_alarm(key)
        return account

    def _make(self, asked: Order, found: list[Place], place: Place, account: Account) -> None:
        """The attempt after the last one that ended; by the agent that was asked for, else the one whose result counts."""
        why = f"asked for by {asked.message.sender}" + (f": {account.note}" if account.note else "")
        last = next(p for p in found if p.ended and p.name.attempt == account.since)
        reassign.make(self.shop, last, Again(self._agent(asked, place), time.time(), why, "by hand"), account, found)
