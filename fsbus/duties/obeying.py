"""What a worker is told: end this task, start that one now, pause, resume; and by the names themselves, which attempt is over.

What is to end runs in a slot, waits for one, or lies in the inbox, and is ended where it is. An order stays until there is
nothing left that it is about. Its callers, the worker's loop and slots, hold the baton.
"""
from __future__ import annotations

from fsbus.core import attempts
from fsbus.core.names import MessageName, TaskName
from fsbus.duties import pulled, recall
from fsbus.duties.attempt import Attempt
from fsbus.duties.backlog import Backlog
from fsbus.duties.orders import CallOff, Order, Orders, Overtaken
from fsbus.duties.shop import Shop
from fsbus.spool import atomic
from fsbus.spool.glance import Glance


class Obeying:
    """One worker's orders, and its hand on what they are about."""

    def __init__(self, shop: Shop, glance: Glance, backlog: Backlog, running: dict[tuple[str, int], Attempt]) -> None:
        """`glance`, `backlog` and `running` are the worker's: what lies in its inbox, waits for a slot, has one."""
        self.shop, self._glance, self._backlog, self._running = shop, glance, backlog, running
        self._orders = Orders(shop.tree, shop.agent.name)

    def step(self) -> None:
        """Carry out what can be carried out now."""
        for order in self._orders.look().values():
            with self.shop.apart(f"{order.key} cannot be called off"):
                self._obey(order)
        for order in self._orders.assigns():
            with self.shop.apart(f"{order.key} cannot be put first"):
                self._urge(order)

    def switch(self) -> None:
        """Pause and resume, as they were sent."""
        for order in self._orders.switches():
            self._switch(order)

    def called_off(self, name: TaskName) -> bool:
        """Whether it is not to be started; it is ended then. Raises OSError if the disk refuses that."""
        order = self._orders.look().get(name.key)
        if order is None or not order.covers(name.attempt):
            return False
        recall.end(self.shop, name, order)
        return True

    def highest(self, fresh: list[TaskName]) -> list[TaskName]:
        """Those without a higher attempt in this inbox; the others, also those seen before, are called off."""
        highest = attempts.tops(attempts.later(self._glance.tasks)) if fresh else {}
        over = set(attempts.overtaken(self._glance.tasks.values(), highest)) if highest else ()
        for name in over:
            with self.shop.apart(f"{name.key} cannot be called off"):
                self._overtake(name)
                continue
            self._glance.forget(name)
        return [name for name in fresh if name not in over]

    def _overtake(self, name: TaskName) -> None:
        order = Overtaken(name.key, name.attempt)
        if not self._withdraw(order) and (name.state != "running" or pulled.is_pulled(self.shop, name)):
            recall.end(self.shop, name, order)

    def _obey(self, order: Order) -> None:
        """Carry out one order as far as it can be now; it is filed when there is nothing left to end."""
        if not self._withdraw(order) and not self._here(order) and (order.attempt or recall.has_ended(self.shop.tree, order.key)):
            self._orders.file(order.message)

    def _withdraw(self, order: CallOff) -> bool:
        """End what this is about, if a slot has it or it waits for one."""
        for (key, number), attempt in list(self._running.items()):
            if key == order.key and order.covers(number):
                attempt.watch.ask(order.reason)
                return True
        waiting = self._backlog.withdraw(order.key, order.covers)
        if waiting is not None:
            try:
                recall.end(self.shop, waiting, order)
            except Exception:
                self._backlog.give_back(waiting)  # it is called off at the next look
                raise
            self._backlog.done(waiting)
        return waiting is not None

    def _urge(self, order: Order) -> None:
        """Start this task now; the order is filed once it runs, or has ended."""
        self._backlog.urge(order.key)
        if any(key == order.key for key, _ in list(self._running)) or recall.has_ended(self.shop.tree, order.key):
            self._orders.file(order.message)

    def _switch(self, order: MessageName) -> None:
        """Pause or resume, as the file PAUSE says it to everybody who looks."""
        path = self.shop.tree.pause(self.shop.agent.name)
        if order.type == "pause":
            words = str(self._orders.said(order).get("text") or "")
            atomic.note(path, f"{words or f'paused by {order.sender}'}\n".encode())
        else:
            atomic.discard(path)
        self._orders.file(order)
        self.shop.journal.record(self.shop.by, order.key, f"{order.type}d", f"{order.sender} said so", agent=self.shop.agent.name)

    def _here(self, order: Order) -> bool:
        """Whether the inbox holds something that this is about; a task that its agent pulled is ended right away."""
        mine = recall.lying(self.shop, order)
        for name in mine:
            if pulled.is_pulled(self.shop, name):
                recall.end(self.shop, name, order)
        return bool(mine)
