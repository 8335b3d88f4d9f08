"""What a task may choose, who may send to whom, and who may act for whom: one function each, asked by every face and every duty.

A task chooses only among what the config host allowed (DESIGN sections 5 and 7); the sender is who the tree and the
environment say, never what the text says.
"""
from __future__ import annotations

import os.path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from fsbus.core.config import AgentConfig
    from fsbus.core.refusal import Refusal
    from fsbus.core.task import Task

HUMAN = "human"  # who it is when no agent is named


def may_send(sender_role: str, receiver_role: str, receiver: str, may_send_to: tuple[str, ...] | None) -> bool:
    """Whether a sender of this role may send to that agent: workers to dispatch and human only, others to all."""
    if may_send_to is not None:
        return receiver in may_send_to
    return sender_role != "worker" or receiver_role in ("dispatch", "human")


def may_act(sender: str, owner: str, role: Callable[[], str]) -> bool:
    """Whether a sender may do what is that agent's business: read and ack its messages, take and end its tasks.

    Workers act for themselves alone, people and dispatch for all; what is no agent's own business ('') is theirs.
    `role` tells the sender's, and is asked only where it matters; one that cannot be read is no permission.
    """
    return sender in (owner, HUMAN) or role() in ("dispatch", HUMAN)


def unaddressed(task: Task, dispatch: str) -> Task:
    """The task without a `to` that names dispatch: that one chooses by its type, or has chosen."""
    from dataclasses import replace

    return replace(task, to="") if task.to == dispatch else task


def misplaced(task: Task, agent: str) -> Refusal | None:
    """Why a drop does not belong into this agent's inbox; None if it may. A task that has its name is where it was put."""
    from fsbus.core.refusal import Refusal

    if not task.to or task.to == agent:
        return None
    return Refusal(None, f"it says `to: {task.to}` but lies with {agent}", "drop it where it belongs, or to dispatch")


def unfit(task: Task, agent: AgentConfig) -> Refusal | None:
    """Why this agent cannot be given this task as it is written; None if it can."""
    from fsbus.core.refusal import Refusal  # imports dataclasses: a cold submit does not pay for it

    if task.verify and task.verify not in agent.checks:
        known = ", ".join(agent.checks) or "none"
        return Refusal(None, f"verify: {agent.name} has no check {task.verify!r}", f"its checks: {known}")
    if task.cwd and folder(task.cwd, agent.cwd) is None:
        allowed = f"name a folder below {agent.cwd}" if agent.cwd else f"{agent.name} has no `cwd` to be below"
        return Refusal(None, f"cwd: {task.cwd!r} is not below the folder of {agent.name}", allowed)
    return None


def folder(asked: str, base: str) -> str | None:
    """The folder a task asked for, if it is the agent's or below it by its name alone (links are checked on the disk)."""
    if not base:
        return None
    base = os.path.normpath(os.path.expanduser(base))
    full = os.path.normpath(os.path.join(base, asked))
    return full if full == base or full.startswith(base.rstrip("/") + "/") else None
