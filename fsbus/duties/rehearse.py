"""`fsbus agent test`: an agent's command, run once in a folder of its own, outside of every channel."""
from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass

from fsbus.core.config import AgentConfig
from fsbus.core.errors import BadUsage, Refused
from fsbus.core.moment import show_duration
from fsbus.core.names import TaskName, slug
from fsbus.core.refusal import Refusal
from fsbus.core.task import Task, read
from fsbus.duties import trial
from fsbus.duties.case import Case
from fsbus.duties.shop import Shop
from fsbus.duties.watch import Watch
from fsbus.spool import atomic, keys
from fsbus.spool.journal import Journal
from fsbus.spool.sender import registered
from fsbus.spool.tree import Tree


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How it went."""

    well: bool  # it passed the adapter's success test
    lines: tuple[str, ...]  # for people


def rehearse(tree: Tree, agent: str, text: str) -> Rehearsal:
    """Run it for this text. Raises NotFound, Refused if it cannot be run here, BadUsage for a text that is no task."""
    config = registered(tree, agent)
    if config.pulls or config.home != tree.host:
        why = "has no `run`" if config.pulls else f"has its home on {config.home}"
        raise Refused(f"{agent} {why}", where=f"agents/{agent}/agent.yaml", then="there is nothing to test here")
    task = read(text.encode(), "txt")
    if isinstance(task, Refusal):
        raise BadUsage(task.what, then=task.fix)
    with tempfile.TemporaryDirectory(prefix="fsbus-test-") as folder:
        return _run(tree, config, task, folder)


def _run(tree: Tree, config: AgentConfig, task: Task, folder: str) -> Rehearsal:
    shop = Shop(tree, config, tree.bus(), Journal(tree.root, tree.host), lambda: None)
    name = TaskName(5, keys.make(), slug(task.text), 1, "running", "txt")
    case = Case(folder, name)
    atomic.folder(case.files)
    case.write(f"task.{name.ext}", task.text)
    watch = Watch(lambda: (), shop.baton)
    watch.limit(config.timeout, 0.0)
    began = time.monotonic()
    outcome = trial.run(shop, case, name, task, 1, watch)
    took = show_duration(time.monotonic() - began)
    if outcome.failure is not None:
        return Rehearsal(False, (f"failed after {took}, {outcome.failure.kind}: {outcome.failure.what}",))
    return Rehearsal(True, (f"done in {took}", f"it said: {outcome.summary or str(outcome.result)[:200]}"))
