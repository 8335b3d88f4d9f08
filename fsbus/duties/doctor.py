"""Gathering what `core/doctor.py` judges. Looks only: nothing is made, locked or changed, and no trouble is an error."""
from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Iterable, Mapping

from fsbus import __version__
from fsbus.adapters import ADAPTERS
from fsbus.core.config import AgentConfig, BusConfig
from fsbus.core.doctor import NEVER, Facts
from fsbus.core.errors import FsbusError, as_typed
from fsbus.core.names import is_agent
from fsbus.core.refusal import Refusal
from fsbus.duties import service
from fsbus.duties.beat import quiet
from fsbus.duties.hosts import dialled
from fsbus.link.rsync import flavour, unfit
from fsbus.spool import careful
from fsbus.spool.locks import holder
from fsbus.spool.tree import FOLDERS, Tree


def gather(root: str, now: float) -> Facts:
    """The facts of this host about the bus at `root`."""
    home, tree = os.path.expanduser("~"), Tree(root)
    try:
        os.stat(f"{root}/bus.yaml")
    except OSError as error:
        return Facts(root, sys.platform, home, closed=isinstance(error, PermissionError))
    named = (careful.read_text(f"{root}/host") or "").strip()
    host = named if is_agent(named) else ""
    agents = _agents(tree)
    here = {name: a for name, a in agents.items() if isinstance(a, AgentConfig) and a.home == host}
    facts, disk, entries = os.stat(root), os.statvfs(root), service.known(root)
    still = quiet(tree, here, now)
    me, owner = service.user(os.getuid()), service.user(facts.st_uid)
    return Facts(
        root, sys.platform, home, os.path.realpath(root), mode=stat.S_IMODE(facts.st_mode), owner=owner if owner != me else "",
        bus=_bus(tree), host=host, agents=agents, unable=_unable(tree, here), owners=_owners(tree, here),
        running=_running(tree, here), version=__version__,
        python=sys.version_info[:2], services=tuple(found.entry.kind for found in entries if not found.trouble),
        mute={found.entry.kind: found.trouble for found in entries if found.trouble}, quiet=NEVER if still is None else still,
        stale=tuple(found.entry.kind for found in entries if found.installed == "differs"),
        lingers=os.path.exists(f"{service.LINGER}/{me}"), user=me,
        fixed=bool(disk.f_flag & os.ST_RDONLY), room=disk.f_bavail * disk.f_frsize,
        files=disk.f_favail if disk.f_files else sys.maxsize,
        disk=mount_kind(careful.head("/proc/self/mountinfo", 1 << 20), os.path.realpath(root)),
        ahead=_newest(f"{root}/log/{host}") - now, ssh=shutil.which("ssh") or "", rsync=flavour(), unfit=unfit(flavour()),
        lost=_lost(tree, agents), misnamed=_misnamed(tree),
    )  # fmt: skip


def mount_kind(mountinfo: str, path: str) -> str:
    """The kind of file system a path lies on, by Linux's list of mounts; '' if that does not say."""
    best, kind = "", ""
    for line in mountinfo.splitlines():
        words, _, rest = line.partition(" - ")
        point = words.split(" ")[4].replace("\\040", " ") if words.count(" ") >= 4 else ""
        if point and f"{path}/".startswith(f"{point.rstrip('/')}/") and len(point) >= len(best):
            best, kind = point, rest.split(" ")[0]
    return kind


def _bus(tree: Tree) -> BusConfig | str:
    try:
        return tree.bus()
    except FsbusError as error:
        return error.what


def _agents(tree: Tree) -> dict[str, AgentConfig | Refusal]:
    try:
        return {name: tree.agent(name) for name in tree.registered()}
    except (FsbusError, OSError):
        return {}


def _unable(tree: Tree, agents: Mapping[str, AgentConfig]) -> dict[str, tuple[str, str]]:
    """Of the agents with a command those whose tasks would all fail, with why and a cure."""
    looked = {name: _lack(tree, agent) for name, agent in agents.items() if agent.run}
    return {name: lack for name, lack in looked.items() if lack}


def _lack(tree: Tree, agent: AgentConfig) -> tuple[str, str] | None:
    """What a command cannot do without."""
    program, cwd = os.path.expanduser(agent.run[0]), os.path.join(tree.root, os.path.expanduser(agent.cwd))
    if not _is_program(program, cwd if agent.cwd else tree.folder(agent.name, "runs/NEW")):
        return f"{program} is no program here" if "/" in program else f"{program} is not on the PATH", "install it"
    if not os.path.isdir(cwd):
        return f"its cwd {cwd} is no folder", f"mkdir -p {as_typed(cwd)}"
    if agent.adapter and agent.adapter not in {adapter.name for adapter in ADAPTERS}:
        return f"this version of fsbus has no adapter {agent.adapter!r}", ""
    return None


def _is_program(program: str, cwd: str) -> bool:
    """Whether it can be started in this folder, as execvp(3) does it: below the folder if it has a `/`."""
    return shutil.which(os.path.join(cwd, program) if "/" in program else program) is not None


def _misnamed(tree: Tree) -> dict[str, str]:
    """How to mend each folder with an agent.yaml and a name that no agent has, as the Finder or a person makes them."""
    folder = f"{tree.root}/agents"
    try:
        strange = [name for name in os.listdir(folder) if name[0] != "." and not is_agent(name)]
    except OSError:
        return {}
    names = sorted(name for name in strange if os.path.exists(f"{folder}/{name}/agent.yaml"))
    return {name: f"mv {as_typed(f'{folder}/{name}')} {as_typed(folder)}/NAME, with a NAME of a-z, 0-9 and -" for name in names}


def _lost(tree: Tree, agents: Iterable[str]) -> dict[str, str]:
    """The first folder of each agent in whose place something else lies; one that is missing is made again by the node."""
    lost = [(name, inner) for name in agents for inner in reversed(FOLDERS) if _is_none(tree.folder(name, inner))]
    return dict(lost)


def _is_none(path: str) -> bool:
    return os.path.lexists(path) and not os.path.isdir(path)


def _owners(tree: Tree, agents: Mapping[str, AgentConfig]) -> dict[str, int]:
    """Who does this host's duties, as `possible.Posts` names them."""
    duties = ["adopt", "sweep", "urgent"]
    for name, agent in agents.items():
        if agent.role == "dispatch":
            duties.append("dispatch")
        elif agent.role == "worker":
            duties.append(f"{'pull' if agent.pulls else 'worker'}:{name}")
    duties += [f"{lane}:{host}" for host in _dialled(tree) for lane in ("mirror", "urgent")]
    return {duty: holder(tree, duty) for duty in duties}


def _dialled(tree: Tree) -> tuple[str, ...]:
    try:
        return dialled(tree)
    except FsbusError:
        return ()  # what is wrong with bus.yaml has a check of its own


def _running(tree: Tree, agents: Mapping[str, AgentConfig]) -> str:
    beats = [careful.mapping(f"{tree.root}/agents/{name}/alive.yaml") for name in agents]
    return next((str(beat["version"]) for beat in beats if beat.get("version") and not beat.get("stopped")), "")


def _newest(folder: str) -> float:
    """When the newest journal was written to, 0 if there is none."""
    try:
        return max((entry.stat().st_mtime for entry in os.scandir(folder)), default=0.0)
    except OSError:
        return 0.0
