"""Any command: the prompt on stdin, the answer on stdout, success is exit 0.

It may say more in FSBUS_RESULT_FILE: a mapping with any of `result`, `summary`, `cost`, `session` and `error`
(a structured failure), or a text, which then is the result.
"""
from __future__ import annotations

from dataclasses import replace
from typing import Any

from fsbus.adapters.base import Ended, Invocation
from fsbus.core.config import AgentConfig
from fsbus.core.result import STDERR_TAIL, Failure, Outcome, ended_by_code, first_line, read_failure
from fsbus.core.task import Task

COST_MOST = 1e12  # in whatever unit; what is above it, or no number at all (nan), is a slip
_SAYS = ("result", "summary", "cost", "session", "error")


class Plain:
    """See the module."""

    name = "plain"

    def guess(self, program: str) -> bool:
        """Every program will do."""
        return bool(program)

    def invocation(self, agent: AgentConfig, task: Task) -> Invocation:
        """The command as it is configured."""
        return Invocation(agent.run, task.text, {})

    def outcome(self, ended: Ended) -> Outcome:
        """Exit 0 and no `error` is a success; the result file comes before stdout."""
        said = _said(ended.result_file)
        result = said.get("result", ended.stdout if ended.result_file is None else None)
        words = {name: str(said.get(name) or "") for name in ("summary", "session")}
        words["summary"] = words["summary"] or first_line(result)
        return Outcome(failure=_failure(said.get("error"), ended), result=result, cost=_cost(said.get("cost")), **words)


def _cost(cost: Any) -> str | float:
    """A number that JSON and YAML can hold stays one; all else is words."""
    if isinstance(cost, (int, float)) and not isinstance(cost, bool) and abs(cost) < COST_MOST:
        return cost
    return str(cost or "")


def _said(result_file: Any) -> dict[str, Any]:
    if isinstance(result_file, dict) and any(name in result_file for name in _SAYS):
        return result_file
    return {} if result_file is None else {"result": result_file}


def _failure(error: Any, ended: Ended) -> Failure | None:
    own_words = read_failure(error)
    if own_words is not None:
        code = own_words.exit_code or ended.code or None
        return replace(own_words, exit_code=code, stderr_tail=own_words.stderr_tail or ended.stderr[-STDERR_TAIL:])
    return ended_by_code(ended.code, ended.stderr) if ended.code != 0 else None
