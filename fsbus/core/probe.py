"""What is asked of another host before anything is known of it: one script for its `sh`, and what its answer means.

Pure. The script only looks. What comes back is a stranger's word: it is shown, compared and quoted, and nothing of it
is run here; the one path that may get into `bus.yaml` as a command is one of those that were asked for.
"""
from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field

MARK, END = "fsbus-probe 1", "fsbus-probe end"
GREETING = "FSBUS1 "  # what `fsbus sync --serve` says first: the key is bound to it, whatever was asked
ELSEWHERE = ("$HOME/.local/bin/fsbus", "/usr/local/bin/fsbus", "/opt/homebrew/bin/fsbus")  # not on the PATH of `ssh HOST command`
DOCTOR = "doctor="  # its JSON follows on the next lines
LONGEST = 200  # characters of a path that is believed


@dataclass(frozen=True, slots=True)
class Found:
    """What a host says of itself, unjudged; '' where it said nothing."""

    forced: bool = False  # the key is bound to a forced command: nothing could be asked
    home: str = ""  # of the user there
    now: float = 0.0  # its clock, whole seconds
    python: str = ""  # "3.12 /usr/bin/python3"
    fsbus: str = ""  # the version of the fsbus there
    command: str = ""  # where it is if not where bus.yaml says
    bus: str = ""  # the id of the bus in the root
    host: str = ""  # whose root that is
    there: bool = False  # whether there is something at the root
    rsync: str = ""  # the first line of `rsync --version`
    doctor: tuple[dict[str, str], ...] = field(default=())  # the lines of its own doctor


def program(command: str) -> str:
    """A command of bus.yaml for the far login shell: every word quoted, `~/` left to that shell."""
    words = shlex.split(command or "fsbus")
    return " ".join([_place(words[0]), *map(shlex.quote, words[1:])])


def script(command: str, root: str, doctor: bool = False) -> str:
    """The line for the far login shell, whichever that is."""
    fsbus = program(command)
    elsewhere = " ".join(f'"{path}"' for path in ELSEWHERE) if command in ("", "fsbus") else ""
    lines = [
        "exec </dev/null 2>/dev/null",
        f'echo "{MARK}"; echo "home=$HOME"; echo "now=$(date +%s)"',
        'v=$(python3 -c "import sys; print(*sys.version_info[:2], sep=chr(46))") && echo "python=$v $(command -v python3)"',
        f'say() {{ if [ -n "$1" ]; then "$1" --version; else {fsbus} --version; fi; }}',
        f'for f in "" {elsewhere}; do v=$(say "$f") && {{ echo "fsbus=${{v#fsbus }}"; echo "command=$f"; break; }}; done',
        f'r={_place(root)}; [ -e "$r" ] && echo "there=1"',
        'if [ -e "$r/bus.yaml" ]; then echo "bus=$(sed -n "s/^id: *//p" "$r/bus.yaml" | head -n 1)"',
        'echo "host=$(head -n 1 "$r/host")"; fi',
        'echo "rsync=$(rsync --version | head -n 1)"',
        *([f'echo "{DOCTOR}"; {fsbus} --root "$r" doctor --no-links --json'] if doctor else []),
        f'echo "{END}"',
    ]
    return f"sh -c {shlex.quote('; '.join(lines))}"


def parse(said: str) -> Found | None:
    """What the answer means, None if it is none."""
    if said.startswith(GREETING) or f"\n{GREETING}" in said:
        return Found(forced=True)
    _, mark, rest = said.partition(MARK + "\n")
    plain, end, _ = rest.partition(END)
    if not (mark and end):
        return None
    plain, _, checks = plain.partition(f"\n{DOCTOR}\n")
    words = dict(line.split("=", 1) for line in plain.splitlines() if "=" in line)
    home, command = words.get("home", ""), words.get("command", "")
    return Found(
        home=home if _is_path(home) else "", now=float(_digits(words.get("now", ""))), python=words.get("python", "")[:LONGEST],
        fsbus=words.get("fsbus", "")[:40], command=command if command in _expanded(home) else "", there="there" in words,
        bus=words.get("bus", "").strip("\"' ")[:64], host=words.get("host", "").strip()[:64], rsync=words.get("rsync", "")[:100],
        doctor=_lines(checks),
    )  # fmt: skip


def _place(path: str) -> str:
    """A path as one word of sh, with the far home for a leading `~/`."""
    return f'"$HOME"/{shlex.quote(path[2:])}' if path.startswith("~/") else shlex.quote(path)


def _expanded(home: str) -> tuple[str, ...]:
    return tuple(path.replace("$HOME", home) for path in ELSEWHERE)


def _is_path(text: str) -> bool:
    return text.startswith("/") and text.isprintable() and text.isascii() and len(text) <= LONGEST


def _digits(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 15 else 0


def _lines(checks: str) -> tuple[dict[str, str], ...]:
    """The far doctor's lines; an older fsbus, or a broken one, has none."""
    try:
        found = json.loads(checks)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(found, list):
        return ()
    return tuple({str(k): str(v)[:500] for k, v in one.items()} for one in found[:100] if isinstance(one, dict))
