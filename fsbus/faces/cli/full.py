"""The same commands through typer: help, errors with suggestions, completion. Imported only for those."""
from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer import completion

from fsbus import __version__
from fsbus.faces.cli import fast, offered, verbs

SETTINGS = {"help_option_names": ["-h", "--help"]}
TYPES: dict[str, Any] = {
    "str": str, "bool": bool, "int": int, "int | None": int | None, "list[str]": list[str], fast.OPTIONAL_VALUE: str,
}  # fmt: skip


def app() -> typer.Typer:
    """All verbs as one typer application."""
    if "_FSBUS_COMPLETE" in os.environ:
        completion.completion_init()  # type: ignore[attr-defined]  # typer does this only with its own --install-completion
    top = _group("A message bus and task queue made of directories. `fsbus VERB --help` has examples.")
    top.callback()(_top)
    for verb, short in verbs.VERBS.items():
        if verb in verbs.GROUPS:
            top.add_typer(_sub(verb), name=verb, short_help=short, help=verbs.module(verb).__doc__)
        else:
            _add(top, verb, verbs.command(verb), verbs.module(verb), short)
    return top


def _sub(verb: str) -> typer.Typer:
    group = _group("")
    module = verbs.module(verb)
    for inner in verbs.GROUPS[verb]:
        _add(group, inner, verbs.command(verb, inner), module, None)
    return group


def _group(text: str) -> typer.Typer:
    return typer.Typer(
        help=text, context_settings=SETTINGS, rich_markup_mode=None, pretty_exceptions_enable=False,
        add_completion=False, no_args_is_help=True,
    )  # fmt: skip


def _version(wanted: bool) -> None:
    if wanted:
        print(f"fsbus {__version__}")
        raise typer.Exit


def _top(
    root: Annotated[str, typer.Option(help="the bus; else $FSBUS_ROOT, a parent with bus.yaml, ~/fsbus")] = "",
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="say which fsbus this is")] = False,
) -> None:
    pass  # --root is taken at the edge, wherever it stands; --version has ended it all by now


def _add(group: typer.Typer, name: str, function: Callable[..., int], module: Any, short: str | None) -> None:
    group.command(name, help=_help(function), short_help=short, context_settings=SETTINGS)(_for_typer(function, module))


def _help(function: Callable[..., int]) -> str:
    """The docstring as it stands, lines kept: `\\b` keeps click from folding the examples."""
    return "\n\n".join("\b\n" + part for part in inspect.cleandoc(function.__doc__ or "").split("\n\n"))


def _for_typer(function: Callable[..., int], module: Any) -> Callable[..., None]:
    signature = inspect.signature(function)
    given = signature.parameters.values()
    parameters = [_parameter(p, module, offered.by(function.__name__, p.name)) for p in given]

    def call(**values: Any) -> None:
        args = [values.pop(p.name) for p in given if p.kind is not p.KEYWORD_ONLY]
        raise typer.Exit(function(*args, **{name: _alone(value) for name, value in values.items()}))

    call.__signature__ = signature.replace(parameters=parameters, return_annotation=None)  # type: ignore[attr-defined]
    call.__annotations__ = {p.name: p.annotation for p in parameters}
    return call


def _parameter(p: inspect.Parameter, module: Any, offers: Callable[[str], offered.Offers] | None) -> inspect.Parameter:
    words, short, kind = module.HELP, getattr(module, "SHORT", {}), TYPES[p.annotation]
    default = list(p.default) if isinstance(p.default, tuple) else p.default
    if p.kind is p.KEYWORD_ONLY:
        names = [f"--{fast.spelling(p.name)}", *([short[p.name]] if p.name in short else [])]
        default = "" if p.annotation == fast.OPTIONAL_VALUE else default
        shown = default not in ("", None, False, [])
        info: Any = typer.Option(*names, help=words[p.name.rstrip('_')], show_default=shown, autocompletion=offers)
    else:
        default = [] if p.annotation == "list[str]" else default  # `submit --file F` has no words; the verb asks for them
        info = typer.Argument(help=words[p.name.rstrip('_')], show_default=False, autocompletion=offers)
    return p.replace(annotation=Annotated[kind, info], default=default, kind=p.KEYWORD_ONLY)


def _alone(value: Any) -> Any:
    return True if value == fast.ALONE else value
