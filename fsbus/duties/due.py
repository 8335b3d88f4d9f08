"""Due: a task whose `due` passes before it has ended is told to the human, once; it goes on as before.

Which tasks have a `due` is in their files. Each is read when its name is there at a second look, so that those which
only pass through are not, and a bounded number per look, so that a backlog of 100,000 does not hold up dispatch. A
`tick` has one look: it reads them all.
"""
from __future__ import annotations

from collections import deque

from fsbus.core.moment import iso
from fsbus.core.names import TaskName
from fsbus.core.refusal import Refusal
from fsbus.core.task import MAX_BYTES, read
from fsbus.duties.alarms import Alarms
from fsbus.duties.shop import Shop
from fsbus.spool import careful, channel
from fsbus.spool.channel import Place
from fsbus.spool.glance import Glance

READS = 500  # tasks read per look


class Dues:
    """Dispatch's eye on the calendar."""

    def __init__(self, shop: Shop, alarms: Alarms) -> None:
        self.shop, self._alarms = shop, alarms
        self._glances: dict[str, Glance] = {}  # by agent
        self._unread: deque[tuple[str, TaskName]] = deque()  # agent and task
        told = (cause[4:] for cause in alarms.causes() if cause.startswith("due-"))
        self._due = dict.fromkeys(told, 0.0)  # of the open tasks that have one, by key, in seconds since 1970
        self._told: set[str] = set()  # those that are overdue and up as an alarm

    def step(self, now: float) -> None:
        """One look at all that is open."""
        self._read_some(READS)
        for agent in self.shop.tree.agents():
            if agent not in self._glances:
                self._glances[agent] = Glance(self.shop.tree.folder(agent, "inbox"))
            self._unread.extend((agent, name) for name in self._look(agent))
        if self.shop.once:
            self._read_some(len(self._unread))
        overdue = {key for key, due in self._due.items() if due <= now}
        if overdue:
            self._look_after(overdue)

    def _look(self, agent: str) -> list[TaskName]:
        with self.shop.apart():
            return self._glances[agent].look()[0]
        return []

    def inboxes(self) -> dict[str, dict[str, TaskName]]:
        """What lay in each agent's inbox at this look, by file name."""
        return {agent: glance.tasks for agent, glance in self._glances.items()}

    def _read_some(self, most: int) -> None:
        for _ in range(min(most, len(self._unread))):
            agent, name = self._unread.popleft()
            with self.shop.apart(f"when {name.key} is due cannot be read"):
                self._read(agent, name)
                continue
            self._unread.append((agent, name))  # at the next look

    def _read(self, agent: str, name: TaskName) -> None:
        try:
            data = careful.read(f"{self.shop.tree.folder(agent, 'inbox')}/{name}", MAX_BYTES)
        except OSError:
            return  # it has another name by now, which is new as well
        if b"due" not in data:
            return
        task = read(data, name.ext)
        if not isinstance(task, Refusal) and task.due is not None:
            self._due[name.key] = task.due

    def _look_after(self, overdue: set[str]) -> None:
        """Tell of those that are open, once; let go of those that are not. What waits where it lay costs no look of its own."""
        waiting = {name.key for glance in self._glances.values() for name in glance.tasks.values()}
        self._told &= overdue
        open_ = overdue - (self._told & waiting)
        found = channel.places_of(self.shop.tree, open_)
        for key in open_:
            with self.shop.apart(f"that {key} is due cannot be told"):
                self._see(key, channel.truth(found[key]) if key in found else None)

    def _see(self, key: str, place: Place | None) -> None:
        if place is not None and not place.collected:
            self._tell(place.agent, place.name)
            return
        if place is not None:
            self._alarms.clear(f"due-{key}")
        del self._due[key]  # one that no scan showed is new to a glance as soon as it is there again

    def _tell(self, agent: str, name: TaskName) -> None:
        if name.key in self._told:
            return
        text = (
            f"{name.slug} ({name.key}) was due {iso(self._due[name.key])} and is {name.state} at {agent}; it goes on.\n"
            f"To see more:  fsbus trace {name.key}\nTo end it:    fsbus cancel {name.key}\n"
        )
        self._alarms.raise_(f"due-{name.key}", f"{name.slug} is overdue", text)
        self._told.add(name.key)
