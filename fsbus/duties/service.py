"""Putting the entries of `core/service.py` where launchd, systemd and cron look, and taking them away again.

Nothing that fsbus did not write is changed: a file of that name without our mark is refused, and of a crontab only the
one marked line is touched. Every call may be repeated. A file is written before its starter is asked, so that it lies
there also where that starter does not run yet; what to type then is said.
"""
from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from fsbus.core import service
from fsbus.core.errors import BadUsage, FsbusError, Refused, TryLater
from fsbus.core.refusal import Refusal
from fsbus.core.service import Service, Start, Step
from fsbus.spool import atomic, careful
from fsbus.spool.here import start_of

PATIENCE = 60.0  # seconds for launchctl, systemctl or crontab
MOMENT = 0.5  # seconds between two tries of a step
LINGER = "/var/lib/systemd/linger"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Found:
    """An entry, and what is there of it."""

    entry: Service  # as this fsbus would write it
    there: str  # the text that is there; "" = nothing of ours
    pid: int = 0  # of the node that its starter has running; 0 = none
    trouble: str = ""  # why its starter could not be asked

    @property
    def installed(self) -> str:
        """yes, no, or differs: it was written by another fsbus or for another PATH, or edited."""
        return "no" if not self.there else "yes" if self.there == self.entry.text else "differs"


def install(root: str, kind: str, say: Say) -> Found:
    """Write the entry and make it run; what is there already stays. Raises BadUsage, Refused, TryLater."""
    entry = _entry(start_of(root), kind or service.default_kind(sys.platform))
    if not shutil.which(tool := _tool(entry.kind)):
        then = f"fsbus service show --for {entry.kind} prints what to put where this machine's own starter looks"
        raise Refused(f"there is no {tool} here", then=then)
    found = look(entry)
    if found.installed == "yes" and (found.pid or entry.kind in service.TICKING):
        say("it is installed already")
    elif entry.kind == "cron":
        _write_crontab(service.with_line(_crontab(), entry.text, entry.name))
    else:
        _write(entry, start_of(root))
        _take(service.to_start(entry, os.getuid()), entry)
        _linger(entry, say)
    return look(entry)


def show(root: str, kind: str) -> list[Found]:
    """The entries that are installed, what works first, else the one that would be. Raises BadUsage, Refused."""
    there = [] if kind else sorted(installed(root), key=lambda found: bool(found.trouble))
    return there or [look(_entry(start_of(root), kind or service.default_kind(sys.platform)))]


def keeps(root: str, pid: str) -> bool:
    """Whether a service has this process running, and would start it again."""
    return any(str(found.pid) == pid for found in known(root))


def remove(root: str, kind: str) -> list[Found]:
    """End and take away what fsbus wrote for this bus, of this kind or of all; what that was. Raises Refused, TryLater."""
    gone = installed(root, kind)
    for found in gone:
        if found.entry.kind == "cron":
            _write_crontab(service.without_line(_crontab(), root))
        else:
            if shutil.which(_tool(found.entry.kind)):
                _say_no_more(found)
            atomic.discard(found.entry.file)
    return gone


def installed(root: str, kind: str = "") -> list[Found]:
    """Every entry of this bus that fsbus wrote on this machine. Raises BadUsage, Refused."""
    start = start_of(root)
    entries = [found for k in service.KINDS if not isinstance(found := service.service(k, start), Refusal)]
    looked = [look(entry) for entry in entries if kind in ("", entry.kind)]
    return [found for found in looked if found.there]


def known(root: str) -> list[Found]:
    """The same, as far as it can be told; never an error."""
    try:
        return installed(root)
    except FsbusError:
        return []


def look(entry: Service) -> Found:
    """What is there of an entry. Raises Refused if somebody else's file has its name."""
    if entry.kind == "cron":
        return _look_in_crontab(entry)
    there = careful.read_text(entry.file) or ""
    if os.path.lexists(entry.file) and not service.is_ours(there):
        raise Refused("this file is not from fsbus", where=entry.file, then="move it away")
    if not service.is_ours(there, entry.kind):
        return Found(entry, "")
    if not shutil.which(_tool(entry.kind)):
        return Found(entry, there, trouble=f"there is no {_tool(entry.kind)} here")
    code, said = _run(service.to_ask(entry, os.getuid()))
    return Found(entry, there, service.pid_in(said), _line(said) if code else "")


def _look_in_crontab(entry: Service) -> Found:
    try:
        return Found(entry, service.in_crontab(_crontab(), entry.name) if shutil.which("crontab") else "")
    except Refused as error:
        return Found(entry, "", trouble=error.what)


def _entry(start: Start, kind: str) -> Service:
    if kind not in service.KINDS:
        raise BadUsage(f"there is no service for {kind!r}", then=f"--for one of {', '.join(service.KINDS)}")
    found = service.service(kind, start)
    if isinstance(found, Refusal):
        raise Refused(found.what, where=start.root, then=found.fix)
    return found


def _tool(kind: str) -> str:
    return {"systemd": "systemctl", "cron": "crontab"}.get(kind, "launchctl")


def _write(entry: Service, start: Start) -> None:
    atomic.folder(os.path.dirname(entry.file))
    if entry.kind.startswith("launchd"):
        atomic.folder(os.path.dirname(service.log_file(start, entry.name)))  # launchd makes the file and not the folder
    atomic.replace(entry.file, entry.text.encode(), sync=True)


def _take(steps: list[Step], entry: Service) -> None:
    for step in steps:
        code, said = _run(step.argv)
        for _ in range(step.times - 1):
            if code in (0, step.final):
                break
            time.sleep(MOMENT)
            code, said = _run(step.argv)
        if code and step.must:
            what = f"it is written but does not run: {' '.join(step.argv)}: {_line(said)}"
            raise TryLater(what, where=entry.file, then=_cure(entry))


def _cure(entry: Service) -> str:
    """What helps where the starter of this user does not run."""
    if entry.kind != "systemd":
        return "log in at the screen of this Mac, then: fsbus service install; where it has none: fsbus service install --cron"
    if not os.path.isdir("/run/systemd/system"):
        return "systemd does not run this machine: fsbus service install --cron"
    return f"loginctl enable-linger {user(os.getuid())}, log in again, then: fsbus service install"


def _linger(entry: Service, say: Say) -> None:
    if entry.kind == "systemd" and not os.path.exists(f"{LINGER}/{user(os.getuid())}"):
        say(f"! it stops when you log out; so that it does not: loginctl enable-linger {user(os.getuid())}")


def _say_no_more(found: Found) -> None:
    """End it; a starter that does not run has nothing to end."""
    if not found.trouble:
        _take(service.to_stop(found.entry, os.getuid()), found.entry)


def user(uid: int) -> str:
    """The name of a user, or the number where the system has none, as in a container that is started with `--user`."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _crontab() -> str:
    """This user's crontab, '' if there is none. Raises Refused if it cannot be read, since it is then not ours to write."""
    done = _call(("crontab", "-l"))
    if done.returncode == 0:
        return done.stdout
    if "no crontab for" in done.stderr:
        return ""
    raise Refused(f"your crontab cannot be read: {_line(done.stderr)}", then="look at: crontab -l")


def _write_crontab(text: str) -> None:
    code, said = _run(("crontab", "-"), text)
    if code:
        raise TryLater(f"the crontab was not written: {_line(said)}", then="look at: crontab -l")


def _run(argv: tuple[str, ...], stdin: str = "") -> tuple[int, str]:
    done = _call(argv, stdin)
    return done.returncode, done.stdout + done.stderr


def _call(argv: tuple[str, ...], stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program; its text comes and goes byte for byte, carriage returns and what is no UTF-8 too."""
    env = os.environ | {"LC_ALL": "C"}
    runtime = f"/run/user/{os.getuid()}"
    if not env.get("XDG_RUNTIME_DIR") and os.path.isdir(runtime):
        env["XDG_RUNTIME_DIR"] = runtime  # `ssh vps fsbus service install` may come without it
    try:
        done = subprocess.run(argv, input=os.fsencode(stdin), env=env, capture_output=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(argv, 1, "", f"no answer for {PATIENCE:g} s")
    return subprocess.CompletedProcess(argv, done.returncode, os.fsdecode(done.stdout), os.fsdecode(done.stderr))


def _line(said: str) -> str:
    """What a program said, as one line."""
    return "; ".join(line.strip() for line in said.strip().splitlines()[:3]) or "it said nothing"
