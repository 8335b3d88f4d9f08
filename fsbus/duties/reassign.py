"""Making the next attempt of a task: dispatch alone does it, and each step may be repeated after a kill.

    brief (a dot-file: what happened before)  ->  a<N+1>.queued, no replace  ->  word to whoever still has a<N>

The text is the same, the number is the fence: a worker that comes back with an older attempt stops it, and whatever
it still publishes goes to `late/`.
"""
from __future__ import annotations

from fsbus.core import brief, flat
from fsbus.core.decide import Again
from fsbus.core.names import TaskName
from fsbus.core.order import brief_of
from fsbus.core.task import MAX_BYTES
from fsbus.duties.ledger import Account
from fsbus.duties.orders import Orders
from fsbus.duties.shop import Shop
from fsbus.spool import atomic, careful, channel, message
from fsbus.spool.channel import Place


def make(shop: Shop, place: Place, to: Again, account: Account, found: list[Place]) -> TaskName | None:
    """Give the next attempt of the task at `place` to `to.agent`; None if a later attempt is there already.

    `found`: all places of the task, as of this pass; dispatch alone makes attempts, so that none came meanwhile.
    """
    old: TaskName = place.name
    if is_overtaken(old, found):
        return None
    text = careful.read(channel.path(shop.tree, place), MAX_BYTES)
    new = old._replace(attempt=old.attempt + 1, state="queued")
    inbox = shop.tree.folder(to.agent, "inbox")
    atomic.folder(inbox)
    if account.history or account.note:
        told = flat.dump(brief.data(account.history, account.note))
        atomic.replace(brief_of(inbox, new.key, new.attempt), told.encode(), sync=True)
    if not atomic.note(f"{inbox}/{new}", text):
        return None
    event = f"{old.state} > queued"
    shop.journal.record("dispatch", new.key, event, to.why, agent=to.agent, attempt=new.attempt, rule=to.rule)
    if place.agent != shop.agent.name and old.state in ("queued", "acked", "running"):
        supersede(shop, place)
    shop.wake()
    return new


def is_overtaken(name: TaskName, found: list[Place]) -> bool:
    """Whether a later attempt of the task lies at one of these places."""
    return any(place.name.attempt > name.attempt for place in found)


def supersede(shop: Shop, place: Place) -> None:
    """Tell the worker that has this attempt that it is over, once: it does not start it, or stops it."""
    told = Orders(shop.tree, place.agent).look().get(place.name.key)
    if told is not None and told.covers(place.name.attempt):
        return
    order = {"task": place.name.key, "attempt": str(place.name.attempt)}
    message.post(shop.tree, place.agent, "cancel", shop.agent.name, "a later attempt took its place", order)
