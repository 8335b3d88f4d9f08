"""The workers as dispatch sees them in one pass: configuration, health, load; looked up once, and only if asked for."""
from __future__ import annotations

import time
from typing import Any

from fsbus.core.config import AgentConfig
from fsbus.core.decide import Able
from fsbus.core.moment import moment
from fsbus.core.route import Candidate, accepts
from fsbus.core.task import Task
from fsbus.duties.apart import Apart
from fsbus.spool.tree import Tree
from fsbus.views import overview

UNSEEN = "{} cannot be looked after"


class Roster:
    """One look at all agents."""

    def __init__(self, tree: Tree, apart: Apart, good: dict[str, AgentConfig]) -> None:
        """`good` remembers from look to look the last agent.yaml of each that could be used; a bad one does not count."""
        self._tree, self._apart, self._good = tree, apart, good
        self._facts: dict[str, dict[str, Any]] = {}
        self._moment: overview.Moment | None = None
        self._configs: dict[str, AgentConfig] | None = None

    def workers(self) -> dict[str, AgentConfig]:
        """The workers whose agent.yaml can be used."""
        return {name: config for name, config in self.everybody().items() if config.role == "worker"}

    def everybody(self) -> dict[str, AgentConfig]:
        """The workers and the people: whoever may have a task."""
        if self._configs is None:
            registered = self._tree.registered()
            found = self._apart.each(registered, self._tree.agent, "agents/{}/agent.yaml cannot be read")
            self._good |= {config.name: config for config in found if isinstance(config, AgentConfig)}
            known = {name: self._good[name] for name in registered if name in self._good}
            self._configs = {name: config for name, config in known.items() if config.role != "dispatch"}
        return self._configs

    def removed(self) -> list[str]:
        """Folders whose agent.yaml is gone: what lies there has nobody."""
        registered = self._tree.registered()
        return [name for name in self._tree.agents() if name not in registered]

    def facts(self, agent: str) -> dict[str, Any]:
        """One agent's health, counts and beat, as `fsbus status` has them."""
        if agent not in self._facts:
            self._moment = self._moment or overview.Moment(self._tree, time.time())
            self._facts[agent] = overview.agent(self._tree, agent, self._moment)
        return self._facts[agent]

    def candidates(self) -> list[Candidate]:
        """For routing; who cannot be looked after gets nothing."""
        return self._apart.each(self.workers(), self._candidate, UNSEEN)

    def _candidate(self, name: str) -> Candidate:
        return Candidate(self.workers()[name], self._load(name), self.facts(name)["health"])

    def able(self, task: Task, here: str) -> list[Able]:
        """Those who may do this task, `here` having it now: that one, and who accepts its type if it has one.

        Raises what is in the way of looking after `here`: without it nobody decides about its task.
        """
        fit = {n for n, c in self.workers().items() if n == task.to or (task.type and accepts(c, task.type))}
        if here in self.everybody():
            self.facts(here)
        return self._apart.each((n for n in self.everybody() if n in fit or n == here), self._able, UNSEEN)

    def _able(self, name: str) -> Able:
        facts = self.facts(name)
        until = moment(str(facts["parked_until"] or ""))
        load = self._load(name) / self.everybody()[name].slots
        return Able(name, facts["health"], load, until if isinstance(until, float) else None)

    def _load(self, name: str) -> int:
        facts = self.facts(name)
        return int(facts["queued"] + facts["acked"] + facts["running"])
