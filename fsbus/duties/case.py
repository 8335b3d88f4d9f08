"""The case folder `runs/<stem>.a<N>/`: everything about one attempt, and the proof that it was started.

    task.<ext>        the task as it was dropped
    prompt.txt        what the program got on stdin
    command.yaml      argv, folder, names of environment variables, worker and child
    stdout.<T>.txt stderr.<T>.txt result.<T>.yaml    what try T said
    result.yaml       the result that was published: outcome, times, cost
    files/            what it left for the result; moves to the outbox with it
    files-before-1/   other files of this attempt that lay in its way: kept here
    left-out/         what was among that and cannot travel, such as a link or a file too many: kept here
    history.yaml      what earlier attempts of the task came to, and a person's note
    verify.txt        what the check said
    pulled/ progress.txt    the agent fetched the task itself; what it reported since
    plan.yaml         of a request: the children that the planner asked for

Making the folder is the start marker (DESIGN section 8): where it exists, the attempt is never started again.
"""
from __future__ import annotations

import os
from itertools import count, islice
from typing import Any

from fsbus.core import resultfile
from fsbus.core.names import TaskName
from fsbus.core.paths import FILES_MOST, LEFT_OUT
from fsbus.duties.begun import Begun
from fsbus.spool import atomic, careful, channel

RESULT_LIMIT = 1 << 20  # bytes of FSBUS_RESULT_FILE that are read
STDOUT_LIMIT = 256 << 10  # bytes of stdout that become the result; the rest is in the file
LOOKED_AT = 1000  # files it leaves that are looked at for signs of progress
HISTORY = "history.yaml"
CASE_RESULT = "result.yaml"  # the result as it was published: outcome, times, cost
TOO_MANY = f"a file more than the {FILES_MOST} that travel"
EARLIER = "files-before-"  # and a number
COMMAND = "command.yaml"  # how a worker started the command
SAID = "verify.txt"  # what the check printed
CLAIMED = "claimed"  # an empty folder: the agent itself is taking this task, so no worker starts it
TIMEOUT = "timeout"  # seconds that a pulled task has by its own text; not there if it does not say
PULLED = "pulled"  # an empty folder: the agent fetched this task itself, so no worker's death ends it


class Case:
    """The case folder of one attempt."""

    def __init__(self, runs: str, name: TaskName, begun: Begun | None = None) -> None:
        """`begun`, if given, are the folders in `runs`, as their one maker knows them."""
        self.runs, self.name, self._begun = runs, name, begun
        self.path = self._present() or f"{runs}/{name.run}"
        self.files = f"{self.path}/files"

    def started(self) -> bool:
        """Whether this attempt was started, under whatever priority its name had then."""
        return bool(self._present())

    def _present(self) -> str:
        return channel.case(self.runs, self.name) if self._begun is None else self._begun.path(self.name)

    def open(self) -> bool:
        """Mark the attempt as started, durably; False if it was."""
        made = not self.started() and atomic.mark(self.path)
        if made and self._begun is not None:
            self._begun.add(self.name.run)
        return made

    def take_back(self) -> None:
        """Unmark an attempt that this process marked and then did not start."""
        atomic.unmark(self.path)
        if self._begun is not None:
            self._begun.discard(self.name.run)

    def write(self, name: str, text: str | bytes) -> str:
        """A file in the folder; returns its path."""
        atomic.write(f"{self.path}/{name}", text.encode("utf-8", "replace") if isinstance(text, str) else text)
        return f"{self.path}/{name}"

    def stdout(self, number: int) -> str:
        """Where try `number` prints."""
        return f"{self.path}/stdout.{number}.txt"

    def stderr(self, number: int) -> str:
        """Where try `number` complains."""
        return f"{self.path}/stderr.{number}.txt"

    def result(self, number: int) -> str:
        """Where try `number` may leave a result file."""
        return f"{self.path}/result.{number}.yaml"

    def outputs(self) -> list[str]:
        """Every file that its commands print into."""
        names = os.listdir(self.path) if os.path.isdir(self.path) else []
        return [f"{self.path}/{name}" for name in sorted(names) if name.startswith(("stdout.", "stderr.", SAID))]

    def read_result(self, number: int) -> Any:
        """What a try left in its result file: data if it is YAML or JSON, else its text, None if nothing."""
        try:
            data = careful.read(self.result(number), RESULT_LIMIT, links=1 << 16)
        except FileNotFoundError:
            return None
        except OSError as error:  # it may say that all has failed
            return {"error": f"its result file cannot be read: {error.strerror}"}
        return resultfile.read(data.decode("utf-8", "replace"))

    def leaves(self) -> tuple[list[str], dict[str, str]]:
        """What lies in FSBUS_FILES, as paths below it: the files that travel with the result; what does not, and why."""
        files, odd = careful.below(self.files)
        return files[:FILES_MOST], odd | dict.fromkeys(files[FILES_MOST:], TOO_MANY)

    def left_out(self, files: list[str]) -> dict[str, str]:
        """What lay in FSBUS_FILES beside these, does not travel, and was taken out of it; and why."""
        plain, odd = careful.below(f"{self.path}/{LEFT_OUT}")
        return odd | dict.fromkeys(plain, TOO_MANY if len(files) == FILES_MOST else careful.TWIN)

    def leave_out(self, odd: dict[str, str]) -> None:
        """Take these out of what travels with the result; a kill in between leaves the rest for the next call."""
        for inner in odd:
            target = f"{self.path}/{LEFT_OUT}/{inner}"
            atomic.folder(os.path.dirname(target))
            atomic.advance(f"{self.files}/{inner}", target)

    def keep_earlier(self, files: str) -> None:
        """Take in what is in the way of the files: others of this attempt, as a backup may have them."""
        there = os.listdir(self.path)
        number = next(n for n in count(1) if f"{EARLIER}{n}" not in there)
        atomic.advance(files, f"{self.path}/{EARLIER}{number}")

    def moved(self, number: int) -> tuple[int, ...]:
        """A fingerprint that changes whenever the try writes output or touches what it leaves: its signs of progress."""
        paths = [self.stdout(number), self.stderr(number), self.result(number), self.files, self.path]
        paths += islice((f"{folder}/{name}" for folder, _, names in os.walk(self.files) for name in names), LOOKED_AT)
        return tuple(part for path in paths for part in _stamp(path))


def _stamp(path: str) -> tuple[int, int]:
    try:
        facts = os.stat(path)
    except OSError:
        return 0, 0
    return facts.st_size, facts.st_mtime_ns
