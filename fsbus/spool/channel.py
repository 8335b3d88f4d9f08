"""Reading channels: which names lie where, and what they say together (DESIGN section 8).

A directory scan can miss a file that is being renamed, under both its names (on ext4 about every fifth time). So
channels are read in the direction of flow, where a move doubles a name and never hides it, and two scans are joined
before anything is concluded from an absence.
"""
from __future__ import annotations

import os
from collections import namedtuple

from fsbus.core.names import TaskName, is_day, parse_message, parse_task
from fsbus.core.states import INBOX_STATES, OUTBOX_STATES, rank
from fsbus.spool import careful
from fsbus.spool.tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fsbus.core.names import MessageName

    Closed = dict[str, OSError]  # folders that cannot be read, by path, and why

SCANS = 4  # each can be missed by one rename within an inbox: acked, running, and a priority changed by hand
LEGAL = {"inbox": INBOX_STATES, "outbox": OUTBOX_STATES, "outbox/late": OUTBOX_STATES}
LATE = "outbox/late"
OWN_README = "README.md"
OWN_README_MOST = 64 << 10  # bytes
OWN_README_START = b"<!-- fsbus"


class Place(namedtuple("Place", "agent channel name collected")):
    """Where one name of a task lies.

    agent: whose channel; channel: inbox, outbox, outbox/late or archive/<day>; name: a TaskName; collected: whether
    it lies in dispatch's outbox or in the archive, so that it is the task's final word.
    """

    __slots__ = ()

    @property
    def rank(self) -> int:
        """How true this name is among those of its attempt."""
        return rank(self.name.state, self.collected)

    @property
    def ended(self) -> bool:
        """Whether this name says that its attempt is over."""
        return self.name.state in OUTBOX_STATES


def listing(folder: str) -> list[str]:
    """The visible names in a folder; [] if it is missing."""
    try:
        return [name for name in os.listdir(folder) if name[0] != "."]
    except FileNotFoundError:
        return []


class Guide:
    """The short README.md that init puts into each channel: not a drop while it is ours."""

    def __init__(self, folder: str) -> None:
        self._path = f"{folder}/{OWN_README}"
        self._known: tuple[careful.Looks, bool] = ((0, 0, 0), False)  # which file was looked into, and whether it is ours

    def covers(self, name: str) -> bool:
        """Whether this name in the folder is it."""
        if name != OWN_README:
            return False
        try:
            looks = careful.looks(os.lstat(self._path))
            if looks != self._known[0]:
                self._known = (looks, careful.read(self._path, OWN_README_MOST).startswith(OWN_README_START))
        except OSError:
            return False
        return self._known[1]


def tasks(names: Iterable[str], channel: str) -> Iterator[TaskName]:
    """The tasks among these names that are legal in this channel, in no order."""
    legal = LEGAL[channel]
    for name in names:
        task = parse_task(name)
        if task is not None and task.state in legal:
            yield task


def messages(folder: str) -> Iterator[MessageName]:
    """The messages in a folder, in no order."""
    return message_names(listing(folder))


def message_names(names: Iterable[str]) -> Iterator[MessageName]:
    """The messages among these names, in no order."""
    for name in names:
        message = parse_message(name)
        if message is not None:
            yield message


def runs(name: TaskName) -> list[str]:
    """Each `<stem>.a<N>` that an attempt has had, its own first: a person may change its priority in any state."""
    return [name.run, *(f"{digit}{name.run[1:]}" for digit in "0123456789")]


def case(folder: str, name: TaskName) -> str:
    """The case folder of an attempt in this `runs`, '' if there is none: it keeps the priority that the task had then."""
    return next((path for path in (f"{folder}/{run}" for run in runs(name)) if os.path.isdir(path)), "")


def last_try(case: str) -> int:
    """The number of the latest try in this case folder, 0 if there was none; what else its agent writes there is its own."""
    names = os.listdir(case) if os.path.isdir(case) else []
    numbers = [n[len("stdout.") : -len(".txt")] for n in names if n.startswith("stdout.") and n.endswith(".txt")]
    return max((int(n) for n in numbers if n.isascii() and n.isdigit()), default=0)


def brief(tree: Tree, agent: str, name: TaskName) -> str:
    """The path of what this attempt is to be told: in the agent's inbox, or in that of another, if a person moved the task."""
    from fsbus.core.order import brief_of

    paths = [brief_of(tree.folder(whose, "inbox"), name.key, name.attempt) for whose in (agent, *tree.agents())]
    return next(filter(os.path.lexists, paths), paths[0])


def beside(folder: str, name: TaskName, kind: str) -> str:
    """The path of what lies beside an ended name, or comes to lie there: its result or its files.

    Under another digit, if a person changed the priority of the name since.
    """
    return next((path for run in runs(name) if os.path.lexists(path := f"{folder}/{run}{kind}")), f"{folder}/{name.run}{kind}")


def places(tree: Tree, part: str, closed: Closed | None = None) -> list[Place]:
    """Every place of every task whose key contains `part`, from two scans in the direction of flow, joined.

    More scans before the answer is "nowhere": with two, one look in 1,500 missed a task that was acked during the
    first and started during the second (2,000 names, ext4).

    Raises OSError for a folder that cannot be read, unless `closed` is given: then it is put there, and the caller must
    conclude nothing from what is not found.
    """
    found: dict[Place, None] = {}
    for number in range(SCANS):
        found.update(dict.fromkeys(_scan(tree, part, None, closed)))
        if found and number:
            break
    return list(found)


def places_of(tree: Tree, keys: set[str], closed: Closed | None = None) -> dict[str, list[Place]]:
    """By key, every place of these tasks, from two scans as in `places`; one listing for all of them."""
    found: dict[str, dict[Place, None]] = {}
    for place in (place for _ in (1, 2) if keys for place in _scan(tree, "", keys, closed)):
        found.setdefault(place.name.key, {})[place] = None
    return {key: list(seen) for key, seen in found.items()}


def _scan(tree: Tree, part: str, keys: set[str] | None = None, closed: Closed | None = None) -> Iterator[Place]:
    dispatch = tree.with_role("dispatch")
    workers = [agent for agent in tree.agents() if agent != dispatch]
    flow = [(dispatch, "inbox")] if dispatch else []
    flow += [(agent, channel) for channel in ("inbox", "outbox") for agent in workers]
    flow += [(dispatch, "outbox"), (dispatch, LATE)] if dispatch else []
    for agent, channel in flow:
        collected = agent == dispatch and channel == "outbox"
        yield from _matching(tree.folder(agent, channel), part, keys, Place(agent, channel, None, collected), closed)
    for day in days(tree):
        yield from _matching(f"{tree.root}/archive/{day}", part, keys, Place("", f"archive/{day}", None, True), closed)


def days(tree: Tree) -> list[str]:
    """The folders of the archive, oldest first; what else people put there is theirs."""
    return sorted(filter(is_day, listing(f"{tree.root}/archive")))


def _matching(folder: str, part: str, keys: set[str] | None, where: Place, closed: Closed | None) -> Iterator[Place]:
    agent, channel, _, collected = where
    legal = LEGAL.get(channel, OUTBOX_STATES)
    for name in _readable(folder, closed):
        if part not in name or not (keys is None or name[2:27] in keys):
            continue
        task = parse_task(name)
        if task is not None and part in task.key and task.state in legal:
            yield Place(agent, channel, task, collected)


def _readable(folder: str, closed: Closed | None) -> list[str]:
    try:
        return listing(folder)
    except OSError as error:
        if closed is None:
            raise
        closed[folder] = error
        return []


def truth(found: Iterable[Place]) -> Place:
    """Which of one task's names counts: what dispatch collected, else a finished attempt, else the latest attempt."""
    return max(found, key=lambda p: (p.channel != LATE, p.collected, p.name.state == "done", p.name.attempt, p.rank))


def path(tree: Tree, place: Place) -> str:
    """The path of the file at a place."""
    return f"{folder(tree, place)}/{place.name}"


def folder(tree: Tree, place: Place) -> str:
    """The folder of a place."""
    return tree.folder(place.agent, place.channel) if place.agent else f"{tree.root}/{place.channel}"
