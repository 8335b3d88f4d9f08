"""Founding: a bus from one of the ready-made ones in `skel/`, another host's root of one, and new agents in it.

Adds what is missing and never changes what is there, so that it may be repeated, and repairs a folder that somebody
removed. `bus.yaml` is written last: a bus is one when it has that file.
"""
from __future__ import annotations

import os
import re
import secrets
import shlex
import socket

from fsbus.core import flat
from fsbus.core.config import BusConfig, read_agent, read_bus
from fsbus.core.errors import BadUsage, NotFound, Refused
from fsbus.core.names import ID_LETTERS, is_agent
from fsbus.core.refusal import Refusal
from fsbus.spool import atomic, careful
from fsbus.spool.tree import FOLDERS, Tree

TOP = ("agents", "archive", "log", ".node", ".node/bells", ".node/collected", ".node/locks")
ID_LENGTH = 12  # letters of a bus's id: two buses never merge by accident


def found_bus(root: str, skel: str, host: str = "") -> list[str]:
    """Make the bus at `root`, or what is missing of it; returns what was made. Raises BadUsage, OSError."""
    source = f"{skeletons()}/{skel}"
    if not is_agent(skel) or not os.path.isfile(f"{source}/bus.yaml"):
        raise BadUsage(f"there is no skel {skel!r}", then=f"there are: {', '.join(ready_made())}")
    is_bus, first = os.path.exists(f"{root}/bus.yaml"), _first_host(source)
    host = _named(root) or host or (_known(root) if is_bus else first) or this_host()
    if not is_bus and first not in ("", host):
        then = f"fsbus init {shlex.quote(root)} --host {host} --join BUS.YAML, with the bus.yaml that {first} has"
        raise BadUsage(f"a bus of {skel} is made on {first}; {host!r} joins it", then=then)
    made = _ground(root, host)
    for agent in sorted(filter(is_agent, os.listdir(f"{source}/agents"))) if not is_bus else []:  # the Finder leaves .DS_Store
        made += _copy(f"{source}/agents/{agent}/agent.yaml", root, f"agents/{agent}/agent.yaml", {"HOST": host})
    for agent in Tree(root).agents():
        made += furnish(root, agent)
    if not is_bus and os.path.exists(f"{source}/SETUP.md"):
        made += _copy(f"{source}/SETUP.md", root, "SETUP.md", {"ROOT": shlex.quote(root), "CRON": _cron_line(root)})
    new_id = "".join(secrets.choice(ID_LETTERS) for _ in range(ID_LENGTH))
    return made + _copy(f"{source}/bus.yaml", root, "bus.yaml", {"HOST": host, "ID": new_id})


def join(root: str, host: str, bus_text: str) -> list[str]:
    """Make the root that `host` has of a bus made elsewhere, from the text of its bus.yaml; returns what was made.

    Its agents arrive by sync. Repeated, it adds what is missing. Raises BadUsage, NotFound, Refused, OSError.
    """
    bus = _understood(bus_text)
    if host not in bus.hosts:
        known = ", ".join(bus.hosts)
        raise NotFound(f"there is no host {host!r}", where="bus.yaml", then=f"there are: {known}; add it there first")
    if os.path.exists(f"{root}/bus.yaml") and Tree(root).bus().id != bus.id:
        raise Refused("another bus is here", where=root, then="give another folder; two buses never merge")
    if _named(root) not in ("", host):
        raise Refused(f"this root is that of {_named(root)}, not of {host}", where=f"{root}/host", then="give another folder")
    made = _ground(root, host)
    return made + (["bus.yaml"] if _file(f"{root}/bus.yaml", bus_text) else [])


def _ground(root: str, host: str) -> list[str]:
    """What every root has on every host. Raises BadUsage."""
    if not is_agent(host):
        raise BadUsage(f"{host!r} cannot name a host", then="use a-z, 0-9 and -")
    made = [path for path in TOP if _folder(f"{root}/{path}")]
    made += ["host"] if _file(f"{root}/host", f"{host}\n") else []
    return made + _copy(f"{skeletons()}/README.md", root, "README.md", {})


def _known(root: str) -> str:
    """Which of the hosts of a bus this can only be, after its `host` was lost; '' if bus.yaml does not tell. Raises BadUsage."""
    hosts = [*Tree(root).block("hosts")]
    if len(hosts) > 1 and this_host() not in hosts:
        then = f"say which one this is: fsbus init {shlex.quote(root)} --host NAME"
        raise BadUsage(f"bus.yaml knows {', '.join(hosts)}", then=then)
    return hosts[0] if len(hosts) == 1 else ""


def _named(root: str) -> str:
    """The host whose root this is, '' if it is nobody's yet."""
    return (careful.read_text(f"{root}/host") or "").strip()


def _first_host(source: str) -> str:
    """The host on which a bus of this skeleton is made; '' if any may."""
    with open(f"{source}/bus.yaml", encoding="utf-8") as file:
        found = re.search(r"^config_host: ([a-z0-9-]+)$", file.read(), re.MULTILINE)
    return found[1] if found else ""


def _understood(text: str) -> BusConfig:
    from fsbus.core import gate

    found = read_bus(gate.strings(text))
    if isinstance(found, Refusal):
        raise BadUsage(f"this is no bus.yaml: {found.said()}", then=found.fix or "give the bus.yaml of the bus to be joined")
    if not found.id:
        raise BadUsage("this bus.yaml has no id", then="give the bus.yaml of the bus to be joined")
    return found


def _cron_line(root: str) -> str:
    from fsbus.core.service import service  # only who founds a bus pays for these; `tick` imports this module, too
    from fsbus.spool.here import start_of

    found = service("cron", start_of(root))
    return found.sentence() if isinstance(found, Refusal) else found.text


def add_agent(tree: Tree, name: str, settings: dict[str, object]) -> str:
    """Make an agent's folder; returns its path. Raises BadUsage, NotFound, Refused."""
    if not is_agent(name) or name == "all":
        raise BadUsage(f"{name!r} cannot name an agent", then="use a-z, 0-9 and -, at most 64; `all` means everybody")
    bus, home = tree.bus(), settings.get("home")
    if bus.hosts and home not in bus.hosts:
        raise NotFound(f"there is no host {home!r}", where="bus.yaml", then=f"there are: {', '.join(bus.hosts)}")
    if bus.config_host not in ("", tree.host):
        what = f"only {bus.config_host} registers agents; one that is made here is known to no other host"
        raise Refused(what, where=f"{tree.root}/bus.yaml", then=f"type it there, with --home {home}")
    text = flat.dump(settings)
    config = read_agent(name, flat.load(text))
    if isinstance(config, Refusal):
        raise BadUsage(config.what, then=config.fix)
    if config.role == "dispatch" and (there := tree.with_role("dispatch")):
        raise Refused("there is one dispatch", where=there, then=f"edit {tree.root}/agents/{there}/agent.yaml")
    folder = f"{tree.root}/agents/{name}"
    if os.path.exists(f"{folder}/agent.yaml"):
        raise Refused(f"there is an agent {name!r}", where=f"{folder}/agent.yaml", then="edit that file")
    if os.path.isdir(folder):  # it was one before, and what lies there is its own
        furnish(tree.root, name)
        atomic.publish(f"{folder}/agent.yaml", text.encode())
    else:
        _settle(tree.root, name, text.encode())
    return folder


def _settle(root: str, name: str, settings: bytes) -> None:
    """A whole new agent in one step: made under a dot-name, which the sweep takes away if a kill leaves it there."""
    staged = f"{atomic.TEMP}{os.getpid()}-{name}"
    path = f"{root}/agents/{staged}"
    atomic.remove_folder(path)  # of a dead process that had our number
    try:
        furnish(root, name, staged)
        atomic.publish(f"{path}/agent.yaml", settings)
        atomic.advance(path, f"{root}/agents/{name}")
    except OSError:
        atomic.remove_folder(path)
        raise
    atomic.sync_folder(f"{root}/agents")


def skeletons() -> str:
    """The folder `skel`: inside the package where it was installed, beside it in a checkout."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    installed = f"{package}/_skel"
    return installed if os.path.isdir(installed) else f"{os.path.dirname(package)}/skel"


def ready_made() -> list[str]:
    """The names of the ready-made buses."""
    return sorted(n for n in os.listdir(skeletons()) if os.path.isfile(f"{skeletons()}/{n}/bus.yaml"))


def this_host() -> str:
    """A name for this host from what it calls itself."""
    short = socket.gethostname().split(".")[0].lower()
    return "".join(c if c in ID_LETTERS + "ilou-" else "-" for c in short).strip("-")[:32] or "here"


def furnish(root: str, agent: str, folder: str = "") -> list[str]:
    """Make what is missing of an agent's channels (it was removed, or the agent made by hand); returns what was made.

    `folder` is where it lies, if that is not yet under its own name.
    """
    base = f"agents/{folder or agent}"
    made = [f"{base}/{name}" for name in FOLDERS if _folder(f"{root}/{base}/{name}")]
    for name in ("urgent", "inbox", "outbox"):
        made += _copy(f"{skeletons()}/channels/{name}.md", root, f"{base}/{name}/README.md", {"AGENT": agent})
    return made


def _folder(path: str) -> bool:
    if os.path.isdir(path):
        return False
    atomic.folder(path)
    return True


def _copy(source: str, root: str, path: str, words: dict[str, str]) -> list[str]:
    """A file with these words put in, if there is none; its path below the root if it was made."""
    if os.path.lexists(f"{root}/{path}"):
        return []
    with open(source, encoding="utf-8") as file:
        text = file.read()
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return [path] if _file(f"{root}/{path}", text) else []


def _file(path: str, text: str) -> bool:
    if os.path.lexists(path):
        return False
    atomic.folder(os.path.dirname(path))
    return atomic.note(path, text.encode())
