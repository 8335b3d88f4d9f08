"""The library object: everything that a face can do, as methods of `Bus`; each imports what it needs when it is called.

    from fsbus import Bus
    bus = Bus("~/fsbus")
    key = bus.submit("Count the words", to="count")
    bus.wait([key]); print(bus.result(key)["result"])

    def shout(job):                      # a worker written as a Python function
        return job.text.upper()
    bus.work("shout", shout)             # until SIGTERM or Ctrl-C

All methods raise `FsbusError` (`fsbus.core.errors`) for what cannot be done, and OSError for a disk in trouble.
"""
from __future__ import annotations

import os
import time

from fsbus.core.errors import NotFound, Refused, WaitedTooLong
from fsbus.spool.journal import Journal
from fsbus.spool.tree import open_tree, the_root
from fsbus.talk import FOREVER, Talk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from fsbus.duties.shop import Job
    from fsbus.spool.channel import Place


class Bus(Talk):
    """One bus, found as DESIGN section 2 says: the given root, $FSBUS_ROOT, a parent with bus.yaml, or ~/fsbus."""

    def __init__(self, root: str | os.PathLike[str] = "", *, sender: str = "") -> None:
        """`sender` is who this is; by default the agent named by $FSBUS_AGENT, else `human`. Raises NotFound, Refused."""
        self.tree = open_tree(the_root(str(root)))
        self._journal = Journal(self.tree.root, self.tree.host)
        self.sender = _sender(sender)

    # --- giving work

    def submit(
        self, text: str, *, to: str = "", type: str = "", priority: int | None = None, urgent: bool = False,  # noqa: A002
        timeout: float | str | None = None, tries: int | None = None, after: Iterable[str] = (), not_before: float | None = None,
        due: float | None = None, title: str = "", reply_to: str = "", parent: str = "", cwd: str = "", verify: str = "",
        expect: Any = None, input: Any = None, key: str = "",  # noqa: A002
    ) -> str:  # fmt: skip
        """Store a task and return its key.

        `to` names an agent; without it dispatch chooses by `type`. `timeout` is in seconds or as `5m`; `not_before`
        and `due` are seconds since 1970; `after` names tasks by any unique part of their keys. With `key` the call may
        be repeated: the same task again is a no-op, another one is refused. Raises BadUsage, NotFound, Refused.
        """
        from fsbus.core import given
        from fsbus.spool.submit import submit

        fields: dict[str, object] = {
            "task": given.text("text", text), "title": given.text("title", title), "type": type, "to": to,
            "priority": priority, "urgent": urgent or None, "timeout": given.duration(timeout), "tries": tries,
            "not_before": given.moment(not_before), "due": given.moment(due),
            "after": [self._whole(part) for part in given.several(after)], "parent": parent, "cwd": cwd, "verify": verify,
            "expect": given.data("expect", expect), "reply_to": reply_to, "input": given.data("input", input),
        }  # fmt: skip
        return submit(self.tree, self._journal, fields, self.sender, given.text("key", key) if key else "")

    # --- looking

    def status(self, agent: str = "") -> dict[str, Any]:
        """The whole bus, or one agent, as data. Raises NotFound."""
        from fsbus.views import overview

        if not agent:
            return overview.bus(self.tree, time.time())
        if agent not in self.tree.agents():
            from fsbus.spool.sender import stranger

            raise stranger(self.tree, agent)
        return overview.agent(self.tree, agent, overview.Moment(self.tree, time.time()))

    def today(self) -> dict[str, Any]:
        """The last 24 hours: done, failed, waits for you, was down from ... to ..."""
        from fsbus.views import day

        return day.day(self.tree, time.time())

    def task(self, key: str) -> dict[str, Any]:
        """One task's state and all that belongs to it. `key` may be any unique part. Raises NotFound, BadUsage."""
        from fsbus.views import story

        return story.task(self.tree, story.find(self.tree, key), time.time())

    def text(self, key: str) -> str:
        """The task file as it was written."""
        from fsbus.views import story

        return story.text(self.tree, self._place(key)).decode("utf-8", "replace")

    def result(self, key: str) -> dict[str, Any]:
        """The result of an ended task, as its `.result.yaml` says. Raises Refused before its end, NotFound without that file."""
        from fsbus.views import story

        place = self._place(key)
        found = story.result(self.tree, place)
        if found:
            return found
        key, state = place.name.key, place.name.state
        if not place.ended:
            raise Refused(f"{key} has no result yet: it is {state}", then=f"fsbus wait {key}")
        path = story.result_path(self.tree, place)
        what = f"{key} is {state}, and there is no result file beside it that can be read"
        raise NotFound(what, where=path, then=f"fsbus log {key}")

    def wait(self, keys: Iterable[str], timeout: float = FOREVER) -> dict[str, str]:
        """Sleep until all these tasks have ended for good; key -> `done` or `failed`. Raises WaitedTooLong, NotFound."""
        from fsbus.core import given
        from fsbus.spool.bell import Bell
        from fsbus.views import ends

        until = time.monotonic() + given.seconds(timeout)
        tasks = ends.Ends(self.tree, given.several(keys))
        if tasks.all_there():
            return tasks.ended  # without a bell, which a read-only disk has no place for
        with Bell(self.tree.root) as bell:
            if not (bell.until(tasks.all_ended, until - time.monotonic()) or tasks.at_last()):
                raise WaitedTooLong(tasks.open(), then="fsbus status", ended=tasks.ended)
            bell.until(tasks.all_there, min(ends.COLLECTED, until - time.monotonic()))
        return tasks.ended

    def output(self, key: str) -> list[str]:
        """Paths of the files into which the latest try prints: stdout, stderr; [] before the first one."""
        from fsbus.views import story

        return story.output(self.tree, self._place(key))

    def trace(self, key: str) -> list[dict[str, Any]]:
        """Every hop of a task or a message, oldest first, as the journal has it. Raises NotFound, BadUsage."""
        from fsbus.views import story

        return story.hops(self.tree, key)

    def sync(self, host: str = "", *, dry_run: bool = False, force: bool = False) -> list[dict[str, Any]]:
        """One pass to every host that this one dials, or to one; per host what was done, or its `trouble`."""
        from fsbus.duties.syncing import sync

        return sync(self.tree, self._journal, host, dry_run, force)

    # --- doing work

    def work(self, agent: str, function: Callable[[Job], Any], *, dispatch: bool = False) -> None:
        """Be the worker of an agent with a Python function, until SIGTERM or Ctrl-C; with `dispatch`, dispatch too.

        The function gets a `Job` and returns text or data; an exception is a failure. It runs in `slots` threads and
        is not interrupted: `timeout` and cancel hold for commands, here they take effect before the next start. A second
        signal waits for it no more: what it had in hand is failed, kind crashed, when the next worker starts.
        """
        from fsbus.duties.serve import work

        work(self.tree, agent, function, dispatch)

    def next(self, agent: str, timeout: float = 0.0) -> dict[str, Any]:
        """Take the next task of an agent that pulls its work: acked, running, its folders. Raises WaitedTooLong, Refused."""
        from fsbus.core import given
        from fsbus.duties import pull

        self._act_for(agent, f"take the tasks of {agent}", f"fsbus task next {self.sender}")
        return pull.take(self.tree, self._journal, agent, given.seconds(timeout))

    def progress(self, key: str, text: str) -> None:
        """A sign of life of a pulled task. Raises Refused when it has been cancelled or given away."""
        from fsbus.duties import pull

        pull.progress(self.tree, self._journal, self._own(key), text)

    def done(self, key: str, result: Any = "", summary: str = "") -> None:
        """End a pulled task well. Raises Refused if it does not run or pass its check, BadUsage for what no result can keep."""
        from fsbus.core import given
        from fsbus.duties import pull

        kept = given.text("result", result) if isinstance(result, str) else result
        pull.done(self.tree, self._journal, self._own(key), self.sender, kept, summary)

    def fail(self, key: str, what: str, *, kind: str = "exit", retryable: bool | None = None) -> None:
        """End a pulled task as failed, retryable as its kind is unless said otherwise. Raises Refused, BadUsage as `done`."""
        from fsbus.duties import pull

        pull.fail(self.tree, self._journal, self._own(key), self.sender, what, kind, retryable)

    def add_agent(self, name: str, settings: dict[str, object]) -> str:
        """Make an agent's folder from what its agent.yaml shall say; returns its path. Raises BadUsage, NotFound, Refused."""
        from fsbus.spool.found import add_agent

        self._act_for("", "add an agent", "fsbus send human question ...")
        return add_agent(self.tree, name, settings)

    def _own(self, key: str) -> Place:
        """Where a task is that this sender may report on and end. Raises Refused."""
        place = self._place(key)
        self._act_for(place.agent, f"end a task of {place.agent or 'another'}", f"fsbus status {place.name.key}")
        return place

    def _place(self, key: str) -> Place:
        from fsbus.views import story

        return story.present(self.tree, story.find(self.tree, key))


def _sender(asked: str) -> str:
    """Who speaks: what the environment says comes before what the caller says."""
    inherited = os.environ.get("FSBUS_AGENT", "")
    if inherited and asked and asked != inherited:
        raise Refused(f"this runs as {inherited}, it cannot speak as {asked}", then="leave out --from")
    return inherited or asked or "human"
