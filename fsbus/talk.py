"""The urgent half of the library object: sending, reading and acking messages, calling off and asking again; `Bus` has it.

    bus.send("code", "question", "Which branch?")         # returns at once, with the message's key
    for message in bus.messages("dispatch", follow=True):  # each is marked read when the next one is asked for
        print(message.sender, message.text)
"""
from __future__ import annotations

from fsbus.core import message as words
from fsbus.core.errors import BadUsage, Refused, WaitedTooLong
from fsbus.core.message import ALL, Message
from fsbus.core.states import MESSAGE_TYPES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from fsbus.spool.channel import Place
    from fsbus.spool.journal import Journal
    from fsbus.spool.tree import Tree

FOREVER = 10 * 365 * 86400.0  # seconds
WORDLESS = ("cancel", "pause", "resume")  # types of messages that say it all
RECEIPTS = ("stored", "shown", "acked", "expired")


class Talk:
    """What an agent or a person does with urgent messages."""

    tree: Tree
    sender: str
    _journal: Journal

    def send(
        self, to: str, type: str, text: str = "", *, task: str = "", title: str = "", ack: bool = False,  # noqa: A002
        ttl: float | str | None = None,
    ) -> str:  # fmt: skip
        """Store an urgent message for an agent, or for `all`, and return its key; it never waits for a reader.

        `task` is the key it is about, `ack` asks the reader to ack it, `ttl` (seconds, or as `5m`) is how long it may
        lie unread. Raises BadUsage, NotFound, and Refused where this sender may not reach that agent.
        """
        from fsbus.core import given
        from fsbus.spool import keys, message
        from fsbus.spool.sender import allow

        text, title = given.text("text", text), given.text("title", title)
        more = {"task": self._about(type, task), "title": title, "ack": ack, "ttl": _ttl(ttl)}
        _sayable(type, text, bool(title.strip()), bool(task))
        receivers = self._everybody() if to == ALL else [to]
        for agent in receivers:
            allow(self.tree, self.sender, agent, "message")
        key, about = keys.make(), {"task": more["task"]} if more["task"] else {}
        for agent in receivers:
            message.post(self.tree, agent, type, self.sender, text, more, key)
            self._journal.record(f"send by {self.sender}", key, "stored", f"{type} for {agent}", agent=agent, **about)
        return key

    def cancel(self, key: str) -> str:
        """Ask for the end of a task; returns the agent that will act. Raises Refused if it has ended already."""
        from fsbus.spool import message
        from fsbus.spool.sender import allow, heard
        from fsbus.views import story

        place = _open(story.present(self.tree, found := story.find(self.tree, key)))
        whole, dispatch = found[0].name.key, self.tree.with_role("dispatch")
        receivers = list(filter(None, dict.fromkeys((dispatch, place.agent))))  # dispatch first: it makes no further attempt
        near = [agent for agent in receivers if heard(self.tree, self.sender, agent)] or receivers  # its worker is enough
        for agent in near:
            allow(self.tree, self.sender, agent, "order")
        for agent in near:
            message.post(self.tree, agent, "cancel", self.sender, "", {"task": whole})
        self._journal.record(f"cancel by {self.sender}", whole, "cancel asked", "", agent=place.agent, attempt=place.name.attempt)
        return str(place.agent)

    def retry(self, key: str, *, note: str = "", to: str = "") -> str:
        """Ask dispatch for one more attempt of an ended task, told what happened and `note`; returns the whole key.

        Raises Refused while the task has not ended, NotFound for an unknown agent.
        """
        from fsbus.core import given
        from fsbus.spool import message
        from fsbus.spool.sender import allow
        from fsbus.views import story

        note, place = given.text("note", note), story.present(self.tree, story.find(self.tree, key))
        if not place.collected:
            raise Refused(f"{place.name.key} has not ended: {place.name.state}", then=f"fsbus cancel {place.name.key}, or wait")
        allow(self.tree, self.sender, to)
        dispatch = self.tree.with_role("dispatch")
        allow(self.tree, self.sender, dispatch, "order")
        message.post(self.tree, dispatch, "assign", self.sender, note, {"task": place.name.key, "agent": to})
        self._journal.record(f"retry by {self.sender}", place.name.key, "retry asked", note, agent=to, attempt=place.name.attempt)
        return str(place.name.key)

    def messages(self, agent: str, timeout: float = 0.0, *, follow: bool = False, peek: bool = False) -> Iterator[Message]:
        """The agent's messages, oldest first; waits up to `timeout` seconds for the first, with `follow` for ever.

        One is marked read when the next is asked for, so that a reader that dies over it gets it again, marked
        `repeat`. What the worker obeys by itself (cancel, pause, resume, assign) is not among them. Raises NotFound;
        Refused to a worker that is another one, WaitedTooLong if a wait for the first was in vain.
        """
        from fsbus.core import given
        from fsbus.spool.reading import Reading

        patience = FOREVER if follow else given.seconds(timeout)
        self._must_have(agent)
        self._act_for(agent, f"read the messages of {agent}", f"fsbus recv {self.sender}")
        reading = Reading(self.tree, self._journal, agent, peek)
        if not patience:
            yield from reading.present()
            return
        count = 0
        for one in reading.follow(patience, first_only=not follow):
            count += 1
            yield one
        if not count:
            raise WaitedTooLong(f"there is no message for {agent}", then=f"fsbus recv {agent} --wait 10m")

    def ack(self, key: str) -> str:
        """Say that an urgent message was understood; returns its whole key. Raises NotFound, BadUsage, Refused."""
        from fsbus.core import policy
        from fsbus.spool import message

        if not policy.may_act(self.sender, "", self._role):
            owners = {spot.agent for spot in message.find(self.tree, key)}
            owner = self.sender if self.sender in owners else min(owners)
            self._act_for(owner, f"ack a message of {owner or 'another'}", f"fsbus trace {key}")
        whole = message.ack(self.tree, key, self.sender)
        self._journal.record(f"ack by {self.sender}", whole, "acked", f"{self.sender} has understood")
        return whole

    def receipt(self, key: str, want: str = "shown", timeout: float = FOREVER) -> str:
        """Wait until a message was `shown` or `acked`; returns what came: shown, acked or expired.

        A broadcast counts when every copy does. Raises WaitedTooLong, NotFound.
        """
        from fsbus.core import given
        from fsbus.spool.bell import SHOWN, Bell

        if want not in RECEIPTS:
            raise BadUsage(f"there is no receipt {want!r}", then=f"one of: {', '.join(RECEIPTS)}")
        patience = given.seconds(timeout)
        enough = RECEIPTS[RECEIPTS.index(want) :]
        with Bell(self.tree.root, SHOWN) as bell:
            if not bell.until(lambda: self._least(key) in enough, patience, look=0.1):
                raise WaitedTooLong(f"{key} is {self._least(key)}, not {want}", then=f"fsbus trace {key}")
        return self._least(key)

    def _least(self, key: str) -> str:
        from fsbus.spool import message

        called = {"new": "stored", "read": "shown"}
        best: dict[str, str] = {}
        for spot in message.find(self.tree, key):
            state = called.get(spot.name.state, spot.name.state)
            best[spot.agent] = max(best.get(spot.agent, "stored"), state, key=RECEIPTS.index)
        return min(best.values(), key=RECEIPTS.index)

    def _everybody(self) -> list[str]:
        return [agent for agent in self.tree.agents() if agent != self.sender]

    def _about(self, kind: str, task: str) -> str:
        """The whole key of the task that is meant. Raises NotFound, BadUsage, and Refused for a cancel that comes too late."""
        if not task:
            if kind == "cancel":
                raise BadUsage("a cancel names its task", then="fsbus cancel KEY, or --task KEY")
            return ""
        whole = self._whole(task)
        if kind == "cancel":
            from fsbus.spool import channel
            from fsbus.views import story

            if found := channel.places(self.tree, whole):  # else it is on its way here from another host
                _open(story.present(self.tree, found))
        return whole

    def _whole(self, part: str) -> str:
        """The whole key of a task; what cannot be one is left to be refused by its reader. Raises NotFound, BadUsage."""
        from fsbus.core import given
        from fsbus.core.names import is_key, is_part_of_key

        meant = given.part(part)
        if is_key(part) or not is_part_of_key(meant):
            return part
        from fsbus.views import story

        return str(story.find(self.tree, part)[0].name.key)

    def _act_for(self, agent: str, what: str, then: str) -> None:
        """Let this sender do what is that agent's business, '' = that of none. Raises Refused."""
        from fsbus.core import policy

        if not policy.may_act(self.sender, agent, self._role):
            raise Refused(f"{self.sender} may not {what}: workers act for themselves alone", then=then)

    def _role(self) -> str:
        return self.tree.role(self.sender)

    def _must_have(self, agent: str) -> None:
        if not self.tree.has(agent):
            from fsbus.spool.sender import stranger

            raise stranger(self.tree, agent)


def _open(place: Place) -> Place:
    """A task that can be called off. Raises Refused."""
    from fsbus.views import story

    if story.final(place):
        raise Refused(f"{place.name.key} has ended: {place.name.state}", then=f"fsbus result {place.name.key}")
    return place


def _sayable(kind: str, text: str, titled: bool, about: bool) -> None:
    if kind not in MESSAGE_TYPES:
        from fsbus.core.fields import nearest

        near = nearest(kind, list(MESSAGE_TYPES))
        then = f"did you mean {near}?" if near else f"one of: {', '.join(MESSAGE_TYPES)}"
        raise BadUsage(f"there is no message type {kind!r}", then=then)
    if not (text.strip() or titled or kind in WORDLESS or (about and kind in ("assign", "result"))):
        then = f'fsbus send AGENT {kind} "...", or - for words on stdin'
        raise BadUsage(f"a message of type {kind} needs words", then=then)
    if len(text.encode("utf-8", "replace")) > words.MAX_BYTES - 1024:
        raise BadUsage(f"a message may have {words.MAX_BYTES - 1024} bytes", then="put it into a file or a task and name that")


def _ttl(value: float | str | None) -> str:
    """The time to live as the body writes it: whole seconds. Raises BadUsage."""
    if value is None or value == "":
        return ""
    from fsbus.core import given
    from fsbus.core.moment import duration

    found = duration(value) if isinstance(value, str) else float(given.seconds(value))
    if not isinstance(found, float):
        raise BadUsage(f"ttl: {found.what}", then=found.fix)
    return f"{max(1, round(found))}s"
