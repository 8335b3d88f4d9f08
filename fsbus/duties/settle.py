"""Settling: what an ended attempt leads to. Done is collected; failed is decided upon, and the decision carried out.

The decision is written to the ledger before anything is done about it, so that a dispatch that is killed here
carries out the same one when it comes back. What the decision is says `core/decide.py`.
"""
from __future__ import annotations

import random
import time
from dataclasses import replace

from fsbus.core.decide import SLEW, Again, Decision, End, Escalate, Past, Policy, decide, too_long
from fsbus.core.moment import show_duration
from fsbus.core.names import TaskName
from fsbus.core.refusal import Refusal
from fsbus.core.result import failure, read_failure
from fsbus.core.task import Task, read
from fsbus.duties import collect, reassign
from fsbus.duties.alarms import Alarms
from fsbus.duties.crossing import too_old, within_reach
from fsbus.duties.ledger import Account, Ledger
from fsbus.duties.orders import Orders
from fsbus.duties.roster import Roster
from fsbus.duties.shop import Shop
from fsbus.spool import careful, channel
from fsbus.spool.channel import Place
from fsbus.spool.folder import Folder
from fsbus.views import story


class Settling:
    """Dispatch's hand on the workers' outboxes."""

    def __init__(self, shop: Shop, orders: Orders, alarms: Alarms) -> None:
        self.shop, self._orders, self._alarms = shop, orders, alarms
        self.ledger = Ledger(shop.tree)
        self._outboxes: dict[str, Folder] = {}
        self._waits: dict[TaskName, Again] = {}  # failed attempts, and what is decided and not due yet
        self._skew = time.time() - time.monotonic()  # as of the last look, for seeing that the clock was set back

    def recover(self) -> None:
        """Close the accounts of tasks that have their final result: a kill came between the two."""
        still_open = self.ledger.open()
        collect.remember(self.shop, but=still_open)
        for key in still_open:
            with self.shop.apart(f"the account of {key} cannot be closed"):
                self._close(key)

    def step(self, roster: Roster, cancelled: set[str]) -> list[float]:
        """Settle whatever has ended; returns the seconds until the next attempt that is decided is due, if any is."""
        ended = [
            Place(agent, "outbox", name, False)
            for agent in self.shop.tree.agents()
            if agent != self.shop.agent.name
            for name in sorted(channel.tasks(self.outbox(agent), "outbox"))
        ]
        failed = {p for p in ended if p.name.state != "done" and not collect.counted(self.shop, p.name.key)}
        last: set[Place] = set()
        with self.shop.apart():  # where one folder cannot be read nothing is concluded; what is done is collected all the same
            last = self._judge(failed, roster, cancelled) if failed or self._waits else failed
        final = [place for place in ended if place not in failed or place in last]
        final = [place for place in final if not self._is_out_of_the_way(place)]
        collect.bring(self.shop, final)
        for name in (place.name for place in final):
            if name.attempt > 1 or self.ledger.has(name.key):  # else there is no other attempt, or supervision finds it
                with self.shop.apart(f"the account of {name.key} cannot be closed"):
                    self._close(name.key)
        return [max(0.0, min(again.at for again in self._waits.values()) - time.time())] if self._waits else []

    def _is_out_of_the_way(self, place: Place) -> bool:
        """Put aside a second end of what was its task's result when a person asked for more; they may have removed that."""
        name: TaskName = place.name
        with self.shop.apart(f"{name.key} cannot be collected"):
            if not self.ledger.has(name.key) or self.ledger.account(name.key).had != name.attempt:
                return False
            collect.put_aside(self.shop, place, "it was its result before, and a further attempt was asked for")
        return True

    def outbox(self, agent: str) -> list[str]:
        """The names in a worker's outbox."""
        if agent not in self._outboxes:
            self._outboxes[agent] = Folder(self.shop.tree.folder(agent, "outbox"))
        with self.shop.apart():
            return self._outboxes[agent].names()
        return []

    def _judge(self, failed: set[Place], roster: Roster, cancelled: set[str]) -> set[Place]:
        """Carry out what follows from each failed attempt; those that were the last of their task.

        One look at the tree for all of them, and none for those that only wait: a look for each took 2 s a pass with
        1,000 of them.
        """
        skew, self._skew = self._skew, time.time() - time.monotonic()
        if self._skew < skew - SLEW:
            self._waits = {}
        self._waits = {p.name: self._waits[p.name] for p in failed if self._is_early(p.name, roster, cancelled)}
        judged = sorted(place for place in failed if place.name not in self._waits)
        found = channel.places_of(self.shop.tree, {place.name.key for place in judged})
        last = set()
        for place in judged:
            with self.shop.apart(f"{place.name.key} cannot be followed up"):
                if self._follow_up(place, found.get(place.name.key, []), roster, cancelled):
                    last.add(place)
        return last

    def _is_early(self, name: TaskName, roster: Roster, cancelled: set[str]) -> bool:
        """Whether the next attempt of this one was decided, and nothing is to be done before it is due."""
        to = self._waits.get(name)
        return to is not None and to.at > time.time() and to.agent in roster.everybody() and name.key not in cancelled

    def _follow_up(self, place: Place, found: list[Place], roster: Roster, cancelled: set[str]) -> bool:
        """Decide what follows a failed attempt, and make it if it is due; True if nothing does. `found`: all of the task."""
        name: TaskName = place.name
        if reassign.is_overtaken(name, found):
            collect.put_aside(self.shop, place, "a later attempt took its place")
            return False
        account = self._account(place, found)
        if not self._stands(account, roster):
            decision = self._decide(place, account, roster, name.key in cancelled)
            if not isinstance(decision, Again):
                self._alarm(place, account, decision, found)
                return True
            account = replace(account, next=decision)
            self.ledger.keep(account)
            self._journal(place, decision)
        assert account.next is not None
        if name.key in cancelled:
            return True
        if account.next.at > time.time():
            self._waits[name] = account.next
            return False
        reassign.make(self.shop, place, account.next, account, found)
        self.ledger.keep(replace(account, next=None))
        collect.put_aside(self.shop, place, "the next attempt was made")
        return False

    def _stands(self, account: Account, roster: Roster) -> bool:
        """Whether what was decided is still to be done."""
        to = account.next
        return to is not None and to.agent in roster.everybody() and not too_long(to, account.counted, self.policy, time.time())

    def forget_alarm(self, key: str) -> None:
        """A person wants another attempt of a failed task: if that fails as well, it is news."""
        self._alarms.forget(f"failed-{key}")

    def _account(self, place: Place, found: list[Place]) -> Account:
        said = story.result(self.shop.tree, place)
        what = read_failure(said.get("error")) or failure("crashed", "there is no result file beside it")
        return self._remembered(place, found).after(Past(place.name.attempt, place.agent, what))

    def _remembered(self, place: Place, found: list[Place]) -> Account:
        """The task's account; what it lacks, since it is from a backup, the results in the tree tell."""
        account, last = self.ledger.account(place.name.key), place.name.attempt
        known = {past.attempt for past in account.history}
        if any(p.ended and p.name.attempt < last and p.name.attempt not in known for p in found):
            for past in self.history_of(place.name.key):
                if past.attempt < last and past.failure.kind != "lost":  # that one was called off, and has not failed
                    account = account.after(past)
        return account

    def _decide(self, place: Place, account: Account, roster: Roster, cancelled: bool) -> Decision:
        if cancelled:
            return End("cancelled")
        task = self.task(place)
        if task is None:
            return Escalate("the task cannot be read any more")
        now = time.time()
        late = too_old(self.shop, place.name.key, place.agent, now)
        able = within_reach(self.shop, place.name.key, roster.able(task, place.agent), now)
        if late is not None and not able:
            return Escalate(late.what)
        return decide(account.counted, self.policy, able, now, random.random())

    @property
    def policy(self) -> Policy:
        """How often and how soon, as bus.yaml says."""
        return Policy(self.shop.bus.attempts, self.shop.bus.backoff)

    def history_of(self, key: str) -> tuple[Past, ...]:
        """The failed attempts of a task whose account is closed, as their results in the tree tell them."""
        found = [(p, story.result(self.shop.tree, p)) for p in channel.places(self.shop.tree, key)]
        pasts = [(p.name.attempt, str(said.get("agent")), read_failure(said.get("error"))) for p, said in found if said]
        return tuple(Past(number, agent, what) for number, agent, what in sorted(pasts, key=lambda p: p[0]) if what is not None)

    def task(self, place: Place) -> Task | None:
        """The task at a place, None if it cannot be read."""
        try:
            found = read(careful.read(channel.path(self.shop.tree, place), story.RESULT_LIMIT), place.name.ext)
        except OSError:
            return None
        return None if isinstance(found, Refusal) else found

    def _journal(self, place: Place, to: Again) -> None:
        when = show_duration(max(0.0, to.at - time.time()))
        why = f"{to.why}; {to.rule} with {to.agent} in {when}"
        self.shop.journal.record(
            "dispatch", place.name.key, "decided", why, agent=place.agent, attempt=place.name.attempt, rule=to.rule
        )

    def _alarm(self, place: Place, account: Account, decision: Decision, found: list[Place]) -> None:
        """A final failure nobody asked for: the human is told what, where, what was tried, and what to type."""
        rule, name = "escalate" if isinstance(decision, Escalate) else "end", place.name
        why = f"{decision.why}; {collect.STAYS}" if collect.done_before(name, found) else decision.why
        self.shop.journal.record("dispatch", name.key, "decided", why, agent=place.agent, attempt=name.attempt, rule=rule)
        if isinstance(decision, Escalate):
            self._alarms.failed(name, place.agent, account.history[-1].failure, why, account.history)

    def _close(self, key: str) -> None:
        """If the task has its final result, other attempts are called off and its account is closed.

        The order for them is filed before: dispatch, killed in between, must not take it for a new one.
        """
        if not collect.counted(self.shop, key):
            return
        found = channel.places(self.shop.tree, key)
        for other in found:
            if other.channel == "inbox" and other.name.attempt != channel.truth(found).name.attempt:
                reassign.supersede(self.shop, other)
        order = self.ledger.account(key).order
        for asked in self._orders.assigns():
            if asked.message.key == order:
                self._orders.file(asked.message)
        self.ledger.close(key)
