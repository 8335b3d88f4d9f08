"""Reading one agent's messages, at once or as they come: the bell wakes, looks of its own are the safety net.

While it waits it looks by itself: every few milliseconds while messages come, ten times a second when none do, so
that a message put there by a foreign program, or with every bell and watcher dead, is shown all the same.
"""
from __future__ import annotations

import time

from fsbus.spool import bell
from fsbus.spool.bell import BRISK, SHOWN, Bell, pace
from fsbus.spool.channel import Guide
from fsbus.spool.journal import Journal
from fsbus.spool.locks import holder
from fsbus.spool.mailbox import Mailbox
from fsbus.spool.tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fsbus.core.message import Message
    from fsbus.spool.mailbox import Letter
    from fsbus.spool.note import NoteAdopter

STILL_WAIT = 3.0  # seconds for a drop that lay there when the reader came: one that is being written all that time comes later


class Reading:
    """One reader's way through its messages."""

    def __init__(self, tree: Tree, journal: Journal, agent: str, peek: bool) -> None:
        """With `peek` everything is shown once and stays as it is."""
        self._tree, self._journal, self._agent, self._peek = tree, journal, agent, peek
        self._box = Mailbox(tree, agent)
        self._seen: set[str] = set()  # the files that were peeked at
        self._drops: list[str] = []  # as the last look found them
        self._guide = Guide(self._box.folder)
        self._adopter: NoteAdopter | None = None

    def present(self) -> Iterator[Message]:
        """What lies there now, oldest first."""
        self._look_for_drops()
        if self._drops:
            self._wait_for_drops()
        return self._show()

    def follow(self, seconds: float, first_only: bool) -> Iterator[Message]:
        """What lies there and what comes, for so long; with `first_only` until there were any."""
        with Bell(self._tree.root, self._agent) as bell:
            began = last = time.monotonic()
            while True:
                for one in self._show():
                    yield one
                    last = time.monotonic()
                now = time.monotonic()
                if now - began >= seconds or (first_only and last > began):
                    return
                self._take_in()  # after what was a message already: looking for drops must not hold that up
                bell.wait(min(BRISK if self._drops else pace(now - last), began + seconds - now))

    def _show(self) -> Iterator[Message]:
        take: Callable[[Letter], Message | None] = self._box.peek if self._peek else self._box.take
        letters, self._drops = self._box.look()
        for letter in letters:
            one = None if letter.file in self._seen else take(letter)
            if one is None:
                continue
            try:
                yield one
            except GeneratorExit:  # whoever had it could not finish with it
                self._done_with(one, letter.file, shown=False)
                raise
            self._done_with(one, letter.file, shown=True)

    def _done_with(self, one: Message, file: str, shown: bool) -> None:
        if self._peek:
            self._seen.add(file)
        elif shown:
            self._box.shown(one)
            about = {"task": one.task} if one.task else {}
            why = f"{one.type} from {one.sender}" + (", once more" if one.repeat else "")
            self._journal.record(f"recv {one.agent}", one.key, "shown", why, agent=one.agent, **about)
            away = self._tree.home(one.sender) != self._tree.host  # then the link carries it there
            bell.ring(self._tree.root, SHOWN, everybody=away)
        else:
            self._box.give_back(one)

    def _take_in(self) -> float | None:
        """Take in drops, unless the duty `urgent` does; in how many seconds to look again."""
        self._drops = [drop for drop in self._drops if not self._guide.covers(drop)]
        if not self._drops or holder(self._tree, "urgent"):
            return None
        if self._adopter is None:
            from fsbus.spool.note import NoteAdopter  # with the reader of tasks: only for those who find a drop

            self._adopter = NoteAdopter(self._tree, self._agent, self._journal)
        return self._adopter.step(self._drops)[1]

    def _wait_for_drops(self) -> None:
        """Until no drop is there that may be whole in a moment."""
        end = time.monotonic() + STILL_WAIT
        while self._drops and (left := end - time.monotonic()) > 0:
            again = self._take_in()
            if again is None and self._adopter is not None:
                return
            time.sleep(max(0.001, min(left, 0.05 if again is None else again)))
            self._look_for_drops()

    def _look_for_drops(self) -> None:
        self._drops = [drop for drop in self._box.look()[1] if not self._guide.covers(drop)]
