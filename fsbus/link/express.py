"""The urgent lane over one link: messages that are new here go there at once, and those that are new there come.

It is a shortcut: what it drops, refuses or misses, the batch pass carries. A message goes whole under its name `new`;
that it was read, acked or expired goes as a rename. What comes is judged as in a pass before it is stored.
"""
from __future__ import annotations

from collections.abc import Callable

from fsbus.core.errors import Refused
from fsbus.core.names import parse_message
from fsbus.core.paths import spot_of
from fsbus.core.states import MESSAGE_STATES
from fsbus.core.trust import may_come
from fsbus.link.judge import Judge
from fsbus.link.local import Local
from fsbus.link.lookout import Lookout
from fsbus.link.remote import Remote
from fsbus.link.side import MAX_MESSAGE, Event, Side, sha256
from fsbus.spool.tree import Tree

Told = Callable[[str, str], None]  # the path of a message that was copied, and the way: to or from


class Express:
    """One conversation about messages; made anew with each connection."""

    def __init__(self, tree: Tree, host: str, far: Remote, told: Told) -> None:
        self._tree, self._host, self._far, self._told = tree, host, far, told
        self._near = Local(tree)
        self._judge = Judge(self._near)
        self._lookout = Lookout(tree)
        far.watch()

    def step(self) -> bool:
        """Send and take whatever is new; whether there was anything. Raises Unreachable, OSError."""
        came, sent = self._far.wait_event(0.0), 0
        for event in came:
            self._take(event)
        for event in self._lookout.news():  # each goes as soon as it is found
            self._send(event)
            sent += 1
        return bool(came or sent)

    def _send(self, event: Event) -> None:
        rules, spot = self._judge.rules(self._host), spot_of(event.path)
        if spot is None or isinstance(rules, str) or may_come(event.path, (len(event.body or b""), ""), rules.flipped, ()):
            return
        if not (rules.flipped.carried(spot.agent) or rules.there(spot.name.sender)):
            return
        if self._store(self._far, self._near, event):
            self._told(event.path, "to")

    def _take(self, event: Event) -> None:
        if self._judge.why_not(event.path, len(event.body or b""), self._host):
            return
        if self._store(self._near, self._far, event):
            self._lookout.known(event.path)
            self._told(event.path, "from")
            if event.body is None:  # what is put rings by itself, as early as it can
                self._near.ring(event.path)

    def _store(self, target: Side, source: Side, event: Event) -> bool:
        """Put a new message; of a later state rename what the target has, and put it only if it has nothing."""
        try:
            if event.body is not None:
                return target.put(event.path, event.body, sha256(event.body))
            if any(target.advance(old, event.path) for old in _earlier(event.path)):
                return True
            body = source.read(event.path, MAX_MESSAGE)
            return target.put(event.path, body, sha256(body))
        except (Refused, FileNotFoundError):
            return False  # the batch pass says why


def _earlier(path: str) -> list[str]:
    """The names that this message may have had before, latest first."""
    folder, _, text = path.rpartition("/")
    name = parse_message(text)
    if name is None:
        return []
    urgent = folder.removesuffix("/read")
    states = MESSAGE_STATES[: MESSAGE_STATES.index(name.state)]
    return [f"{urgent}/{name.to(s)}" if s == "new" else f"{urgent}/read/{name.to(s)}" for s in reversed(states)]
