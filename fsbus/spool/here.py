"""This installation of fsbus, as a service file has to know it: which program, and what it needs around it."""
from __future__ import annotations

import os
import sys

from fsbus.core.service import Start, search_path


def start_of(root: str) -> Start:
    """How this very fsbus is started for the bus at `root`."""
    home = os.path.expanduser("~")
    program = _program()
    env = {"PATH": search_path(os.environ.get("PATH", ""), program[0]), "FSBUS_ROOT": root}
    if len(program) > 1 and os.environ.get("PYTHONPATH"):
        env["PYTHONPATH"] = os.environ["PYTHONPATH"]  # without it that Python would find another fsbus, or none
    return Start(program, env, root, home, os.environ.get("XDG_CONFIG_HOME") or f"{home}/.config")


def _program() -> tuple[str, ...]:
    """The script that was typed, by the name it was found under, which an upgrade keeps; else Python and the module."""
    typed = os.path.abspath(sys.argv[0])
    if os.path.basename(typed) == "fsbus" and os.access(typed, os.X_OK) and os.path.isfile(typed):
        return (typed,)
    return (sys.executable, "-m", "fsbus")
