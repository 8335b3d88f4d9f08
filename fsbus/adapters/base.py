"""What fsbus must know about an agent program: how to start it, and how to read what it came to.

An adapter is two pure functions; running, watching and ending the command is the same for all of them
(`duties/command.py`). A new agent program is one file here, entered in `ADAPTERS` (`__init__.py`) and done when
`tests/adapters/test_contract.py` passes for it.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from fsbus.core.config import AgentConfig
from fsbus.core.result import Outcome
from fsbus.core.task import Task


@dataclass(frozen=True, slots=True)
class Invocation:
    """How to start the program once."""

    argv: tuple[str, ...]  # run without a shell
    stdin: str  # the prompt; also a file of its own in the case folder
    env: dict[str, str]  # beside what every command gets


@dataclass(frozen=True, slots=True)
class Ended:
    """What is left of one try."""

    code: int  # exit code; negative = ended by that signal
    stdout: str  # what it printed, cut to a bound
    stderr: str  # the end of it
    result_file: Any  # what it wrote to FSBUS_RESULT_FILE: text or data; None if nothing
    files: tuple[str, ...]  # what it left in FSBUS_FILES


class Adapter(Protocol):
    """One kind of agent program."""

    name: str

    def guess(self, program: str) -> bool:
        """Whether a program of this name (no folder) is of this kind."""

    def invocation(self, agent: AgentConfig, task: Task) -> Invocation:
        """How to start it for this task. The task's text reaches it by stdin and file, never by argv."""

    def outcome(self, ended: Ended) -> Outcome:
        """What it came to. Total: whatever the program left, the answer is a success or a failure."""
