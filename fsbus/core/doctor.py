"""What is wrong here, and the command that mends it: an ordered list of checks over facts that somebody else gathered.

Pure. The order is the one in which things usually break: without a root nothing else can be said, and who reads from the
top mends causes before what follows from them. `LOCAL` is about this host alone; checks of the link to other hosts are
functions of the same kind over facts of their own, put behind these.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from fsbus.core.config import AgentConfig, BusConfig
from fsbus.core.errors import as_typed
from fsbus.core.moment import show_duration
from fsbus.core.refusal import Refusal
from fsbus.core.service import MINUTES, TICKING
from fsbus.core.settings import HOST_KEYS

OK, WARN, FAIL = "ok", "warn", "fail"
LITTLE = 1 << 30  # bytes free below which a disk is called nearly full
FILES = 10_000  # and files that it still takes
NEVER = float("inf")  # `quiet` where there was none yet
MISSED = 3 * 60.0 * MINUTES  # seconds without a tick after which whatever should start it does not
BEHIND = 300.0  # seconds by which a clock may lie before the newest thing it stamped
PYTHON = (3, 11)
PRIVATE = ("Desktop", "Documents", "Downloads", "Library/Mobile Documents", "Library/CloudStorage")  # see `_place`
REMOTE = ("nfs", "nfs4", "cifs", "smb3", "9p", "afs", "ceph", "fuse.sshfs", "fuse.rclone", "fuse.glusterfs")


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the answer."""

    name: str  # what was looked at, one word
    verdict: str  # ok, warn (it works, for now) or fail
    says: str  # one clause
    fix: str = ""  # the command that mends it; "" for what is well

    def sentence(self) -> str:
        """What it says and what to type."""
        return self.says + (f"; {self.fix}" if self.fix else "")


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found on this host, unjudged."""

    root: str  # the bus
    platform: str  # sys.platform
    home: str  # of the user
    real: str = ""  # the root without links
    mode: int | None = None  # permission bits of the root; None = it is not there
    owner: str = ""  # whose it is, if not this user's
    closed: bool = False  # it may be there, and this user may not look
    bus: BusConfig | str = ""  # bus.yaml, or why it cannot be used
    host: str = ""  # what the file `host` says
    agents: Mapping[str, AgentConfig | Refusal] = field(default_factory=dict)
    misnamed: Mapping[str, str] = field(default_factory=dict)  # folder with an agent.yaml and a name that no agent has -> cure
    lost: Mapping[str, str] = field(default_factory=dict)  # agent -> one of its folders, in whose place is something else
    unable: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # agent of this host -> why all its tasks fail, cure
    owners: Mapping[str, int] = field(default_factory=dict)  # duty of this host -> who does it, 0 if nobody
    running: str = ""  # the version of fsbus that the node has, as its beat says; "" if unknown
    version: str = ""  # of this fsbus
    python: tuple[int, int] = PYTHON  # that runs it
    services: tuple[str, ...] = ()  # the kinds of entries that start it
    mute: Mapping[str, str] = field(default_factory=dict)  # kinds of entries whose starter cannot be asked -> why
    quiet: float = 0.0  # seconds since an agent of this host gave a sign of life
    stale: tuple[str, ...] = ()  # of these, what another fsbus wrote, or for another PATH
    lingers: bool = True  # whether what systemd runs for this user outlives a logout
    user: str = ""
    fixed: bool = False  # whether the disk is mounted read-only
    room: int = LITTLE  # bytes free
    files: int = FILES  # files free
    disk: str = ""  # the kind of file system; "" if unknown
    ahead: float = 0.0  # seconds by which the newest line of the journal lies after now
    ssh: str = ""  # path of the program; "" if there is none
    rsync: str = ""  # the first line of `rsync --version`; "" if there is none
    unfit: str = ""  # why that rsync is not used; "" = it is


def local(facts: Facts) -> list[Check]:
    """Every check of this host, in order; only the first ones if there is no bus to look at."""
    found: list[Check] = []
    for look in FIRST:
        found += look(facts)
        if found[-1].verdict == FAIL:
            return found
    return found + [check for look in LOCAL for check in look(facts)]


def has_links(facts: Facts) -> bool:
    """Whether there are links of this host to look at, as far as its own settings can be used."""
    return isinstance(facts.bus, BusConfig) and facts.host in facts.bus.hosts and len(facts.bus.hosts) > 1


def worst(checks: list[Check]) -> str:
    """fail, warn or ok."""
    return next((word for word in (FAIL, WARN) if any(check.verdict == word for check in checks)), OK)


def _root(facts: Facts) -> list[Check]:
    if facts.closed:
        return [Check("root", FAIL, f"{facts.root} belongs to somebody else", f"ls -ld {as_typed(facts.root)}")]
    if facts.mode is None:
        return [Check("root", FAIL, f"there is no bus at {facts.root}", f"fsbus init {as_typed(facts.root)}")]
    if facts.mode & 0o022:
        return [Check("root", FAIL, f"others could write into {facts.root}", f"chmod go-w {as_typed(facts.root)}")]
    if facts.mode & 0o055:
        return [Check("root", WARN, f"others can read {facts.root}", f"chmod go= {as_typed(facts.root)}")]
    if facts.owner:
        says = f"{facts.root} is {facts.owner}'s, who cannot read what {facts.user} puts there"
        return [Check("root", WARN, says, f"su {facts.owner}")]
    return [Check("root", OK, f"{facts.root}, nobody else's")]


def _settings(facts: Facts) -> list[Check]:
    if isinstance(facts.bus, str):
        return [Check("bus.yaml", FAIL, facts.bus, f"edit {facts.root}/bus.yaml")]
    known = ", ".join(facts.bus.hosts) or "no host"
    if facts.host not in facts.bus.hosts:
        says = f"this host is {facts.host!r}, bus.yaml knows {known}" if facts.host else "the file `host` does not name this host"
        return [Check("host", FAIL, says, f"echo NAME > {as_typed(facts.root + '/host')}, or add it under `hosts`")]
    edit = f"edit {facts.root}/bus.yaml"
    notes = [Check("bus.yaml", WARN, note, edit) for note in _unused(facts.bus)]
    if facts.bus.config_host not in ("", *facts.bus.hosts):
        notes += [Check("bus.yaml", FAIL, f"config_host {facts.bus.config_host} is not under `hosts`: {known}", edit)]
    return [*notes, Check("host", OK, f"this is {facts.host} of {known}")]


def _unused(bus: BusConfig) -> Iterator[str]:
    """What bus.yaml says and nobody asks for."""
    yield from bus.notes
    for host, facts in bus.hosts.items():
        yield from (f"hosts.{host}.{key}: not known, not used" for key in facts if key not in HOST_KEYS)


def _room(facts: Facts) -> list[Check]:
    if facts.fixed:
        return [Check("disk", FAIL, "it is read-only, so nothing moves", "dmesg | tail says why; then mount -o remount,rw")]
    if facts.room < LITTLE or facts.files < FILES:
        root = as_typed(facts.root)
        says = f"the disk is nearly full: {facts.room >> 20} MiB and {facts.files} files are free"
        return [Check("disk", WARN if facts.room else FAIL, says, f"du -sh {root}/*; old runs/ of ended tasks may go")]
    return [Check("disk", OK, f"{facts.room >> 30} GiB free")]


def _place(facts: Facts) -> list[Check]:
    if facts.disk in REMOTE:
        return [Check("place", FAIL, f"it lies on a network mount ({facts.disk}): not supported", "move it to a local disk")]
    closed = ("/volumes/", *(f"{facts.home}/{name}/".lower() for name in PRIVATE))
    if facts.platform == "darwin" and any(place.lower().startswith(closed) for place in (facts.root, facts.real)):
        move = f"mv {as_typed(facts.real or facts.root)} {as_typed(facts.home)}/fsbus"
        return [Check("place", WARN, "macOS keeps what launchd starts out of this folder", move)]
    return [Check("place", OK, f"a local disk{f' ({facts.disk})' if facts.disk else ''}")]


def _node(facts: Facts) -> list[Check]:
    idle = [duty for duty, pid in facts.owners.items() if not pid]
    pids = sorted({pid for pid in facts.owners.values() if pid})
    if not pids and {*TICKING} & {*facts.services}:
        return [_ticks(facts)]
    if not pids:
        return [Check("node", FAIL, "nothing runs here, so nothing moves", "fsbus up, or fsbus service install")]
    if idle:
        rest = " ".join(f"--only {duty}" for duty in idle)  # a second whole node would be refused
        return [Check("node", FAIL, f"nobody does {', '.join(idle)}", f"fsbus up {rest}")]
    if facts.running not in ("", facts.version):
        fix = f"kill {pids[0]}, then fsbus up; a service starts it again by itself"
        return [Check("node", WARN, f"it still runs fsbus {facts.running}, this is {facts.version}", fix)]
    return [Check("node", OK, f"runs, pid {', '.join(map(str, pids))}")]


def _ticks(facts: Facts) -> Check:
    if facts.quiet <= MISSED:
        return Check("node", OK, "nothing stays running, it ticks by the clock")
    says = "it has not ticked yet" if facts.quiet == NEVER else f"it last ticked {show_duration(facts.quiet)} ago"
    return Check("node", WARN, says, "pgrep cron tells whether cron runs, fsbus service show where a tick says what it does")


def _service(facts: Facts) -> list[Check]:
    if not facts.services:
        mute = [f"the {kind} entry is there and cannot be asked: {why}" for kind, why in facts.mute.items()]
        return [Check("service", WARN, [*mute, "nothing starts it again after a reboot"][0], "fsbus service install")]
    if facts.stale:
        kind = facts.stale[0]
        says = f"the {kind} entry is for another fsbus or PATH than yours now"
        return [Check("service", WARN, says, f"fsbus service show, fsbus service install --for {kind}")]
    if "systemd" in facts.services and not facts.lingers:
        return [Check("service", WARN, "it ends when you log out", f"loginctl enable-linger {facts.user}")]
    return [Check("service", OK, ", ".join(facts.services))]


def _agents(facts: Facts) -> list[Check]:
    found = [Check(name, FAIL, "this cannot name an agent: nobody looks there", fix) for name, fix in facts.misnamed.items()]
    hosts = facts.bus.hosts if isinstance(facts.bus, BusConfig) else {}
    for name, agent in facts.agents.items():
        file = f"edit {facts.root}/agents/{name}/agent.yaml"
        if isinstance(agent, Refusal):
            found.append(Check(name, FAIL, f"agent.yaml is refused: {agent.sentence()}", file))
        elif agent.home not in hosts:
            found.append(Check(name, FAIL, f"its home {agent.home} is no host of bus.yaml ({', '.join(hosts)})", file))
        elif name in facts.lost:
            path = f"{facts.root}/agents/{name}/{facts.lost[name]}"
            fix = f"mv {as_typed(path)} {as_typed(path + '.away')}, then fsbus up or tick"
            found.append(Check(name, FAIL, f"its {facts.lost[name]}/ is no folder: nothing of it is seen or synced", fix))
        elif name in facts.unable:
            why, cure = facts.unable[name]
            found.append(Check(name, FAIL, why, f"{cure}, or {file}" if cure else file))
    doubled = [name for name, agent in facts.agents.items() if isinstance(agent, AgentConfig) and agent.role == "dispatch"]
    if len(doubled) > 1:
        found.append(Check("agents", FAIL, doubles(doubled), f"edit {facts.root}/agents/{doubled[1]}/agent.yaml"))
    roles = [agent.role for agent in facts.agents.values() if isinstance(agent, AgentConfig)]
    if facts.agents and not found and "dispatch" not in roles:
        found.append(Check("agents", FAIL, "there is no dispatch", "fsbus agent add dispatch --role dispatch"))
    return found or [Check("agents", OK, ", ".join(facts.agents) or "none yet; they come with the first sync")]


def doubles(dispatches: list[str]) -> str:
    """What is said of more than one dispatch; the first by name counts."""
    return f"{' and '.join(dispatches)} have the role dispatch, and there is one: {dispatches[0]} counts"


def _versions(facts: Facts) -> list[Check]:
    said = f"fsbus {facts.version}, Python {'.'.join(map(str, facts.python))}"
    if facts.python < PYTHON:
        return [Check("version", FAIL, said, f"install Python {'.'.join(map(str, PYTHON))} or newer")]
    return [Check("version", OK, said)]


def _clock(facts: Facts) -> list[Check]:
    if facts.ahead > BEHIND:
        fix = "sudo sntp -sS time.apple.com" if facts.platform == "darwin" else "timedatectl set-ntp true"
        return [Check("clock", FAIL, f"it is {facts.ahead:.0f} s behind the newest line of this host's journal", fix)]
    return [Check("clock", OK, "not behind its own journal")]


def _movers(facts: Facts) -> list[Check]:
    """Only for a bus with other hosts."""
    if isinstance(facts.bus, str) or len(facts.bus.hosts) < 2:
        return []
    ssh = Check("ssh", OK, facts.ssh) if facts.ssh else Check("ssh", FAIL, "there is no ssh here", "install the OpenSSH client")
    if not facts.unfit:
        return [ssh, Check("rsync", OK, facts.rsync)]
    fix = "install a newer one" if facts.rsync else "install rsync"
    return [ssh, Check("rsync", WARN, f"{facts.unfit}; large files go over the link itself", fix)]


Look = Callable[[Facts], list[Check]]
FIRST: tuple[Look, ...] = (_root, _settings)  # without which nothing else can be said
LOCAL: tuple[Look, ...] = (_room, _place, _node, _service, _agents, _versions, _clock, _movers)
