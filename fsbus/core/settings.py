"""From what a line of bus.yaml or agent.yaml says to its value, one kind of value a function: the value, or a `Refusal`."""
from __future__ import annotations

import shlex
from typing import Any

from fsbus.core.alarm import Quiet, read_quiet
from fsbus.core.fields import nearest
from fsbus.core.moment import duration
from fsbus.core.names import is_agent
from fsbus.core.refusal import Refusal
from fsbus.core.surely import NOT_GIVEN, is_host, is_variable

ANY = "*"  # in `accepts`: every type
HOST_KEYS = ("ssh", "root", "command", "via")  # what `hosts` of bus.yaml may say of one, in the order in which it is written


def text(value: object) -> str | Refusal:
    """One line of text."""
    return value if isinstance(value, str) and "\0" not in value else Refusal(None, "one line of text is wanted", "")


def optional_text(value: object) -> str | Refusal:
    """The same, or nothing."""
    return "" if value in NOT_GIVEN else text(value)


def name(value: object) -> str | Refusal:
    """The name of an agent, a host, a check."""
    if isinstance(value, str) and is_agent(value):
        return value
    return Refusal(None, f"{value!r} is not a name", "use a-z, 0-9 and -, at most 64")


def one_of(*words: str) -> Any:
    """One of these words."""

    def convert(value: object) -> str | Refusal:
        near = nearest(str(value), list(words))
        hint = f"did you mean {near!r}?" if near else f"one of {', '.join(words)}"
        return str(value) if value in words else Refusal(None, f"{value!r} is not known", hint)

    return convert


def names(value: object) -> tuple[str, ...] | Refusal:
    """Names, in a list or on one line."""
    words = value if isinstance(value, list) else str(value).replace(",", " ").split()
    wrong = next((w for w in words if w != ANY and not (isinstance(w, str) and is_agent(w))), None)
    return tuple(words) if wrong is None else Refusal(None, f"{wrong!r} is not a name", "use a-z, 0-9 and -")


def command(value: object) -> tuple[str, ...] | Refusal:
    """A command line split as a shell would, run without one: what a task says never reaches a shell."""
    words = value if isinstance(value, list) else [value]
    if not all(isinstance(word, str) and "\0" not in word for word in words):
        return Refusal(None, "this is no command line", "write it on one line, as you would type it")
    try:
        return tuple(words if isinstance(value, list) else shlex.split(str(value)))
    except ValueError as error:
        return Refusal(None, f"the command cannot be split: {error}", "close the quotes")


def shell(value: object) -> tuple[str, ...] | Refusal:
    """`notify` comes from the config host and uses $TITLE and friends, so that one is for a shell."""
    line = optional_text(value)
    return line if isinstance(line, Refusal) else ("/bin/sh", "-c", line) if line else ()


def quiet(value: object) -> Quiet | Refusal | None:
    """Hours in which nothing rings."""
    if value in NOT_GIVEN:
        return None
    found = read_quiet(str(value))
    return found if found is not None else Refusal(None, f"{value!r} is no span of hours", "write it like 22:00-07:00, quoted")


def count(value: object) -> int | Refusal:
    """A whole number."""
    digits = str(value)
    if digits.isascii() and digits.isdigit() and len(digits) <= 4 and 1 <= int(digits) <= 1000:
        return int(digits)
    return Refusal(None, f"{digits!r} is not a count", "a whole number from 1 to 1000")


def variables(value: object) -> dict[str, str] | Refusal:
    """What a process is given in its environment."""
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        return Refusal(None, "a block of `NAME: value` lines is wanted", "")
    wrong = next((k for k, v in value.items() if not is_variable(k, v)), None)
    return dict(value) if wrong is None else Refusal(None, f"no process can be given {wrong!r}", "no = in a name, no zero byte")


def checks(value: object) -> dict[str, tuple[str, ...]] | Refusal:
    """Commands by their names."""
    if not isinstance(value, dict):
        return Refusal(None, "a block of `name: command` lines is wanted", "")
    commands = {str(name): command(line) for name, line in value.items() if line not in NOT_GIVEN}
    wrong = next((c for c in commands.values() if isinstance(c, Refusal)), None)
    return wrong if wrong is not None else {n: c for n, c in commands.items() if not isinstance(c, Refusal)}


def hosts(value: object) -> dict[str, dict[str, str]] | Refusal:
    """The hosts, with what is said of each."""
    if not isinstance(value, dict) or not value or not all(is_agent(str(name)) for name in value):
        return Refusal(None, "a block of `name: {}` lines is wanted", "names are a-z, 0-9 and -")
    wrong = next((name for name, facts in value.items() if not is_host(facts)), None)
    if wrong is not None:
        return Refusal(None, f"{wrong}: {value[wrong]!r} is no block", f"write it like `{wrong}: {{ssh: user@host}}`")
    return {name: facts if isinstance(facts, dict) else {} for name, facts in value.items()}


def seconds(value: object) -> float | Refusal:
    """A duration."""
    return duration(str(value))
