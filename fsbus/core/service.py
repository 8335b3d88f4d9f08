"""What keeps fsbus running after a reboot: the texts of the launchd, systemd and cron entries, and the commands around them.

Pure: how fsbus is started and where home is come in, texts and argument lists go out. Every entry works in the bare
environment that its starter gives: absolute paths, its own PATH, its own FSBUS_ROOT. Every entry carries `MARK`, so that
only what fsbus wrote is ever changed or taken away. `spool/here.py` says how this fsbus is started, `duties/service.py` acts.
"""
from __future__ import annotations

import re
import shlex
import zlib
from dataclasses import dataclass

from fsbus.core.ladder import INT_GRACE, TERM_GRACE
from fsbus.core.refusal import Refusal

KINDS = ("launchd", "launchd-tick", "systemd", "cron")
MARK = "Written by fsbus service install"  # in every file of ours, with the kind behind it
CRON_MARK = "# fsbus service "  # behind it stands the root
CRON_LIMIT = 998  # characters of a command that Debian's cron takes
TICKING = ("cron", "launchd-tick")  # of these kinds: they start `fsbus tick` by the clock, and nothing stays running
MINUTES = 5  # between ticks
THROTTLE = 10  # seconds between two starts of a node that does not stay up
LAST_WORDS = 2 * int(INT_GRACE + TERM_GRACE)  # seconds that a node gets: to stop what it runs, and to write down how it ended
GOING = 3 * LAST_WORDS  # tries, two a second: until the old node has had all its time, and launchd five seconds more
NOBODY = 125  # what launchctl ends with while this user is not logged in at the screen
STANDARD_PATH = ("/opt/homebrew/bin", "/usr/local/bin", "/usr/bin", "/bin")


@dataclass(frozen=True, slots=True)
class Start:
    """How fsbus is started on this machine, for one bus."""

    program: tuple[str, ...]  # an absolute path, and words behind it if Python has to be told which module
    env: dict[str, str]  # what it needs: PATH, FSBUS_ROOT
    root: str  # of the bus, absolute
    home: str  # of the user
    config: str  # $XDG_CONFIG_HOME, or ~/.config


@dataclass(frozen=True, slots=True)
class Service:
    """One entry: what is written where."""

    kind: str  # one of KINDS
    name: str  # by which launchctl or systemctl knows it; the bus for cron
    file: str  # where the text lies; "" for the one line in the crontab
    text: str  # of the file, or the line of the crontab without its end
    says: str  # the command that shows what the node says


@dataclass(frozen=True, slots=True)
class Step:
    """A command that makes an entry take effect."""

    argv: tuple[str, ...]
    must: bool = True  # whether its failure is one: taking out what is not in is none
    times: int = 1  # how often it is tried, a moment apart
    final: int = 0  # the code after which no further try helps


def default_kind(platform: str) -> str:
    """What starts things on this `sys.platform`."""
    return "launchd" if platform == "darwin" else "systemd"


def search_path(path: str, program: str) -> str:
    """A PATH for the bare environment: the user's own, so that agents' programs are found, fsbus's folder, the system's."""
    folders = [*path.split(":"), program.rpartition("/")[0], *STANDARD_PATH]
    return ":".join(dict.fromkeys(f for f in folders if f.startswith("/")))


def service(kind: str, start: Start) -> Service | Refusal:
    """The entry of this kind; a Refusal if these paths cannot stand in one."""
    words = [*start.program, *start.env.values(), start.root]
    if any(not word.isprintable() for word in words):
        return Refusal(None, "a path with control characters cannot stand in a service file", "move the bus or fsbus elsewhere")
    name = _name(start.root, start.home)
    if kind == "systemd":
        file = f"{start.config}/systemd/user/{name}.service"
        return Service(kind, f"{name}.service", file, _systemd(start), f"journalctl --user -u {name}")
    if kind == "cron":
        line = _cron(start)
        if len(line) > CRON_LIMIT:
            return Refusal(
                None, f"the line has {len(line)} characters, cron takes {CRON_LIMIT}: PATH is too long",
                "PATH=/usr/bin:/bin:... fsbus service install --cron, with the folders that your agents need",
            )  # fmt: skip
        return Service(kind, start.root, "", line, f"tail {shlex.quote(_cron_log(start))}")
    label = "dev.fsbus.node" if name == "fsbus" else f"dev.{name.replace('-', '.', 1)}"
    says = f"tail {shlex.quote(log_file(start, label))}"
    return Service(kind, label, f"{start.home}/Library/LaunchAgents/{label}.plist", _launchd(kind, label, start), says)


def is_ours(text: str, kind: str = "") -> bool:
    """Whether fsbus wrote this file, as this kind of entry."""
    return (f"{MARK} ({kind});" if kind else MARK) in text


def _name(root: str, home: str) -> str:
    """`fsbus` for ~/fsbus; other buses of the same user have a name of their own each."""
    if root == f"{home}/fsbus":
        return "fsbus"
    word = re.sub("[^a-z0-9]+", "-", root.rpartition("/")[2].lower()).strip("-")[:20] or "bus"
    return f"fsbus-{word}-{zlib.crc32(root.encode()):08x}"


def _mark(kind: str) -> str:
    return f"{MARK} ({kind}); fsbus service remove takes it away."  # no `--`, which XML comments must not have


# --- launchd


def log_file(start: Start, label: str) -> str:
    """Where launchd puts what the node says; Console shows that folder."""
    return f"{start.home}/Library/Logs/fsbus/{label}.log"


def _launchd(kind: str, label: str, start: Start) -> str:
    import plistlib

    how: dict[str, object] = {"KeepAlive": True, "ThrottleInterval": THROTTLE}
    if kind == "launchd-tick":
        how = {"StartInterval": MINUTES * 60}
    log = log_file(start, label)
    entry = {
        "Label": label,
        "ProgramArguments": [*start.program, "tick" if kind == "launchd-tick" else "up"],
        "EnvironmentVariables": start.env,
        "RunAtLoad": True,
        "ProcessType": "Interactive",  # launchd coalesces the timers of any other: an urgent message would wait for them
        "ExitTimeOut": LAST_WORDS,
        "Umask": 0o077,
        "StandardOutPath": log,
        "StandardErrorPath": log,
    } | how
    return plistlib.dumps(entry).decode().replace("<plist", f"<!-- {_mark(kind)} -->\n<plist", 1)


# --- systemd


def _systemd(start: Start) -> str:
    environment = " ".join(_quoted(f"{name}={value}") for name, value in start.env.items())
    odd = set(start.program[0]) & set("\"'\\$")  # systemd refuses these in the program itself, but not in its words
    program, words = ("/usr/bin/env", start.program) if odd else (start.program[0], start.program[1:])
    command = " ".join([_quoted(program), *(_quoted(word).replace("$", "$$") for word in words)])
    return f"""\
# {_mark("systemd")}
[Unit]
Description=fsbus, a message bus made of directories
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={command} up
Environment={environment}
UMask=0077
Restart=always
RestartSec={THROTTLE}
# The node stops what it runs by itself, in good order; what is left after that is killed.
KillMode=mixed
TimeoutStopSec={LAST_WORDS}
# One agent that eats all memory must not take the node with it.
OOMPolicy=continue

[Install]
WantedBy=default.target
"""


def _quoted(word: str) -> str:
    """A word for a unit file, in which `%` begins a specifier."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


# --- cron


def _cron_log(start: Start) -> str:
    return f"{start.root}/.node/cron.log"


def _cron(start: Start) -> str:
    environment = [f"{name}={shlex.quote(value)}" for name, value in start.env.items()]
    command = " ".join([*environment, *map(shlex.quote, start.program), "tick"])
    line = f"*/{MINUTES} * * * * {command} >>{shlex.quote(_cron_log(start))} 2>&1 {CRON_MARK}{start.root}"
    return line.replace("%", "\\%")  # cron makes a newline of a bare one


def in_crontab(crontab: str, root: str) -> str:
    """The line of this bus, '' if there is none."""
    return next((line for line in crontab.splitlines() if _is_line(line, root)), "")


def with_line(crontab: str, line: str, root: str) -> str:
    """The crontab with this line as the only one of this bus; other lines stay as they are, where they are."""
    kept = without_line(crontab, root)
    if kept and not kept.endswith("\n"):
        kept += "\n"
    return f"{kept}{line}\n"


def without_line(crontab: str, root: str) -> str:
    """The crontab without the line of this bus."""
    return "".join(line for line in crontab.splitlines(keepends=True) if not _is_line(line, root))


def _is_line(line: str, root: str) -> bool:
    return line.rstrip("\r\n").endswith(f" {CRON_MARK}{root}".replace("%", "\\%")) and not line.lstrip().startswith("#")


# --- the commands around the files


def to_start(found: Service, uid: int) -> list[Step]:
    """What makes a file that was just written run, whatever ran before."""
    if found.kind == "systemd":
        words = (("daemon-reload",), ("enable", found.name), ("restart", found.name))
        return [Step(("systemctl", "--user", *w)) for w in words]
    domain = f"gui/{uid}"
    return [
        Step(("launchctl", "bootout", f"{domain}/{found.name}"), must=False),
        Step(("launchctl", "enable", f"{domain}/{found.name}")),
        # bootout returns before the old one is gone, and until then this is "5: Input/output error"
        Step(("launchctl", "bootstrap", domain, found.file), times=GOING, final=NOBODY),
    ]


def to_stop(found: Service, uid: int) -> list[Step]:
    """What ends it, before the file goes."""
    if found.kind == "systemd":
        return [Step(("systemctl", "--user", "disable", "--now", found.name))]
    return [Step(("launchctl", "bootout", f"gui/{uid}/{found.name}"), must=False)]


def to_ask(found: Service, uid: int) -> tuple[str, ...]:
    """What tells whether it runs."""
    if found.kind == "systemd":
        return ("systemctl", "--user", "show", "--property=MainPID", found.name)
    return ("launchctl", "print", f"gui/{uid}/{found.name}")


def pid_in(said: str) -> int:
    """The process in what `to_ask` printed; 0 if there is none."""
    number = re.search(r"^\s*(?:MainPID=|pid = )(\d+)$", said, re.MULTILINE)
    return int(number[1]) if number else 0
