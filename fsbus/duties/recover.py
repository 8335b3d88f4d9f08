"""What a dead worker left: found, explained, ended; never started again (DESIGN section 6, crash rules).

For the holder of the worker's lock alone. That the lock is ours proves that no other worker of this host runs the
agent's tasks; what its commands left running is found by the marks in their environment and ended.
"""
from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from fsbus.core.names import TaskName
from fsbus.core.paths import RESULT
from fsbus.core.result import Outcome, failure
from fsbus.duties import ending, whole
from fsbus.duties.case import CLAIMED, COMMAND, PULLED, Case
from fsbus.duties.shop import Shop
from fsbus.duties.trial import marks
from fsbus.spool import atomic, channel, locks, owner

MOMENT, YIELDS = 0.01, 100  # seconds, and how many of them, for another agent to start an attempt or to leave it to us


def all_of(shop: Shop) -> int:
    """Judge every task of this agent that was begun; returns how many were."""
    with _turn(shop) as ours:
        return _judge_all(shop) if ours else 0


def stray(shop: Shop, name: TaskName) -> None:
    """The same for one that says running and that no slot has; what its agent has fetched itself is in its hand."""
    if shop.pulls and _is_its_agents(shop, name, shop.case(name).path):
        return
    with _turn(shop) as ours:
        if ours:
            judge(shop, name)


@contextmanager
def _turn(shop: Shop) -> Iterator[bool]:
    """Whether nobody else is this agent's worker, which then stays so.

    The duty that looks after an agent without a command has not the worker's lock: a worker written in Python may come
    at any moment, and begins nothing before it had its own turn here. Others need none, nor a disk with room for it.
    """
    if not shop.agent.pulls:
        yield True
        return
    with locks.Turn(shop.tree, shop.by):
        yield not (shop.pulls and locks.holder(shop.tree, shop.by))


def _judge_all(shop: Shop) -> int:
    begun = [name for name in channel.tasks(channel.listing(shop.folder("inbox")), "inbox") if _begun(shop, name)]
    for name in sorted(begun):
        with shop.apart(f"{name.key} cannot be put in order"):
            judge(shop, name)
    return len(begun)


def judge(shop: Shop, name: TaskName) -> None:
    """Complete, end as crashed, or sweep one begun attempt whose worker is gone."""
    case = shop.case(name)
    pulled = _is_its_agents(shop, name, case.path)
    if _ended_elsewhere(shop, name):
        _sweep(shop, name)
        return
    left = [] if pulled else owner.kill_all(marks(shop, name), case.outputs())
    ending.follow(shop, name)
    if os.path.exists(shop.outbox(name.run + RESULT)):
        state = ending.result_state(shop.outbox(name.run + RESULT))
        ending.complete(shop, name, "the result was there, only the rename was missing", state)
        return
    if pulled:
        return  # its agent comes back with `fsbus task done`
    began = os.stat(case.path).st_mtime if os.path.isdir(case.path) else time.time()
    what = "its worker was gone" + (f"; ended what it left running: {', '.join(map(str, left))}" if left else "")
    tries = max(1, channel.last_try(case.path))
    gone = failure("crashed", what, tried=(f"try {tries}: crashed: {what}",))
    ending.end(shop, name, Outcome(gone), began, time.time(), tries)


def swept(shop: Shop, name: TaskName) -> bool:
    """Whether an attempt that is to be started lies ended with its worker or dispatch; its lesser name is swept then.

    By exact names: this is asked before every start. What lies elsewhere, the case folder tells. In dispatch's outbox the
    name alone says so, since people tidy results there.
    """
    dispatch = shop.tree.folder(shop.dispatch(), "outbox")
    over = whole.has_end(dispatch, name) or whole.ended_in(name, shop.folder("outbox"), f"{dispatch}/late")
    if over:
        _sweep(shop, name)
    return over


def yielded(shop: Shop, name: TaskName, case: Case) -> bool:
    """Whether another agent of this host has begun this very attempt, whose name somebody copied; ours goes then, unstarted.

    What a peer says of its own agents keeps none of ours from work. To be asked with our own case folder made a moment
    ago: of two that begin at once, one at least sees the other's.
    """
    other = _begun_by(shop, name)
    if not other:
        return False
    case.take_back()
    if any(p.agent != shop.agent.name and p.name.attempt == name.attempt for p in channel.places(shop.tree, name.key)):
        _sweep(shop, name, f"{other} has begun this attempt")
    else:
        now, what = time.time(), failure("crashed", f"{other} has begun this attempt, and its name is not there")
        ending.end(shop, name, Outcome(what), now, now, 0)
    return True


def _begun_by(shop: Shop, name: TaskName) -> str:
    """The other agent of this host that has begun this attempt, '' if none has.

    One that comes after us may have asked before our folder was there, and starts in a moment; or it saw our folder, and
    yields in a moment. So it is waited for, and not the other way round.
    """
    tree, run = shop.tree, f"runs/{name.run}"
    for _ in range(YIELDS):
        other = next((agent for agent in shop.others() if os.access(tree.folder(agent, run), os.F_OK)), "")
        if other <= shop.agent.name or not os.path.lexists(f"{tree.folder(other, 'inbox')}/{name.to('acked')}"):
            break
        with shop.baton.aside:
            time.sleep(MOMENT)
    return other


def _sweep(shop: Shop, name: TaskName, why: str = "this attempt has ended") -> None:
    """Remove a lesser name of an attempt: the greater one is there."""
    if atomic.discard(shop.inbox(name)):
        shop.record(name, f"{name.state} > swept", why)


def _begun(shop: Shop, name: TaskName) -> bool:
    """Whether it was started, as far as can be told cheaply: what is queued for a command is judged before its start."""
    return name.state == "running" or ((name.state == "acked" or shop.agent.pulls) and shop.case(name).started())


def _is_its_agents(shop: Shop, name: TaskName, case: str) -> bool:
    """Whether its agent has fetched this task itself, or was killed halfway and goes on with it at `fsbus task next`."""
    if os.path.exists(f"{case}/{PULLED}"):
        return True
    if not shop.pulls or os.path.exists(f"{case}/{COMMAND}"):
        return False
    return name.state != "running" or os.path.exists(f"{case}/{CLAIMED}")  # else a worker written in Python ran it


def _ended_elsewhere(shop: Shop, name: TaskName) -> bool:
    found = channel.places(shop.tree, name.key)
    return any(p.name.attempt == name.attempt and p.ended for p in found)
