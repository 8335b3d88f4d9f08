"""Who may send what to whom, asked of the tree: the one door for every face, every duty and every file.

The sender is who the environment or the file's name says, never what a text says; the rule is `policy.may_send`.
"""
from __future__ import annotations

from fsbus.core import policy
from fsbus.core.errors import NotFound, Refused
from fsbus.core.names import is_agent
from fsbus.spool.tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fsbus.core.config import AgentConfig

Settings = dict[str, object]  # of an agent.yaml, {} where there is none


def allow(tree: Tree, sender: str, to: str, what: str = "task") -> None:
    """Let this sender give something to that agent ('' = dispatch). Raises Refused, or NotFound for strangers.

    `what` is a task, a message, or an order: a message that would be obeyed, and not only read.
    """
    own, other = _settings(tree, sender), _settings(tree, to)  # looked up once: it is a tenth of the way of a message
    for agent, found in ((sender, own), (to, other)):
        if agent and not found and not known(tree, agent):
            raise stranger(tree, agent)
    worker = own.get("role") == "worker"
    if not _may(own, other if to else {"role": "dispatch"}, to or tree.with_role("dispatch")):
        given = "an order" if what == "order" else f"a {what}"
        raise Refused(f"{sender} may not send {given} to {to or 'dispatch'}", then=reaches(own, what))
    if what == "order" and worker:
        raise Refused(f"{sender} is a worker: people and dispatch command, workers ask", then=f"fsbus send {to} question ...")
    if what != "task" and tree.host not in _homes(tree, own, other):
        home = tree.home(sender)
        then = f"type it on {home}, or speak as an agent of this host: --from AGENT"
        raise Refused(f"{sender} lives on {home}: from {tree.host} it is not heard by {to}", then=then)
    if what == "task" and worker and other.get("role") == "human":
        raise Refused(f"{sender} may give tasks to dispatch only", where=to, then=f"fsbus send {to} question ...")


def stranger(tree: Tree, agent: str) -> NotFound:
    """What is said to somebody who names an agent that is not there."""
    return NotFound(f"there is no agent {agent!r}", where=tree.root, then=f"there are: {', '.join(tree.agents())}")


def registered(tree: Tree, agent: str) -> AgentConfig:
    """The configuration of an agent that somebody names. Raises NotFound, or Refused where it cannot be used."""
    from fsbus.core.refusal import Refusal

    if agent not in tree.agents():
        raise stranger(tree, agent)
    found = tree.agent(agent)
    if isinstance(found, Refusal):
        raise Refused(f"agent.yaml is refused: {found.said()}", where=f"agents/{agent}/agent.yaml", then=found.fix)
    return found


def may(tree: Tree, sender: str, to: str) -> bool:
    """Whether this sender may reach that agent at all."""
    return _may(tree.settings(sender), tree.settings(to), to)


def heard(tree: Tree, sender: str, to: str) -> bool:
    """Whether a message typed on this host gets there: another host takes it only from an agent that lives on our side.

    Otherwise whoever holds one host could speak as everybody (`core/trust.py`).
    """
    return tree.host in _homes(tree, tree.settings(sender), tree.settings(to))


def lays(tree: Tree, agent: str) -> bool:
    """Whether this host may lay work into that agent's inbox: into one of another host only dispatch's host may."""
    if tree.home(agent) == tree.host:
        return True
    dispatch = tree.with_role("dispatch")
    return not dispatch or tree.home(dispatch) == tree.host


def _may(own: Settings, other: Settings, to: str) -> bool:
    role = str(other.get("role") or ("dispatch" if not to else policy.HUMAN if to == policy.HUMAN else ""))
    return policy.may_send(str(own.get("role") or policy.HUMAN), role, to, _listed(own.get("may_send_to")))


def _homes(tree: Tree, own: Settings, other: Settings) -> tuple[str, str]:
    return str(own.get("home") or tree.host), str(other.get("home") or tree.host)


def _settings(tree: Tree, agent: str) -> Settings:
    return tree.settings(agent) if is_agent(agent) else {}


def known(tree: Tree, sender: str) -> bool:
    """Whether a name, such as that in `from-<agent>`, is somebody: an agent here, or the human."""
    if sender == policy.HUMAN:
        return True
    return is_agent(sender) and (bool(tree.settings(sender)) or tree.has(sender))  # settings are looked at anyway


def reaches(own: Settings, what: str = "message") -> str:
    """Whom a sender that was refused reaches instead."""
    listed = _listed(own.get("may_send_to"))
    if listed is not None:
        return f"its agent.yaml lets it reach: {', '.join(listed) or 'nobody'}"
    return "workers reach dispatch and human only" + (": leave out --to" if what == "task" else "")


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
