"""Supervision: which agents are down, what lies with them, and who is told (DESIGN section 6).

After a sleep of this machine, a jump of its clock or a standstill, everybody gets one lease before anybody is judged:
the beats that look old then are those of workers that slept as well.
"""
from __future__ import annotations

import time
from dataclasses import replace

from fsbus.core.decide import Past, rescue
from fsbus.core.health import look
from fsbus.core.names import TaskName
from fsbus.core.result import failure
from fsbus.duties import reassign
from fsbus.duties.alarms import Alarms
from fsbus.duties.crossing import within_reach
from fsbus.duties.roster import Roster
from fsbus.duties.settle import Settling
from fsbus.duties.shop import Shop
from fsbus.spool import careful, channel, linkfacts
from fsbus.spool.channel import Place
from fsbus.spool.journal import recent
from fsbus.views.day import DAY, spans

PAUSE_LIMIT = 1024  # bytes of PAUSE that are read
RESCUES = 200  # tasks of one agent that are read per look: a backlog of 100,000 must not hold up dispatch
REROUTE = "reroute"  # the word in PAUSE that gives its tasks to others; an empty PAUSE holds them


class Supervision:
    """Dispatch's eye on the workers."""

    def __init__(self, shop: Shop, settling: Settling, alarms: Alarms) -> None:
        self.shop, self._settling, self._alarms = shop, settling, alarms
        self._look = look(None, time.time(), time.monotonic(), shop.bus.lease)
        told = sorted(recent(shop.tree.root, time.time() - DAY, '"agent:'), key=lambda record: str(record.get("at")))
        self._reached: dict[tuple[str, str], TaskName] = {}  # the last task looked at, by agent that is down, and timer
        self._woke = time.time()  # when the last grace began: what is known of other hosts must be younger
        self._slept = 0.0  # the same, 0 after a start: until then nobody here could try a link
        self._known = {span["agent"]: span["health"] for span in spans(told) if span["to"] is None}  # as the journal has it

    def step(self, roster: Roster) -> None:
        """One look at everybody; nobody is judged in the grace after a start, a sleep or a jump."""
        self._look = look(self._look, time.time(), time.monotonic(), self.shop.bus.lease)
        if self._look.grace:
            self.shop.journal.record("dispatch", "agent:all", "grace", f"{self._look.grace}: everybody gets one lease")
            self._woke = self._slept = time.time()
        for agent in roster.workers():
            with self.shop.apart(f"{agent} cannot be looked after"):
                self._see(agent, roster)
        for agent in roster.removed() if self._look.judges else []:
            with self.shop.apart(f"{agent} cannot be looked after"):
                self._bury(agent, roster)

    def _see(self, agent: str, roster: Roster) -> None:
        facts = roster.facts(agent)
        if self._is_fair(facts):
            self._note(agent, facts["health"], facts["cause"])
            self._judge(agent, facts, roster)

    def _is_fair(self, facts: dict[str, object]) -> bool:
        """Whether an agent may be judged: the grace is over, and its home was heard of since this host slept or started.

        A process that does one pass is gone before its grace is over, and what a good pass just brought is no guess.
        """
        away = facts["home"] != self.shop.tree.host
        if not (self._look.judges or (away and self.shop.once)):
            return False
        if not away or facts["health"] == "unreachable":
            return True
        age = linkfacts.seconds_since(facts["as_of"], time.time())
        return age is not None and time.time() - age >= self._woke

    def _note(self, agent: str, health: str, cause: str) -> None:
        """Health goes to the journal when it changes between working and not, for `fsbus today`."""
        word = "ok" if health in ("ok", "busy") else health
        before = self._known.get(agent, "ok")
        if word != before:
            self.shop.journal.record("dispatch", f"agent:{agent}", f"{before} > {word}", cause, agent=agent)
        self._known[agent] = word

    def _judge(self, agent: str, facts: dict[str, object], roster: Roster) -> None:
        if facts["health"] == "unreachable":
            self._out_of_reach(facts)
            return
        self._alarms.clear(f"unreachable-{facts['home']}")
        if facts["health"] == "paused":
            if self._reroutes(agent):
                self._rescue(agent, "PAUSE says reroute", ("queued", "acked"), roster)
            return
        if facts["health"] != "down":
            self._alarms.clear(f"down-{agent}")
            self._alarms.clear(f"removed-{agent}")
            return
        overdue = facts["oldest_queued"]
        if isinstance(overdue, float) and overdue > self.shop.bus.ack:
            self._tell(agent, facts, "timers.ack")
            self._rescue(agent, "timers.ack", ("queued", "acked"), roster)
        age = facts["beat_age"]  # a worker that beats, or ended a moment ago, keeps what it has received
        if isinstance(age, float) and age > self.shop.bus.lease and (facts["running"] or facts["acked"]):
            self._tell(agent, facts, "timers.lease")
            self._rescue(agent, "timers.lease", ("acked", "running"), roster)

    def _out_of_reach(self, facts: dict[str, object]) -> None:
        """Nothing is concluded about the agent; one alarm for its host, once the link has been down for `timers.ack`.

        What this host slept does not count: it wakes up now and then for a moment, before its network is there.
        """
        home = str(facts["home"])
        link = linkfacts.of_home(self.shop.tree, home)
        down = linkfacts.seconds_since(link.get("since") or link.get("as_of"), time.time())
        if down is None or min(down, time.time() - self._slept) < self.shop.bus.ack:
            return
        text = (
            f"{home} cannot be reached: {facts['cause']}.\n"
            "Its tasks stay where they are; nothing is given to others while it is so.\n"
            f"To look:      fsbus doctor\nTo try now:   fsbus sync {home}\n"
        )
        self._alarms.raise_(f"unreachable-{home}", f"{home} is unreachable", text)

    def _bury(self, agent: str, roster: Roster) -> None:
        """An agent without agent.yaml: its tasks go to others, what nobody else accepts waits, and the human is told."""
        facts = roster.facts(agent)
        if not (facts["queued"] or facts["acked"] or facts["running"]):
            self._alarms.clear(f"removed-{agent}")
            return
        gone = facts["beat_age"] is None or facts["beat_age"] > self.shop.bus.lease
        states = ("queued", "acked", "running") if gone else ("queued", "acked")
        self._rescue(agent, "its agent.yaml is gone", states, roster)
        text = (
            f"agents/{agent} has tasks and no agent.yaml; they go to others that accept them, or wait.\n"
            f"To see them:   ls agents/{agent}/inbox\nTo end one:    fsbus cancel KEY\nTo go on:      put agent.yaml back\n"
        )
        self._alarms.raise_(f"removed-{agent}", f"{agent} was removed and has tasks", text)

    def _reroutes(self, agent: str) -> bool:
        text = careful.read_text(self.shop.tree.pause(agent), PAUSE_LIMIT) or ""
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
        lying = self._next_few((agent, timer), sorted(n for n in names if n.state in states))
        found = channel.places_of(self.shop.tree, {name.key for name in lying})
        for name in lying:
            with self.shop.apart(f"{name.key} cannot be given to another"):
                self._one(Place(agent, "inbox", name, False), found.get(name.key, []), timer, roster)

    def _next_few(self, row: tuple[str, str], lying: list[TaskName]) -> list[TaskName]:
        """Those whose turn it is at this look: the ones after the last look's, from the first again after the last."""
        rest = [name for name in lying if row in self._reached and name > self._reached[row]]
        few = (rest or lying)[:RESCUES]
        self._reached |= {row: few[-1]} if few else {}
        return few

    def _one(self, place: Place, found: list[Place], timer: str, roster: Roster) -> None:
        name: TaskName = place.name
        task = self._settling.task(place)
        if task is None:
            return
        if reassign.is_overtaken(name, found):
            reassign.supersede(self.shop, place)  # killed before we could say so
            return
        account, now = self._settling.ledger.account(name.key), time.time()
        able = within_reach(self.shop, name.key, roster.able(task, place.agent), now)
        to = rescue(place.agent, name.attempt, account.counted, self._settling.policy, able, now)
        if to is None:
            return
        if name.state == "running":
            gone = failure("lost", f"{place.agent} went down while it ran ({timer})")
            account = account.after(Past(name.attempt, place.agent, gone))
        self._settling.ledger.keep(account)
        to = replace(to, why=f"{timer}: {to.why}" if timer.startswith("timers.") else f"{place.agent}: {timer}")
        self.shop.journal.record("dispatch", name.key, "timer", to.why, agent=place.agent, attempt=name.attempt)
        reassign.make(self.shop, place, to, account, found)
