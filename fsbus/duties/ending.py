"""The end of an attempt: files and result first, then ONE rename from inbox to outbox (DESIGN section 6).

Each step may be repeated after a kill: the files' move and the result's publication are done once, and a result on
disk for a running attempt means that only the rename is missing.
"""
from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice

from fsbus.core import flat
from fsbus.core.names import TaskName, parse_task
from fsbus.core.paths import FILES, RESULT
from fsbus.core.result import Ending, Outcome
from fsbus.duties import tell
from fsbus.duties.case import CASE_RESULT
from fsbus.duties.shop import Shop
from fsbus.spool import atomic, careful, channel
from fsbus.spool.journal import stamp

SAID_MOST = 100  # lines about what is left out: a result that is larger than a link takes would never arrive


@dataclass(frozen=True, slots=True)
class End:
    """What an attempt came to, before it is published."""

    name: TaskName  # as it was when it ended
    outcome: Outcome
    began: float  # seconds since 1970
    now: float  # when it ended
    tries: int  # runs of the command; 0 = it was never started
    took: float | None = None  # seconds of work, by a clock that nobody sets; None = as these two tell


def end(shop: Shop, name: TaskName, outcome: Outcome, began: float, now: float, tries: int) -> bool:
    """Publish an outcome and move the task on; False if the task was taken away meanwhile.

    Raises OSError if the disk refuses; calling it again continues.
    """
    return end_all(shop, [End(name, outcome, began, now, tries)]) == 1


def end_all(shop: Shop, ends: list[End]) -> int:
    """The same for several, with the barriers of one; how many tasks were not taken away meanwhile."""
    here = [(end, current) for end in ends if (current := present(shop, end.name)) is not None]
    for end, current in here:
        if current is not end.name:
            follow(shop, current)
    results = {shop.outbox(current.run + RESULT): _result(shop, end, current) for end, current in here}
    made = _publish(shop, results)
    return sum(_complete(shop, *one, path, first) for one, path, first in zip(here, results, made, strict=True))


def _publish(shop: Shop, results: dict[str, bytes]) -> list[bool]:
    """New whole files in the outbox, by two barriers for all; whether each was made now, and not there before."""
    temps = [atomic.stage(path, text, sync=False) for path, text in results.items()]
    with shop.barrier():
        atomic.sync_disk(temps)
    pairs = zip(temps, results, strict=True)
    made = [atomic.publish_staged(temp, path, sync=False) or not atomic.discard(temp) for temp, path in pairs]
    if temps:
        with shop.barrier():
            atomic.sync_folder(shop.folder("outbox"))
    return made


def _result(shop: Shop, end: End, current: TaskName) -> bytes:
    """The result file."""
    name = end.name
    files, odd = ((), {}) if shop.function else _files(shop, end, current)
    ending = Ending(
        key=name.key, agent=shop.agent.name, host=shop.tree.host, attempt=name.attempt, started=stamp(end.began),
        ended=stamp(end.now), tries=end.tries, files=files,
        took=max(0.0, end.now - end.began) if end.took is None else end.took,
        left_out=_said(odd),
    )  # fmt: skip
    return flat.dump(ending.data(end.outcome)).encode()


def _said(odd: dict[str, str]) -> tuple[str, ...]:
    """What is left out, a line each, as far as the result file has room for that."""
    lines = tuple(f"{name}: {what}" for name, what in islice(odd.items(), SAID_MOST))
    more = len(odd) - len(lines)
    return (*lines, f"{more} more: see the case folder") if more else lines


def _files(shop: Shop, end: End, current: TaskName) -> tuple[tuple[str, ...], dict[str, str]]:
    """What the command left: the files, which lie in the outbox afterwards, perhaps since a call that the disk refused
    or a kill broke off, and what is left out.

    The folder moves as one. Whatever does not travel is taken out of it before, so that none of it is ever seen outside.
    """
    case, target = shop.case(end.name), shop.outbox(current.run + FILES)
    files, odd = case.leaves()
    if files:
        case.leave_out(odd)
        if os.path.lexists(target):
            case.keep_earlier(target)
        atomic.advance(case.files, target)
    elif os.path.isdir(target):
        files = careful.below(target)[0]
    return tuple(files), case.left_out(files) if files else odd


def _complete(shop: Shop, end: End, current: TaskName, path: str, first: bool) -> bool:
    shop.baton.offer()
    if end.tries and shop.function is None:
        atomic.second_name(path, f"{shop.case(end.name).path}/{CASE_RESULT}")
    return complete(shop, current, _why(end.outcome), end.outcome.state if first else result_state(path))


def complete(shop: Shop, name: TaskName, why: str, state: str) -> bool:
    """The one rename, to the state that the result on disk names."""
    ended = name.to(state)
    if name.attempt > 1:  # before it, lest a kill leaves it for ever
        atomic.discard(channel.brief(shop.tree, shop.agent.name, name))
    if not atomic.advance(shop.inbox(name), shop.outbox(ended)):
        return False
    shop.record(name, f"{name.state} > {ended.state}", why)
    tell.ended(shop, ended, why)
    return True


def follow(shop: Shop, name: TaskName) -> None:
    """Give what lies beside it already, since a kill or a disk that refused, the digit that a person gave the name since."""
    for kind in (RESULT, FILES):
        atomic.advance(channel.beside(shop.folder("outbox"), name, kind), shop.outbox(name.run + kind))


def result_state(path: str) -> str:
    """The state that a result file names; `failed` where it names none, so that nothing is called done by accident."""
    text = careful.read_text(path) or ""
    return "done" if "\nstate: done\n" in text[:2000] else "failed"


def present(shop: Shop, name: TaskName) -> TaskName | None:
    """The name that this attempt has now: a person may have changed its priority while it ran."""
    if os.access(shop.inbox(name), os.F_OK):
        return name
    for _ in (1, 2):  # one scan may miss a name that is being renamed
        for other in channel.listing(shop.folder("inbox")):
            task = parse_task(other)
            if task is not None and (task.key, task.attempt) == (name.key, name.attempt):
                return task
    return None


def _why(outcome: Outcome) -> str:
    return f"{outcome.failure.kind}: {outcome.failure.what}" if outcome.failure else outcome.summary or "exit 0"
