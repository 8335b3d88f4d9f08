"""The edge of the program: words in, exit code out; every error becomes one line here and nowhere else."""
from __future__ import annotations

import errno
import io
import os
import sys

from fsbus.core.errors import BadUsage, FsbusError, Unsaid
from fsbus.faces.cli import fast, out, verbs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FIRST_PAGE = """\
fsbus: a message bus and task queue made of directories

  fsbus init                              make ~/fsbus, with a worker that needs no AI
  fsbus up                                leave it running; then, in another window:
  fsbus submit --to echo "hello" --wait   give it something to do
  fsbus status                            see the whole bus

Verbs: {verbs}
More: fsbus VERB --help, and README.md in the bus.
"""
INTERRUPTED = 130
BUG = 70


def run(words: list[str]) -> int:
    """Run one command line; returns the exit code of DESIGN section 9."""
    try:
        _open_streams()
        code = _run(_take_root(words))
        out.flush()  # while errors can still be said; at exit Python would complain
        return code
    except FsbusError as error:
        return _fail(error.sentence(), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        _forget_stdout()
        return 0
    except OSError as error:
        return _fail(*_disk(error))
    except Exception as error:
        if os.environ.get("FSBUS_DEBUG"):
            raise
        return _fail(f"a bug in fsbus: {type(error).__name__}: {error}; FSBUS_DEBUG=1 shows where, please report it", BUG)


def _run(words: list[str]) -> int:
    if "_FSBUS_COMPLETE" in os.environ:
        return _typer(words)
    if not words:
        out.put(FIRST_PAGE.format(verbs=" ".join(verbs.VERBS)))
        return 0
    verb, rest = words[0], words[1:]
    if verb in verbs.VERBS:
        inner = rest[0] if verb in verbs.GROUPS and rest and rest[0] in verbs.GROUPS[verb] else ""
        if inner or verb not in verbs.GROUPS:
            function = verbs.command(verb, inner)
            parsed = fast.parse(function, rest[1:] if inner else rest)
            if parsed is not None:
                return function(*parsed[0], **parsed[1])
    return _typer(words)


def _typer(words: list[str]) -> int:
    from fsbus.faces.cli.full import app

    for place, word in enumerate(words):
        if word == "--wait" and words[0] in ("send", "recv", "task") and not words[place + 1 : place + 2]:
            words = [*words[:place], f"--wait={fast.ALONE}"]
    try:
        ended = app()(words, prog_name="fsbus", standalone_mode=False)
    except SystemExit as end:  # a completion
        return end.code if isinstance(end.code, int) else 0
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        return _misread(error, words)
    return ended if isinstance(ended, int) else 0


def _misread(error: Any, words: list[str]) -> int:
    """What typer has to say about the words; for a group alone that is its whole help."""
    said = error.format_message()
    if "\n" in said:
        sys.stderr.write(said + "\n")
        inner = ", ".join(error.ctx.command.commands)
        return _fail(f"{error.ctx.info_name} wants one word more; one of: {inner}", BadUsage.exit_code)
    said = said[:1].lower() + said[1:].rstrip(".").replace(". Did you mean", ", did you mean")
    verb = f"fsbus {words[0]}" if words[0] in verbs.VERBS else "fsbus"
    path = error.ctx.command_path if getattr(error, "ctx", None) else verb
    return _fail(f"{said}; {path} --help", BadUsage.exit_code)


def _take_root(words: list[str]) -> list[str]:
    """`--root DIR` may stand anywhere; it becomes $FSBUS_ROOT for everything that follows."""
    left = list(words)
    for place, word in enumerate(words):
        if word == "--":
            break
        if word == "--root" or word.startswith("--root="):
            value = words[place + 1 : place + 2] if word == "--root" else [word[7:]]
            if not value or not value[0]:
                raise BadUsage("--root wants a folder", then="fsbus --root ~/fsbus status")
            os.environ["FSBUS_ROOT"] = value[0]
            out.name_root(value[0])
            del left[place : place + (2 if word == "--root" else 1)]
            break
    return left


def _disk(error: OSError) -> tuple[str, int]:
    try:
        out.flush()  # what typer printed fails only once it is out
    except Unsaid as unsaid:
        return unsaid.sentence(), unsaid.exit_code
    from fsbus.core.errors import Refused, TryLater
    from fsbus.core.screen import safe_line
    from fsbus.spool.atomic import DISK_TROUBLE

    later, linkless = error.errno in DISK_TROUBLE, error.errno == errno.ENOTSUP  # as link(2) on a Mac's exFAT
    where = f" ({safe_line(str(error.filename))})" if error.filename else ""
    then = "put the bus on a local disk with hard links, such as APFS" if linkless else "look at its permissions"
    then = "nothing was lost; type it again when that is mended" if later else then
    return f"{error.strerror or error}{where}; {then}", TryLater.exit_code if later else Refused.exit_code


def _open_streams() -> None:
    """Something in place of what was closed, where Python leaves None, in the order in which they get their numbers.

    A closed stdout fails as a full one does, or a message would count as read that nobody saw. No letter fails: one
    that the terminal cannot show is printed as its escape; what is no UTF-8 on stdin is for the library to refuse.
    """
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115
    elif isinstance(sys.stdin, io.TextIOWrapper):
        try:
            sys.stdin.reconfigure(errors="surrogateescape")
        except io.UnsupportedOperation:
            pass  # the program that calls us has read from it before
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _forget_stdout() -> None:
    """What could not be printed stays unsaid, or Python complains about it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _fail(sentence: str, code: int) -> int:
    from fsbus.core.screen import safe_line

    try:
        sys.stdout.flush()
    except OSError:
        _forget_stdout()
    try:
        sys.stderr.write(f"fsbus: {safe_line(out.typable(sentence))}\n")
    except OSError:
        pass  # nobody can hear it; the code says it
    return code
