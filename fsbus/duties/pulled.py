"""Tasks that their agent fetched itself, as the worker on its home host sees them: limits and orders, no process.

Their owner is no process of ours, so its progress alone says that it lives: a line of `fsbus task progress`, or a
file in the case folder that changes.
"""
from __future__ import annotations

import os

from fsbus.core.moment import show_duration
from fsbus.core.names import TaskName
from fsbus.core.result import Failure, Outcome, failure
from fsbus.duties import ending
from fsbus.duties.case import PULLED, TIMEOUT
from fsbus.duties.shop import Shop
from fsbus.spool import careful


def is_pulled(shop: Shop, name: TaskName) -> bool:
    """Whether this task runs with the agent itself."""
    return name.state == "running" and os.path.exists(f"{shop.case(name).path}/{PULLED}")


def watch(shop: Shop, names: list[TaskName], now: float, awake: float) -> None:
    """End those that took too long or made no progress (`timeout`, `silence`); the agent is told at its next word.

    Both count from `awake` at the earliest, when this machine or its node came up, or its clock was set: what it slept
    through counts for no command either.
    """
    for name in names:
        with shop.apart(f"{name.key} cannot be looked after"):
            if is_pulled(shop, name):
                _judge(shop, name, now, awake)


def _judge(shop: Shop, name: TaskName, now: float, awake: float) -> None:
    began = os.stat(f"{shop.case(name).path}/{PULLED}").st_mtime
    wrong = _overdue(shop, name, began, now, awake)
    if wrong is not None:
        ending.end(shop, name, Outcome(wrong), began, now, 1)


def limit(shop: Shop, name: TaskName) -> float:
    """How long it may take, in seconds, as its text and its agent say; 0 = no limit."""
    own = careful.read_text(f"{shop.case(name).path}/{TIMEOUT}")
    try:
        return min(filter(None, (float(own or 0), shop.agent.timeout)), default=0.0)
    except ValueError:
        return shop.agent.timeout  # somebody else's file


def _overdue(shop: Shop, name: TaskName, began: float, now: float, awake: float) -> Failure | None:
    agent, most = shop.agent, limit(shop, name)
    if most and now - max(awake, began) > most:
        return failure("timeout", f"it was not ended within {show_duration(most)}")
    if agent.silence and now - max(awake, _moved(shop, name, began)) > agent.silence:
        return failure("silent", f"no progress for {show_duration(agent.silence)}")
    return None


def _moved(shop: Shop, name: TaskName, began: float) -> float:
    case = shop.case(name).path
    return max((careful.changed(f"{case}/{entry}") for entry in os.listdir(case)), default=began)
