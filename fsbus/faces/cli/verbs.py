"""Which verb is which module; a module is imported when its verb is typed.

A command is one function. What stands before `*` in its signature are the words of the command line, what stands
behind are `--options`; its docstring is the help, `HELP` in its module says what each parameter means. Both parsers,
the fast one and typer, read that signature, so there is nothing to keep in step.
"""
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

VERBS = {
    "init": "make a bus",
    "up": "run this host's duties in the foreground",
    "tick": "one pass of everything, then exit (for cron)",
    "submit": "give a task to an agent; prints its key",
    "status": "the whole bus, an agent, or a task",
    "show": "a task's text",
    "result": "a task's result, or its failure",
    "wait": "sleep until tasks have ended",
    "log": "what a task's command printed",
    "trace": "every hop of a task or message: who, when, why",
    "cancel": "ask for the end of a task",
    "retry": "one more attempt of an ended task, with what you know",
    "send": "an urgent message to an agent, or to all; prints its key",
    "recv": "read an agent's urgent messages",
    "ack": "say that an alert or message was understood",
    "today": "the last 24 hours: done, failed, waits for you, was down",
    "check": "how a file would be understood as a task",
    "agent": "add, list, test agents",
    "task": "for agents that pull their work: next, progress, done, fail",
    "sync": "make this tree and another host's the same, once",
    "pair": "set up another host of this bus over ssh, step by step",
    "service": "what keeps it running: install, show, remove (launchd, systemd, cron)",
    "doctor": "what is wrong here, and the command that mends it",
    "completion": "a completion script for bash, zsh or fish",
}
GROUPS = {
    "agent": ("add", "list", "test"),
    "task": ("next", "progress", "done", "fail"),
    "service": ("install", "show", "remove"),
}


def module(verb: str) -> ModuleType:
    """The module of a verb."""
    found: ModuleType = __import__(f"fsbus.faces.cli.{verb}", fromlist=["*"])  # importlib's front costs 3 ms
    return found


def command(verb: str, inner: str = "") -> Callable[..., int]:
    """The function of a verb, or of a verb and the word behind it."""
    found = module(verb)
    function: Callable[..., int] = getattr(found, f"{inner}_" if inner else f"{verb}_")
    return function
