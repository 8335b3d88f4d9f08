"""Who may send what to whom, asked of the tree: the one door for every face, every duty and every file.

The sender is who the environment or the file's name says, never what a text says; the rule is `policy.may_send`.
"""
from __future__ import annotations

from fsbus.core import policy
from fsbus.core.errors import NotFound, Refused
from fsbus.core.names import is_agent
from fsbus.spool.tree import Tree


def allow(tree: Tree, sender: str, to: str, what: str = "task") -> None:
    """Let this sender give something to that agent ('' = dispatch). Raises Refused, or NotFound for strangers.

    `what` is a task, a message, or an order: a message that would be obeyed, and not only read.
    """
    for agent in (sender, to):
        if agent and not known(tree, agent):
            raise NotFound(f"there is no agent {agent!r}", where=tree.root, then=f"there are: {', '.join(tree.agents())}")
    if not may(tree, sender, to or tree.with_role("dispatch")):
        raise Refused(f"{sender} may not send a {what} to {to}", then="workers reach dispatch and human only: leave out --to")
    if what == "order" and tree.role(sender) == "worker":
        raise Refused(f"{sender} is a worker: people and dispatch command, workers ask", then=f"fsbus send {to} question ...")
    if what != "task" and not heard(tree, sender, to):
        home = tree.home(sender)
        then = f"type it on {home}, or speak as an agent of this host: --from AGENT"
        raise Refused(f"{sender} lives on {home}: from {tree.host} it is not heard by {to}", then=then)
    if what == "task" and tree.role(sender) == "worker" and to and tree.role(to) == "human":
        raise Refused(f"{sender} may give tasks to dispatch only", where=to, then=f"fsbus send {to} question ...")


def may(tree: Tree, sender: str, to: str) -> bool:
    """Whether this sender may reach that agent at all."""
    settings = tree.settings(sender)
    role = str(settings.get("role") or policy.HUMAN)
    receiver = tree.role(to) or ("dispatch" if not to else policy.HUMAN if to == policy.HUMAN else "")
    return policy.may_send(role, receiver, to, _listed(settings.get("may_send_to")))


def heard(tree: Tree, sender: str, to: str) -> bool:
    """Whether a message typed on this host gets there: another host takes it only from an agent that lives on our side.

    Otherwise whoever holds one host could speak as everybody (`core/trust.py`).
    """
    return tree.host in (tree.home(sender), tree.home(to))


def known(tree: Tree, sender: str) -> bool:
    """Whether a name, such as that in `from-<agent>`, is somebody: an agent here, or the human."""
    if sender == policy.HUMAN:
        return True
    return is_agent(sender) and (bool(tree.settings(sender)) or tree.has(sender))  # settings are looked at anyway


def _listed(listed: object) -> tuple[str, ...] | None:
    if listed is None:
        return None
    return tuple(map(str, listed)) if isinstance(listed, list) else tuple(str(listed).replace(",", " ").split())


def honest(tree: Tree, sender: str, to: str) -> bool:
    """Whether a message of this sender may lie with that agent: it is somebody, and may reach it."""
    return known(tree, sender) and may(tree, sender, to)


def commands(tree: Tree, sender: str, agent: str) -> bool:
    """Whether an order from this sender is obeyed by that agent: people and dispatch command, workers ask."""
    return tree.role(sender) != "worker" and honest(tree, sender, agent)
