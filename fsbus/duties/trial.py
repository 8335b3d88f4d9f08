"""One try: run the agent's command for a task once, and say what it came to.

Success is what the adapter calls one, and then `expect` and `verify` where given; nothing else is (promise 10).
"""
from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from fsbus.adapters import adapter_for
from fsbus.adapters.base import Ended, Invocation
from fsbus.core import brief, flat, gate, policy, schema
from fsbus.core.names import TaskName
from fsbus.core.result import STDERR_TAIL, Failure, Outcome, failure
from fsbus.core.task import Task
from fsbus.duties.case import COMMAND, HISTORY, SAID, STDOUT_LIMIT, Case
from fsbus.duties.duty import LOOK
from fsbus.duties.shop import Shop
from fsbus.duties.watch import Watch
from fsbus.spool import atomic, careful, channel, room
from fsbus.spool.journal import stamp
from fsbus.spool.owner import start_time

NONE: Mapping[str, str] = MappingProxyType({})
CUT = "\n[cut here: {size} bytes in all, the rest is in files/stdout.txt]\n"


def run(shop: Shop, case: Case, name: TaskName, task: Task, number: int, watch: Watch) -> Outcome:
    """Start the command, wait for its end under `watch`, judge it. The caller holds the baton."""
    if shop.function is not None:
        raise AssertionError("a function is called, not run")
    cwd = working_folder(shop, case, task)
    if cwd is None:
        return Outcome(_no_folder(shop, task))
    try:
        adapter = adapter_for(shop.agent)
    except KeyError:
        what = f"this version of fsbus has no adapter {shop.agent.adapter!r}; see agents/{shop.agent.name}/agent.yaml"
        return Outcome(failure("spawn", what))
    how = adapter.invocation(shop.agent, task)
    env = environment(shop, case, name, number, watch.deadline()) | how.env
    _note(shop, case, how, cwd, env, number)
    prompt = case.write("prompt.txt", how.stdin)
    try:
        code = _run(shop, watch, (how.argv, prompt, case.stdout(number), case.stderr(number), cwd, env))
    except OSError as error:
        if error.errno in room.CROWDED:
            return Outcome(failure("spawn", f"{how.argv[0]}: {error.strerror}", retryable=True))
        return Outcome(failure("spawn", f"{how.argv[0]}: {error.strerror}; is it on the PATH of this worker?"))
    stopped = watch.failure()
    if stopped is not None:
        return Outcome(replace(stopped, exit_code=code, stderr_tail=careful.tail(case.stderr(number), STDERR_TAIL)))
    outcome = adapter.outcome(_ended(case, code, number))
    return _blamed(outcome, case, cwd) if outcome.failure else _checked(shop, case, task, outcome, watch, cwd, env)


def _no_folder(shop: Shop, task: Task) -> Failure:
    """That of the task is the task's fault; that of the agent is not, and another agent may do it."""
    if task.cwd:
        return failure("bad-input", f"cwd {task.cwd!r} is not a folder below the agent's")
    return failure("spawn", f"cwd {shop.agent.cwd!r} is no folder; see agents/{shop.agent.name}/agent.yaml")


def _run(shop: Shop, watch: Watch, command: tuple[Any, ...]) -> int:
    """Run it as soon as the system has room for one more process: that it has none is neither the task's nor the agent's fault.

    Raises OSError if it cannot be started, or was called off before it could be.
    """
    while True:
        try:
            return watch.run(*command)
        except OSError as error:
            halted = watch.halted
            if error.errno not in room.CROWDED or halted.is_set():
                raise
            shop.complain(f"no command can be started: {error.strerror}; it is tried again")
            with shop.baton.aside:
                halted.wait(LOOK)
            watch.restart()


def _blamed(outcome: Outcome, case: Case, cwd: str) -> Outcome:
    """A command that failed where the disk is full may have failed of that: the same one may succeed when there is room."""
    what = outcome.failure
    if what is None or what.kind != "exit" or what.retryable or not what.exit_code:
        return outcome
    full = next((path for path in (case.path, cwd) if room.is_full(path)), "")
    said = f"{what.what}; the disk has no room ({full})"
    return outcome.failed(replace(what, what=said, retryable=True)) if full else outcome


def told(shop: Shop, case: Case, name: TaskName, task: Task) -> Task:
    """The task with what its earlier attempts came to, which dispatch left beside it."""
    text = careful.read_text(channel.brief(shop.tree, shop.agent.name, name)) if name.attempt > 1 else None
    if text is None:
        return task
    case.write(HISTORY, text)
    history, note = brief.read(gate.own(text))
    return replace(task, text=brief.prompt(task.text, history, note))


def environment(shop: Shop, case: Case, name: TaskName, number: int, deadline: float) -> dict[str, str]:
    """What the command may rely on (README of the tree); nothing in it comes from the task's text."""
    return shop.inherited | shop.agent.env | {
        "FSBUS_KEY": name.key,
        "FSBUS_ATTEMPT": str(name.attempt),
        "FSBUS_TRY": str(number),
        "FSBUS_TASK_FILE": f"{case.path}/task.{name.ext}",
        "FSBUS_RESULT_FILE": case.result(number),
        "FSBUS_FILES": case.files,
        "FSBUS_HISTORY_FILE": f"{case.path}/{HISTORY}",
        "FSBUS_DEADLINE": stamp(deadline),
        "FSBUS_AGENT": shop.agent.name,
        "FSBUS_ROOT": shop.tree.real,
    }  # fmt: skip


def marks(shop: Shop, name: TaskName) -> dict[str, str]:
    """The variables by which every process of an attempt is recognised, by whatever name its worker knew the root."""
    return {"FSBUS_ROOT": shop.tree.real, "FSBUS_KEY": name.key, "FSBUS_ATTEMPT": str(name.attempt)}


def working_folder(shop: Shop, case: Case, task: Task) -> str | None:
    """Where the command runs: the agent's folder, or one below it that the task chose; links do not lead out."""
    if not shop.agent.cwd:
        return case.path
    base = os.path.join(shop.tree.root, os.path.expanduser(shop.agent.cwd))
    asked = policy.folder(task.cwd, base) if task.cwd else base
    if asked is None or not os.path.isdir(asked):
        return None
    real, real_base = os.path.realpath(asked), os.path.realpath(base)
    return real if real == real_base or real.startswith(real_base.rstrip("/") + "/") else None


def _note(shop: Shop, case: Case, how: Invocation, cwd: str, env: dict[str, str], number: int) -> None:
    program = shutil.which(how.argv[0], path=env.get("PATH")) or "not found"
    facts: dict[str, object] = {
        "argv": list(how.argv), "program": program, "cwd": cwd, "try": number, "host": shop.tree.host,
        "worker": _process(os.getpid()),
    }  # fmt: skip
    case.write(COMMAND, flat.dump(facts) + _names(tuple(env)))


@lru_cache(maxsize=1)
def _process(pid: int) -> str:
    """This process as others may know it again."""
    return f"{pid} {start_time(pid)}"


@lru_cache(maxsize=64)
def _names(env: tuple[str, ...]) -> str:
    """The names of the variables, the same for each command of an agent."""
    return flat.dump({"environment": sorted(env)})


def _ended(case: Case, code: int, number: int) -> Ended:
    path = case.stdout(number)
    size = os.stat(path).st_size
    stdout = careful.read_text(path, STDOUT_LIMIT) if size <= STDOUT_LIMIT else None
    if stdout is None:
        atomic.second_name(path, f"{case.files}/stdout.txt")
        stdout = careful.head(path, STDOUT_LIMIT) + CUT.format(size=size)
    return Ended(code, stdout, careful.tail(case.stderr(number), STDERR_TAIL), case.read_result(number), tuple(case.leaves()[0]))


def proved(shop: Shop, case: Case, name: TaskName, task: Task, outcome: Outcome, watch: Watch) -> Outcome:
    """What came of work that no command of ours did, after the same `expect` and `verify`."""
    if not (task.expect or task.verify or shop.agent.verify):
        return outcome
    cwd = working_folder(shop, case, task)
    if cwd is None:
        return outcome.failed(_no_folder(shop, task))
    return _checked(shop, case, task, outcome, watch, cwd, environment(shop, case, name, 1, watch.deadline()))


def _checked(
    shop: Shop, case: Case, task: Task, outcome: Outcome, watch: Watch, cwd: str, env: dict[str, str]
) -> Outcome:
    missing = unmet(task.expect, outcome.result, *case.leaves()) if task.expect else None
    if missing is not None:
        return outcome.failed(missing)
    check = task.verify or shop.agent.verify
    if not check:
        return outcome
    said = f"{case.path}/{SAID}"
    try:
        code = _run(shop, watch, (shop.agent.checks[check], "/dev/null", said, said + ".err", cwd, env))
    except OSError as error:
        return outcome.failed(failure("verify", f"the check {check} cannot be started: {error.strerror}", retryable=False))
    words = (careful.tail(said, STDERR_TAIL) + careful.tail(said + ".err", STDERR_TAIL)).strip()
    if code == 0:
        return replace(outcome, verify=f"{check}: passed")
    last = words.splitlines()[-1][:200] if words else "it said nothing"
    stopped = watch.failure() or failure("verify", f"the check {check} ended with code {code}: {last}")
    return replace(outcome, verify=words).failed(replace(stopped, exit_code=code, stderr_tail=words))


def unmet(expect: Any, result: Any, files: Collection[str], odd: Mapping[str, str] = NONE) -> Failure | None:
    """What the task expected and did not get: a file of that name, or data that fits a JSON schema; None if all is there.

    `odd`: what it left that does not travel, such as a link."""
    try:
        what = _no_file(expect, files, odd) if isinstance(expect, str) else schema.misfit(expect, result)
    except ValueError as error:
        return failure("bad-input", str(error))
    return failure("verify", what) if what else None


def _no_file(expect: str, files: Collection[str], odd: Mapping[str, str]) -> str:
    if expect in odd:
        return f"the expected file {expect!r} is {odd[expect]}"
    return "" if expect in files else f"the expected file {expect!r} is not among its files: {', '.join(files) or 'none'}"
