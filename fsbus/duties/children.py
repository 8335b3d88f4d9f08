"""The children of requests: made once each as the plan says, looked after until all have ended.

A plan is never changed after it was written, and names each child's key, so that making a child again is a no-op.
What this process made or saw is remembered: nothing is concluded from a name that a scan did not show.
"""
from __future__ import annotations

import errno
from typing import Any

from fsbus.core import gate
from fsbus.core.errors import FsbusError
from fsbus.core.result import KINDS
from fsbus.duties.orders import Order, Orders
from fsbus.duties.shop import Shop
from fsbus.spool import careful, channel, message
from fsbus.spool.channel import Place
from fsbus.spool.submit import submit
from fsbus.views import story

PLAN_LIMIT = 16 << 20  # bytes; an answer of 1 MiB, escaped
SAID = ("agent", "summary", "result", "error")  # of a child's result, gathered in that of its request

Child = dict[str, Any]  # how one ended


class Children:
    """All children of one dispatch's open requests."""

    def __init__(self, shop: Shop, orders: Orders) -> None:
        self.shop, self._orders = shop, orders
        self._plans: dict[str, list[tuple[str, dict[str, Any]]]] = {}  # by path, each read until it tells its children
        self._there: set[str] = set()  # keys that were made or seen
        self._ended: dict[str, Child] = {}

    def follow(self, plan: str, order: Order | None) -> list[Child] | None:
        """Make those that are missing, call them off if `order` says so; how all ended, None while one has not."""
        rows = self._rows(plan)
        if not rows:  # a plan has children: this one was damaged, and nothing is concluded from that
            raise OSError(errno.EIO, "the plan cannot be read", plan)
        open_ = {key for key, _ in rows if key not in self._ended}
        found = channel.places_of(self.shop.tree, open_)
        self._there |= found.keys()
        for key, fields in rows:
            if key in open_:
                with self.shop.apart(f"the child {key} cannot be followed"):
                    self._one(key, fields, found.get(key, []), order)
        return [self._ended[key] for key, _ in rows] if all(key in self._ended for key, _ in rows) else None

    def forget(self, plan: str) -> None:
        """Its request has ended."""
        for key, _ in self._plans.pop(plan, []):
            self._there.discard(key)
            self._ended.pop(key, None)

    def _rows(self, plan: str) -> list[tuple[str, dict[str, Any]]]:
        if not self._plans.get(plan):
            found = gate.own(careful.read_text(plan, PLAN_LIMIT) or "")
            rows = found.get("children", []) if isinstance(found, dict) else []
            self._plans[plan] = [(str(row["key"]), row["fields"]) for row in rows]
        return self._plans[plan]

    def _one(self, key: str, fields: dict[str, Any], places: list[Place], order: Order | None) -> None:
        if not places:
            if key not in self._there:
                self._make(key, fields, order)
            return
        place = channel.truth(places)
        if story.final(place):
            said = story.result(self.shop.tree, place)
            kept = {name: said[name] for name in SAID if said.get(name) is not None}
            kept |= {"files": said["files"]} if said.get("files") else {}
            self._ended[key] = {"key": key, "slug": place.name.slug, "state": place.name.state} | kept
        elif order is not None and key not in self._orders.look():
            me, words = self.shop.agent.name, "its request was cancelled"
            message.post(self.shop.tree, me, "cancel", order.message.sender, words, {"task": key})

    def _make(self, key: str, fields: dict[str, Any], order: Order | None) -> None:
        if order is not None:
            self._ended[key] = _never(key, fields, "cancelled", KINDS["cancelled"])
            return
        try:
            submit(self.shop.tree, self.shop.journal, fields, self.shop.agent.name, key)
            self._there.add(key)
        except FsbusError as error:  # a plan that asks for what its agent does not allow
            self._ended[key] = _never(key, fields, "bad-input", error.sentence())


def _never(key: str, fields: dict[str, Any], kind: str, what: str) -> Child:
    title = str(fields.get("title") or fields.get("task"))[:80]
    return {"key": key, "title": title, "state": "failed", "error": {"what": f"never made: {what}", "kind": kind}}
