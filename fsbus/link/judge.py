"""Whether a host may send what it sends, by what bus.yaml and the agents' files say of who lives where.

The rules are `core/trust.py`'s; here they are fed with what this tree knows. Registers have one writer each: the config
host for bus.yaml and agent.yaml, an agent's home for its beat and its case folders, a host for its own journal.
"""

from __future__ import annotations

import time

from fsbus.core.paths import Spot, spot_of
from fsbus.core.refusal import Refusal
from fsbus.core.topology import Topology, topology
from fsbus.core.trust import Rules, may_come
from fsbus.link.local import Local

FRESH = 1.0  # seconds for which the rules are kept: a config is seldom changed, a batch asks a thousand times


class Judge:
    """One tree's opinion of what comes."""

    def __init__(self, local: Local) -> None:
        self._local = local
        self._rules: dict[str, tuple[float, int, Rules | str]] = {}

    def why_not(self, path: str, size: int, host: str) -> str:
        """Why this host may not send this, '' if it may."""
        rules = self.rules(host)
        if isinstance(rules, str):
            return rules
        spot = spot_of(path)
        if spot is None:
            return "this is not a name that may cross"
        if spot.agent not in rules.homes and self._local.tree.has(spot.agent):
            self._rules.clear()  # registered a moment ago
            return self.why_not(path, size, host) if spot.kind != "log" else self._register(spot, rules)
        return self._register(spot, rules) if spot.kind in _WRITERS else self._merged(path, size, spot, rules)

    def rules(self, host: str) -> Rules | str:
        """The rules for what comes from that host, or why there are none."""
        made, changes, found = self._rules.get(host, (0.0, -1, ""))
        if changes != self._local.changes or time.monotonic() - made > FRESH:
            found = self._read(host)
            self._rules[host] = (time.monotonic(), self._local.changes, found)
        return found

    def _read(self, host: str) -> Rules | str:
        tree = self._local.tree
        bus = tree.bus()
        links: Topology | Refusal = topology(bus)
        if isinstance(links, Refusal):
            return f"bus.yaml cannot be used: {links.what}"
        homes = {agent: str(tree.settings(agent).get("home", "")) for agent in tree.agents()}
        near, beyond = links.this_side(tree.host, host), links.beyond(tree.host, host)
        if not beyond:
            return f"bus.yaml has no link between {tree.host} and {host}"
        people = frozenset(agent for agent in homes if tree.role(agent) == "human")
        dispatch, now = tree.with_role("dispatch"), time.time()
        # What is too old is for the plan, which knows by how much the clocks are apart; here a clock would judge the other's.
        return Rules(homes, dispatch, near, beyond, now, bus.keep_results, expire=False, people=people)

    def _merged(self, path: str, size: int, spot: Spot, rules: Rules) -> str:
        held = self._local.held(path, everybody=rules.there(spot.agent) and rules.here(rules.dispatch))
        if spot.kind == "file":
            path, size = path[: -len(spot.inner) - 1], -1
        return may_come(path, (size, ""), rules, held)

    def _register(self, spot: Spot, rules: Rules) -> str:
        writer = _WRITERS[spot.kind]
        owner = {"config": self._local.tree.bus().config_host, "home": rules.homes.get(spot.agent, ""), "host": spot.agent}[
            writer
        ]
        return "" if owner in rules.beyond else f"only {owner or 'its own host'} writes this"


_WRITERS = {"bus": "config", "agent": "config", "pause": "config", "beat": "home", "case": "home", "log": "host"}
