"""Parsing a command line that is plainly right, in microseconds; anything else is left to typer.

typer takes 100 ms to import and says very well what is wrong; agents and cron send what is right, thousands of
times. The rules come from the signature of the command (`verbs.py`), as typer's do.
"""
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

OPTIONAL_VALUE = "str | bool"  # an option such as `--wait` that may stand alone
ALONE = "\0alone"  # what typer is given for one that does


def parse(function: Callable[..., int], words: list[str]) -> tuple[list[object], dict[str, object]] | None:
    """The arguments for the command, or None if typer should look at these words."""
    kinds = function.__annotations__
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    allowed = {spelling(name): name for name in code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount]}
    options: dict[str, object] = {}
    plain: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            plain += rest
            break
        if len(word) < 2 or word[0] != "-":
            plain.append(word)
        elif not _option(word, rest, kinds, allowed, options):
            return None
    args = _positional(plain, positional, kinds, len(function.__defaults__ or ()))
    return None if args is None else (args, options)


def _option(word: str, rest: list[str], kinds: dict[str, str], allowed: dict[str, str], options: dict[str, object]) -> bool:
    """Take one option, and its value from `rest` if it needs one; False if typer should look at it."""
    spelled, has_value, value = word[2:].partition("=")
    name = allowed.get(spelled, "")
    if word[:2] != "--" or not name:
        return False
    kind = kinds[name]
    if kind == "bool" or (kind == OPTIONAL_VALUE and not has_value and not (rest and rest[0][:1].isdigit())):
        options[name] = True
        return not has_value
    if not has_value:
        if not rest:
            return False
        value = rest.pop(0)
    return _store(name, kind, value, options)


def spelling(parameter: str) -> str:
    """How a parameter is spelled as an option: `not_before` is --not-before, `from_` is --from."""
    return parameter.rstrip("_").replace("_", "-")


def _store(name: str, kind: str, value: str, options: dict[str, object]) -> bool:
    if kind == "list[str]":
        found = options.setdefault(name, [])
        assert isinstance(found, list)
        found.append(value)
        return True
    if name in options:
        return False
    if kind.startswith("int"):
        if not (value.isascii() and value.isdigit()):
            return False
        options[name] = int(value)
    else:
        options[name] = value
    return True


def _positional(plain: list[str], names: tuple[str, ...], kinds: dict[str, str], defaults: int) -> list[object] | None:
    args: list[object] = []
    for name in names:
        if kinds[name] == "list[str]":
            args.append(plain)
            plain = []
        elif plain:
            args.append(plain.pop(0))
        elif len(args) >= len(names) - defaults:
            break
        else:
            return None
    return None if plain else args
