"""Milliseconds from start to exit of a command typed cold: fsbus send, submit, status and fsbus-drop beside `python -c pass`.

All with the same venv's python and its console script, as a user has them; interleaved, so that noise hits all alike. The
minimum is the first figure of min..max. A shell sender (printf to a dot-file, mv) is printed for information.
"""

import subprocess
import time

import fsbus_side
from context import Context
from procs import PYTHON, environ
from rows import Row, Target, ratio

RANK = 5
BARS = {  # against python -c pass; fsbus-drop, which starts no Python, in ms
    "fsbus send": Target("<= 2x python", 2, at_least=False),
    "fsbus submit": Target("<= 3x python", 3, at_least=False),
    "fsbus status": Target("<= 3x python", 3, at_least=False),
    "fsbus-drop": Target("<= 30 ms", 30, at_least=False),
}


def wall(command: list[str]) -> float:
    """Milliseconds of one run; a command that fails is no figure."""
    start = time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=environ())
    spent = (time.perf_counter() - start) * 1e3
    if done.returncode:
        raise RuntimeError(f"exit code {done.returncode}: {done.stderr.decode(errors='replace').strip()[-200:]}")
    return spent


def run(context: Context) -> list[Row]:
    """See main.py."""
    place = context.place.fresh("cold")
    drop = place / "x.md"
    commands = {
        "python -c pass": [PYTHON, "-c", "pass"],
        "sh: printf and mv": ["sh", "-c", 'printf "Bump the deps" > "$1.part" && mv "$1.part" "$1"', "sh", str(drop)],
    }
    root = place / "bus"
    commands |= fsbus_side.cold_commands(root)
    why = fsbus_side.try_bus(root, context.lacks("fsbus"))
    rows = {name: Row("cold", name, "ms", note=why if "fsbus" in name else "") for name in commands}
    for _ in range(context.pick(31, 8)):
        for name, command in commands.items():
            if rows[name].note:
                continue
            try:
                rows[name].samples.append(wall(command))
            except Exception as trouble:
                rows[name].note = f"broke: {trouble}"
    raw = rows["python -c pass"]
    for name, row in rows.items():
        row.x_raw = ratio(raw, row) if row is not raw else None
        if name in BARS:
            row.judge(BARS[name], row.value if name == "fsbus-drop" else ratio(row, raw))
    return list(rows.values())
