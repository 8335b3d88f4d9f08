"""Looking at one inbox again and again, at the price of what is new in it.

A name is parsed when it is seen first; after that a look costs a listing and two set operations, or one `stat` where
nothing came or went, which is what lets a worker keep its eye on a backlog of 100,000 names.
"""
from __future__ import annotations

from fsbus.core.names import TaskName, parse_task
from fsbus.spool import channel
from fsbus.spool.folder import Folder


class Glance:
    """One reader's memory of an inbox."""

    def __init__(self, folder: str) -> None:
        self._folder = Folder(folder)
        self._listed: list[str] = []  # as of the last look
        self._strangers: list[str] = []
        self.tasks: dict[str, TaskName] = {}  # what lies there, by file name

    def look(self) -> tuple[list[TaskName], list[str]]:
        """The tasks that were not there at the last look, and every other name that is there."""
        names = self._folder.names()
        if names is self._listed:
            return [], self._strangers
        present, self._listed = set(names), names
        for name in self.tasks.keys() - present:
            del self.tasks[name]
        fresh, self._strangers = [], []
        for name in present - self.tasks.keys():
            task = parse_task(name)
            if task is not None and task.state in channel.LEGAL["inbox"]:
                self.tasks[name] = task
                fresh.append(task)
            else:
                self._strangers.append(name)
        return fresh, self._strangers

    def moved(self, task: TaskName, to: TaskName) -> None:
        """The caller renamed a task: its new name is nothing new."""
        self._listed = []
        if self.tasks.pop(str(task), None) is not None:
            self.tasks[str(to)] = to

    def forget(self, task: TaskName) -> None:
        """Have it come up as new at the next look: what was to be done with it could not be done."""
        self._listed = []
        self.tasks.pop(str(task), None)
