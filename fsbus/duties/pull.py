"""For agents that fetch their work: take, progress, done, fail. The same moves as a worker's, by the agent itself."""
from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from typing import Any

from fsbus.core import attempts, gate, policy
from fsbus.core.errors import BadUsage, Refused, WaitedTooLong
from fsbus.core.handed import kept
from fsbus.core.names import TaskName
from fsbus.core.refusal import Refusal
from fsbus.core.result import KINDS, Outcome, bad_input, failure, first_line
from fsbus.core.task import MAX_BYTES, Task, read
from fsbus.duties import ending, pulled, recall, recover, trial
from fsbus.duties.case import CLAIMED, COMMAND, PULLED, TIMEOUT
from fsbus.duties.orders import Orders
from fsbus.duties.shop import Shop
from fsbus.duties.watch import NO_LIMIT, Watch
from fsbus.spool import atomic, bell, careful, channel, locks
from fsbus.spool.channel import Place
from fsbus.spool.found import furnish
from fsbus.spool.journal import Journal
from fsbus.spool.sender import registered
from fsbus.spool.tree import Tree


def take(tree: Tree, journal: Journal, agent: str, timeout: float) -> dict[str, Any]:
    """The next task of this agent, now running; waits for one up to `timeout` seconds. Raises WaitedTooLong."""
    shop = _shop(tree, journal, agent)
    if not shop.agent.pulls:
        raise Refused(f"{agent} has a command and a worker that runs it", then=f"take `run` out of agents/{agent}/agent.yaml")
    if pid := locks.holder(tree, shop.by):
        raise Refused(f"{agent} has a worker that does its tasks, pid {pid}", then=f"stop it with: kill {pid}")
    furnish(tree.root, agent)
    with bell.Bell(tree.root) as own:
        found = own.until(lambda: _first(shop), timeout)
    if not found:
        raise WaitedTooLong(f"nothing waits for {agent}", then=f"fsbus task next {agent} --wait 10m")
    return found


def progress(tree: Tree, journal: Journal, place: Place, text: str) -> None:
    """A line in the case folder and in the journal. Raises Refused if the task is not running any more."""
    shop = _running(tree, journal, place)
    path = f"{shop.case(place.name).path}/progress.txt"
    fd = atomic.open_log(path)
    try:
        atomic.append(fd, f"{text}\n".encode("utf-8", "replace"))
    finally:
        os.close(fd)
    shop.record(place.name, "progress", text[:200])


def done(tree: Tree, journal: Journal, place: Place, sender: str, result: Any, summary: str) -> None:
    """It was done. Raises BadUsage for data that no result can keep, Refused if it does not pass its check."""
    try:
        result = kept(result)
    except ValueError as error:
        raise BadUsage(f"the result cannot be kept: {error}", then="write it into a file in FSBUS_FILES, and say so") from None
    shop = _endable(tree, journal, place, sender)
    _end(shop, place.name, _proved(shop, place.name, Outcome(result=result, summary=summary or first_line(result))))


def fail(tree: Tree, journal: Journal, place: Place, sender: str, what: str, kind: str, retryable: bool | None) -> None:
    """It failed, retryable as its kind is unless said. Raises BadUsage for a kind that there is not."""
    if kind not in KINDS:
        raise BadUsage(f"there is no failure kind {kind!r}", then=f"one of: {', '.join(KINDS)}")
    said = {} if retryable is None else {"retryable": retryable}
    _end(_endable(tree, journal, place, sender), place.name, Outcome(failure(kind, what, **said)))


def _first(shop: Shop) -> dict[str, Any] | None:
    inbox = channel.listing(shop.folder("inbox"))
    highest = attempts.tops(attempts.later(inbox))
    orders = Orders(shop.tree, shop.agent.name)
    for name in sorted(channel.tasks(inbox, "inbox")):
        if name.attempt < highest.get(name.key, 0):
            continue  # the worker calls it off
        order = orders.look().get(name.key)
        if order is not None and order.covers(name.attempt):
            recall.end(shop, name, order)
            orders.file(order.message)
            continue
        taken = _hand_over(shop, name.to("running")) if _claim(shop, name) else None
        if taken is not None:
            return taken
    return None


def _claim(shop: Shop, name: TaskName) -> bool:
    """Whether this task is running and nobody has got it yet.

    `pulled`, made once, says that somebody got it. Without it, what does not run yet, or is `claimed`, was left by a
    claim that was killed halfway and shown to nobody, so that the next one goes on with it. A running task that is
    neither was started by a worker.
    """
    case = shop.case(name)
    paused = os.path.exists(shop.tree.pause(shop.agent.name))
    if paused or any(os.path.exists(f"{case.path}/{mark}") for mark in (PULLED, COMMAND)):
        return False  # begun; a stale name that came back is swept by the worker's next start
    if name.state != "running" and recover.swept(shop, name):
        return False
    if name.state == "running":
        return os.path.exists(f"{case.path}/{CLAIMED}")
    if case.open() and recover.yielded(shop, name, case):
        return False
    atomic.folder(f"{case.path}/{CLAIMED}")
    running = name.to("running")
    if not atomic.advance(shop.inbox(name), shop.inbox(running)):
        return False
    shop.record(running, f"{name.state} > running", "pulled by its agent")
    return True


def _hand_over(shop: Shop, running: TaskName) -> dict[str, Any] | None:
    """What the agent gets; None if somebody else got it."""
    case = shop.case(running)
    try:
        data = careful.read(shop.inbox(running), MAX_BYTES)
    except FileNotFoundError:
        return None
    task = read(data, running.ext)
    task = task if isinstance(task, Refusal) else policy.unfit(task, shop.agent) or task
    if isinstance(task, Task) and task.timeout:  # before it is theirs, lest a kill forgets it
        case.write(TIMEOUT, f"{task.timeout}\n")
    if not atomic.mark(f"{case.path}/{PULLED}"):
        return None
    case.write(f"task.{running.ext}", data)
    atomic.folder(case.files)
    if isinstance(task, Refusal):
        _end(shop, running, Outcome(bad_input(task)))
        return None
    env = trial.environment(shop, case, running, 1, time.time() + (pulled.limit(shop, running) or NO_LIMIT))
    words = {name[6:].lower(): value for name, value in env.items() if name.startswith("FSBUS_") and name != "FSBUS_ROOT"}
    return {"key": running.key, "text": trial.told(shop, case, running, task).text, "input": task.input} | words


def _end(shop: Shop, name: TaskName, outcome: Outcome) -> None:
    began = os.stat(shop.case(name).path).st_mtime
    if not ending.end(shop, name, outcome, began, time.time(), 1):
        raise _taken(name)
    bell.ring(shop.tree.root)


def _taken(name: TaskName) -> Refused:
    return Refused(f"{name.key} was taken away meanwhile", then=f"fsbus status {name.key}")


def _proved(shop: Shop, name: TaskName, outcome: Outcome) -> Outcome:
    """The same, after `expect` and `verify`. Raises Refused if it does not pass; it runs on then, to be mended."""
    task = _task(shop, name)
    if isinstance(task, Refusal):
        return outcome
    if isinstance(task.expect, dict) and isinstance(outcome.result, str):
        found = gate.values(outcome.result)
        outcome = outcome if isinstance(found, Refusal) else replace(outcome, result=found)
    outcome = _checked(shop, name, task, outcome)
    if outcome.failure is None:
        return outcome
    _task(shop, name)  # what another call has ended meanwhile took its files along
    case = shop.case(name)
    where = case.files if isinstance(task.expect, str) else case.path
    then = f"mend it and type that again, or fsbus task fail {name.key} 'why'"
    raise Refused(f"{name.key} is not done: {outcome.failure.what}", where=where, then=then)


def _task(shop: Shop, name: TaskName) -> Task | Refusal:
    """What is to be done. Raises Refused if it runs no more."""
    current = ending.present(shop, name)
    try:
        if current is not None:
            return read(careful.read(shop.inbox(current), MAX_BYTES), name.ext)
    except FileNotFoundError:
        pass  # taken this very moment
    raise _taken(name)


def _checked(shop: Shop, name: TaskName, task: Task, outcome: Outcome) -> Outcome:
    """What the checks make of it, within the agent's timeout."""
    watch = Watch(tuple, shop.baton)
    limit = threading.Timer(shop.agent.timeout or threading.TIMEOUT_MAX, watch.insist)
    limit.daemon = True
    limit.start()
    try:
        return trial.proved(shop, shop.case(name), name, task, outcome, watch)
    finally:
        limit.cancel()


def _endable(tree: Tree, journal: Journal, place: Place, sender: str) -> Shop:
    """Of what a worker runs, only that agent may say how it ended: the command would go on, and keep its slot."""
    shop, name = _running(tree, journal, place), place.name
    if sender != place.agent and not pulled.is_pulled(shop, name):
        then = f"fsbus cancel {name.key}, or fsbus wait {name.key}"
        raise Refused(f"{name.key} is run by the worker of {place.agent}", then=then)
    return shop


def _running(tree: Tree, journal: Journal, place: Place) -> Shop:
    if place.name.state != "running" or place.channel != "inbox":
        raise Refused(f"{place.name.key} is {place.name.state}, not running", then=f"fsbus trace {place.name.key}")
    return _shop(tree, journal, place.agent)


def _shop(tree: Tree, journal: Journal, agent: str) -> Shop:
    return Shop(tree, registered(tree, agent), tree.bus(), journal, lambda: bell.ring(tree.root))
