"""Telling people and agents how their tasks move: `status` and `result` messages, sent by fsbus itself.

A worker tells dispatch, and whoever the task names in `reply_to`, when it starts a task, and dispatch when it ends
one. Dispatch tells `reply_to` the final result, since a failure may still be retried. All of it can be read from the
names as well, so nothing waits for these messages: they are not synced, and a reader that lets them lie gets no more.
"""
from __future__ import annotations

import time

from fsbus.core.names import TaskName
from fsbus.core.refusal import Refusal
from fsbus.core.task import MAX_BYTES, read
from fsbus.duties.shop import Shop
from fsbus.spool import careful, message, sender
from fsbus.spool.folder import Folder

DEAF = 0.2  # seconds for which a full `urgent/` is taken for full
UNREAD = 20  # messages in `urgent/` with which nothing more of this kind is added: it stays small whatever the traffic


def started(shop: Shop, name: TaskName, reply_to: str) -> None:
    """A command was started."""
    for agent in dict.fromkeys((shop.dispatch(), reply_to)):
        _tell(shop, agent, "status", name, "running")


def ended(shop: Shop, name: TaskName, why: str) -> None:
    """An attempt ended, here; with dispatch itself that is the end of the task."""
    if shop.agent.role == "dispatch":
        final(shop, shop.outbox(name), name, why)
    else:
        _tell(shop, shop.dispatch(), "result", name, name.state, why)


def final(shop: Shop, path: str, name: TaskName, why: str = "") -> None:
    """The task at `path` has its final result: whoever wanted to know is told, by dispatch."""
    try:
        data = careful.read(path, MAX_BYTES)
    except OSError:
        return  # moved on, by a dispatch that was killed here before
    if b"reply_to" not in data:
        return
    task = read(data, name.ext)
    if not isinstance(task, Refusal) and task.reply_to != shop.agent.name:
        _tell(shop, task.reply_to, "result", name, name.state, why or f"{name.slug} is {name.state}")


def _tell(shop: Shop, agent: str, kind: str, name: TaskName, state: str, why: str = "") -> None:
    tree, me = shop.tree, shop.agent.name
    try:
        if not agent or _full(shop, agent) or not tree.has(agent) or not sender.may(tree, me, agent):
            return
        text = f"{why}\nfsbus result {name.key}" if kind == "result" else f"{name.slug} is running at {me}"
        more = {"task": name.key, "title": f"{name.slug}: {state}", "state": state, "attempt": name.attempt}
        key = message.post(tree, agent, kind, me, text, more, sync=False)
    except OSError:
        return  # the names say it
    shop.journal.record(shop.by, key, "stored", f"{kind} for {agent}", agent=agent)


def _full(shop: Shop, agent: str) -> bool:
    """Whether it has enough to read; once it has, it is asked again a little later."""
    now = time.monotonic()
    if now < shop.deaf.get(agent, 0.0):
        return True
    if agent not in shop.mail:
        shop.mail[agent] = Folder(shop.tree.folder(agent, "urgent"))
    full = len(shop.mail[agent].names()) >= UNREAD
    if full:
        shop.deaf[agent] = now + DEAF
    return full
