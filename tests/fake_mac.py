"""fsbus as on a Mac, as far as Linux can play one: no /proc, and a fake `ps` in its place, which is Apple's by its source.

    python -m tests.fake_mac WORDS...       `fsbus WORDS...` without /proc
    python -m tests.fake_mac --ps WORDS...  the fake `ps`
    python -m tests.fake_mac --lsof WORDS...  a fake `lsof -F pa`, where also Linux's own finds no /proc

Apple's (adv_cmds, ps/ps.c, ps/print.c): without -x only what has a terminal; `lstart` is strftime(3)'s %c, in the local
time and language of whoever asks; the environment stands behind the words of the command, blanks between all of them, letters
that are no ASCII written by vis(3), and is missing for Apple's own programs, whose environment the kernel hides (xnu,
kern_sysctl.c, `omit_env_vars`).
"""
from __future__ import annotations

import os
import sys
import time
from pathlib import Path

PROC = os.environ.get("FAKE_MAC_PROC", "/proc")  # where it really is, in a mount namespace whose /proc is empty
APPLES = ("dash", "bash", "sh", "sleep")


def install(folder: Path) -> dict[str, str]:
    """A folder with the fake `ps`; the variables with which a program finds it, and this module."""
    folder.mkdir()
    (folder / "ps").write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.fake_mac --ps "$@"\n')
    (folder / "ps").chmod(0o755)
    here = str(Path(__file__).parents[1])
    return {"PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": here}


def fake_ps(words: list[str]) -> None:
    """Print what Apple's would."""
    columns, pids, all_of_mine, environment = [], [], False, False
    left = list(words)
    while left:
        letters = left.pop(0)[1:]
        all_of_mine |= "x" in letters or "A" in letters
        environment |= "E" in letters
        if letters.endswith("o"):
            columns += [one.partition("=")[0] for one in left.pop(0).split(",")]
        elif letters.endswith("p"):
            pids.append(left.pop(0))
    for pid in pids or [name for name in os.listdir(PROC) if name.isdigit() and _is_mine(name)]:
        try:
            fields = Path(f"{PROC}/{pid}/stat").read_text().rpartition(")")[2].split()
            if pids or all_of_mine or fields[4] != "0":
                print(*(_column(one, pid, fields, environment) for one in columns))
        except OSError:
            pass  # gone


def _is_mine(pid: str) -> bool:
    try:
        return os.stat(f"{PROC}/{pid}").st_uid == os.getuid()
    except OSError:
        return False


def _column(name: str, pid: str, fields: list[str], environment: bool) -> str:
    if name == "command":
        kinds = ["cmdline", "environ"] if environment and _shows(pid) else ["cmdline"]
        raw = " ".join(" ".join(Path(f"{PROC}/{pid}/{kind}").read_text(errors="replace").split("\0")) for kind in kinds)
        return "".join(c if c.isascii() else "M-?" for c in raw)
    if name == "lstart":
        boot = next(line for line in Path(f"{PROC}/stat").read_text().splitlines() if line.startswith("btime"))
        began = time.localtime(int(boot.split()[1]) + int(fields[19]) / os.sysconf("SC_CLK_TCK"))
        env = os.environ
        german = (env.get("LC_ALL") or env.get("LC_TIME") or env.get("LANG") or "").startswith("de")
        return time.strftime("%e. %b %H:%M:%S %Y" if german else "%a %b %e %H:%M:%S %Y", began).ljust(28)
    return {"pid": pid, "ppid": fields[1], "stat": fields[0].ljust(4)}[name].rjust(5)


def _shows(pid: str) -> bool:
    return os.path.basename(os.readlink(f"{PROC}/{pid}/exe")) not in APPLES


def fake_lsof(words: list[str]) -> None:
    """Print who has the files behind `--` open, and how."""
    files = {(facts.st_dev, facts.st_ino) for facts in map(os.stat, words[words.index("--") + 1 :])}
    for pid in filter(str.isdigit, os.listdir(PROC)):
        letters = {_access(pid, fd) for fd in _fds(pid) if _opened(pid, fd) in files} if _is_mine(pid) else set()
        print("".join([f"p{pid}\n" for _ in list(letters)[:1]] + [f"f\na{letter}\n" for letter in letters]), end="")


def _fds(pid: str) -> list[str]:
    try:
        return os.listdir(f"{PROC}/{pid}/fd")
    except OSError:
        return []


def _opened(pid: str, fd: str) -> tuple[int, int] | None:
    try:
        facts = os.stat(f"{PROC}/{pid}/fd/{fd}")
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def _access(pid: str, fd: str) -> str:
    try:
        flags = next(line for line in Path(f"{PROC}/{pid}/fdinfo/{fd}").read_text().splitlines() if line.startswith("flags:"))
    except OSError:
        return " "
    return "rwu "[int(flags.split()[1], 8) & os.O_ACCMODE]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ps"]:
        fake_ps(sys.argv[2:])
    elif sys.argv[1:2] == ["--lsof"]:
        fake_lsof(sys.argv[2:])
    else:
        from fsbus.__main__ import main
        from fsbus.spool import owner

        owner._PROC = "/nowhere"
        main()
