"""Supervision: which agents are down, what lies with them, and who is told (DESIGN section 6).

After a sleep of this machine, or a jump of its clock, everybody gets one lease before anybody is judged: the beats
that look old then are those of machines that slept as well.
"""
from __future__ import annotations

import time

from fsbus.core.decide import Past, rescue
from fsbus.core.moment import show_duration
from fsbus.core.names import TaskName
from fsbus.core.result import failure
from fsbus.duties import reassign
from fsbus.duties.alarms import Alarms
from fsbus.duties.roster import Roster
from fsbus.duties.settle import Settling
from fsbus.duties.shop import Shop
from fsbus.spool import careful, channel
from fsbus.spool.channel import Place

JUMP = 5.0  # seconds by which wall clock and monotonic clock may part between two looks before it counts as a sleep
PAUSE_LIMIT = 1024  # bytes of PAUSE that are read
REROUTE = "reroute"  # the word in PAUSE that gives its tasks to others; an empty PAUSE holds them


class Supervision:
    """Dispatch's eye on the workers."""

    def __init__(self, shop: Shop, settling: Settling, alarms: Alarms) -> None:
        self.shop, self._settling, self._alarms = shop, settling, alarms
        self._judge_from = time.monotonic() + shop.bus.lease
        self._skew = time.time() - time.monotonic()
        self._known: dict[str, str] = {}  # health by agent, as last written to the journal

    def step(self, roster: Roster) -> None:
        """One look at everybody; nobody is judged in the grace after a start, a sleep or a jump."""
        now = time.monotonic()
        skew = time.time() - now
        if abs(skew - self._skew) > JUMP:
            self._judge_from = now + self.shop.bus.lease
            what = f"the clock jumped by {show_duration(abs(skew - self._skew))}: everybody gets one lease"
            self.shop.journal.record("dispatch", "agent:all", "grace", what)
        self._skew = skew
        for agent in roster.workers():
            facts = roster.facts(agent)
            if now >= self._judge_from:
                self._note(agent, facts["health"], facts["cause"])
                self._judge(agent, facts, roster)

    def _note(self, agent: str, health: str, cause: str) -> None:
        """Health goes to the journal when it changes between working and not, for `fsbus today`."""
        word = "ok" if health in ("ok", "busy") else health
        before = self._known.get(agent, "ok")
        if word != before:
            self.shop.journal.record("dispatch", f"agent:{agent}", f"{before} > {word}", cause, agent=agent)
        self._known[agent] = word

    def _judge(self, agent: str, facts: dict[str, object], roster: Roster) -> None:
        if facts["health"] == "paused":
            if self._reroutes(agent):
                self._rescue(agent, "PAUSE says reroute", ("queued", "acked"), roster)
            return
        if facts["health"] != "down":
            self._alarms.clear(f"down-{agent}")
            return
        overdue = facts["oldest_queued"]
        if isinstance(overdue, float) and overdue > self.shop.bus.ack:
            self._tell(agent, facts, "timers.ack")
            self._rescue(agent, "timers.ack", ("queued", "acked"), roster)
        if facts["beat"] is not None and (facts["running"] or facts["acked"]):
            self._tell(agent, facts, "timers.lease")
            self._rescue(agent, "timers.lease", ("acked", "running"), roster)

    def _reroutes(self, agent: str) -> bool:
        text = careful.read_text(f"{self.shop.tree.root}/agents/{agent}/PAUSE", PAUSE_LIMIT) or ""
        return text.strip().lower() == REROUTE

    def _tell(self, agent: str, facts: dict[str, object], timer: str) -> None:
        waiting = f"{facts['queued']} queued, {facts['acked']} acked, {facts['running']} running"
        home = str(facts["home"])
        text = (
            f"{agent} on {home} is down: {facts['cause']} ({timer}).\nWith it: {waiting}; they go to others that accept them,"
            f" or wait for it.\nTo start it:  fsbus up   (on {home})\nTo see more:  fsbus status {agent}\n"
        )
        self._alarms.raise_(f"down-{agent}", f"{agent} is down", text)

    def _rescue(self, agent: str, timer: str, states: tuple[str, ...], roster: Roster) -> None:
        names = channel.tasks(channel.listing(self.shop.tree.folder(agent, "inbox")), "inbox")
        for name in sorted(n for n in names if n.state in states):
            self._one(Place(agent, "inbox", name, False), timer, roster)

    def _one(self, place: Place, timer: str, roster: Roster) -> None:
        name: TaskName = place.name
        task = self._settling.task(place)
        if task is None or any(p.name.attempt > name.attempt for p in channel.places(self.shop.tree, name.key)):
            return
        account = self._settling.ledger.account(name.key)
        to = rescue(place.agent, account.counted, self._settling.policy, roster.able(task, place.agent), time.time())
        if to is None:
            return
        if name.state == "running":
            gone = failure("lost", f"{place.agent} went down while it ran ({timer})")
            account = account.after(Past(name.attempt, place.agent, gone))
            self._settling.ledger.keep(account)
        self.shop.journal.record("dispatch", name.key, "timer", f"{timer}: {to.why}", agent=place.agent, attempt=name.attempt)
        reassign.make(self.shop, place, to, account)
