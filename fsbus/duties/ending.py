"""The end of an attempt: files and result first, then ONE rename from inbox to outbox (DESIGN section 6).

Each step may be repeated after a kill: the files' move and the result's publication are done once, and a result on
disk for a running attempt means that only the rename is missing.
"""
from __future__ import annotations

import os

from fsbus.core import flat
from fsbus.core.names import TaskName, parse_task
from fsbus.core.result import Ending, Outcome
from fsbus.duties import tell
from fsbus.duties.case import CASE_RESULT, brief_path
from fsbus.duties.shop import Shop
from fsbus.spool import atomic, careful, channel
from fsbus.spool.journal import stamp

RESULT = ".result.yaml"
FILES = ".files"


def end(shop: Shop, name: TaskName, outcome: Outcome, began: float, now: float, tries: int) -> bool:
    """Publish an outcome and move the task on; False if the task was taken away meanwhile.

    Raises OSError if the disk refuses; calling it again continues.
    """
    current = _present(shop, name)
    if current is None:
        return False
    case = shop.case(name)
    files = case.left_files()
    if files:
        atomic.advance(case.files, shop.outbox(current.run + FILES))
    elif os.path.isdir(shop.outbox(current.run + FILES)):
        files = _names_below(shop.outbox(current.run + FILES))
    ending = Ending(
        key=name.key, agent=shop.agent.name, host=shop.tree.host, attempt=name.attempt,
        started=stamp(began), ended=stamp(now), took=now - began, tries=tries, files=files,
    )  # fmt: skip
    path = shop.outbox(current.run + RESULT)
    first = atomic.note(path, flat.dump(ending.data(outcome)).encode())
    if tries and shop.function is None:
        atomic.second_name(path, f"{case.path}/{CASE_RESULT}")
    return complete(shop, current, _why(outcome), outcome.state if first else result_state(path))


def complete(shop: Shop, name: TaskName, why: str, state: str) -> bool:
    """The one rename, to the state that the result on disk names."""
    ended = name.to(state)
    if not atomic.advance(shop.inbox(name), shop.outbox(ended)):
        return False
    shop.record(name, f"{name.state} > {ended.state}", why)
    tell.ended(shop, ended, why)
    if name.attempt > 1:
        atomic.discard(brief_path(shop.inbox("").rstrip("/"), name))
    return True


def result_state(path: str) -> str:
    """The state that a result file names; `failed` where it names none, so that nothing is called done by accident."""
    text = careful.read_text(path) or ""
    return "done" if "\nstate: done\n" in text[:2000] else "failed"


def _present(shop: Shop, name: TaskName) -> TaskName | None:
    """The name that this attempt has now: a person may have changed its priority while it ran."""
    if os.path.lexists(shop.inbox(name)):
        return name
    for _ in (1, 2):  # one scan may miss a name that is being renamed
        for other in channel.listing(shop.inbox("").rstrip("/")):
            task = parse_task(other)
            if task is not None and (task.key, task.attempt) == (name.key, name.attempt):
                return task
    return None


def _names_below(folder: str) -> tuple[str, ...]:
    return tuple(sorted(channel.listing(folder)))


def _why(outcome: Outcome) -> str:
    return f"{outcome.failure.kind}: {outcome.failure.what}" if outcome.failure else outcome.summary or "exit 0"
