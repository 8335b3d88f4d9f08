"""What dispatch is asked by message: to cancel a task wherever it is, and to try one again (`fsbus retry`).

A cancel stays until its task has ended, so that it is seen before every new attempt; it is passed on to whoever has
the task now.
"""
from __future__ import annotations

import time

from fsbus.core.decide import Again
from fsbus.duties import collect, reassign
from fsbus.duties.ledger import Account
from fsbus.duties.orders import Order, Orders
from fsbus.duties.settle import Settling
from fsbus.duties.shop import Shop
from fsbus.spool import channel, message
from fsbus.spool.channel import Place
from fsbus.views import story


class Asked:
    """Dispatch's `urgent/`, as far as it obeys it."""

    def __init__(self, shop: Shop, orders: Orders, settling: Settling) -> None:
        self.shop, self._orders, self._settling = shop, orders, settling

    def cancels(self, orders: dict[str, Order]) -> None:
        """Pass each cancel on to whoever has its task, and file it when the task has ended."""
        for order in orders.values():
            found = channel.places(self.shop.tree, order.key)
            last = channel.truth(found) if found else None
            if last is None or last.agent == self.shop.agent.name or last.collected:
                if last is not None and last.collected:
                    self._orders.file(order.message)
                continue
            if not last.ended and order.key not in Orders(self.shop.tree, last.agent).look():
                self._pass_on(order, last)

    def _pass_on(self, order: Order, place: Place) -> None:
        words = "passed on by dispatch"
        message.post(self.shop.tree, place.agent, "cancel", order.message.sender, words, {"task": order.key})

    def retries(self) -> None:
        """Make the further attempts that people asked for."""
        for asked in self._orders.assigns():
            self._retry(asked)
            self._orders.file(asked.message)

    def _retry(self, asked: Order) -> None:
        said = self._orders.said(asked.message)
        found = channel.places(self.shop.tree, asked.key)
        place = channel.truth(found) if found else None
        if place is None or not place.collected:
            return  # made already, before a crash of ours
        old = story.result(self.shop.tree, place)
        history = self._settling.history_of(place.name.key)
        account = Account(place.name.key, history, str(said.get("text") or ""), place.name.attempt)
        self._settling.ledger.keep(account)
        agent = str(said.get("agent") or old.get("agent") or "")
        why = f"asked for by {asked.message.sender}" + (f": {account.note}" if account.note else "")
        reassign.make(self.shop, place, Again(agent, time.time(), why, "by hand"), account)
        self._settling.forget_alarm(place.name.key)
        collect.reopen(self.shop, place.name.key)  # first: killed after this, all of it is done again
        collect.put_aside(self.shop, place, "a further attempt was asked for")
