"""Looking at the links of this host for `fsbus doctor`: nothing is changed on either side, and no look lasts long."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from fsbus import __version__
from fsbus.core.config import BusConfig
from fsbus.core.doctor import FAIL, Check
from fsbus.core.errors import FsbusError
from fsbus.core.linkcheck import Awaited, Dialled, awaited, dialled
from fsbus.core.probe import Found
from fsbus.core.refusal import Refusal
from fsbus.core.topology import Topology, topology
from fsbus.duties.beat import quiet
from fsbus.duties.probe import QUICK, probe
from fsbus.link import hostkey
from fsbus.link.dial import dial, settings_of
from fsbus.link.route import resolve
from fsbus.link.rsync import flavour, unfit
from fsbus.spool import linkfacts
from fsbus.spool.tree import Tree

T = TypeVar("T")
AT_ONCE = 8  # hosts that are asked at the same time


class _Stopped(Exception):
    """A look that came to its end: stage, what, what to type."""


def links(tree: Tree) -> list[Check]:
    """Every check of this host's links."""
    bus = tree.bus()
    known = topology(bus)
    if isinstance(known, Refusal):
        return [Check("links", FAIL, known.what, f"{known.fix} in {tree.root}/bus.yaml")]
    hosts, now = known.dials(tree.host), time.time()
    with ThreadPoolExecutor(min(AT_ONCE, len(hosts) or 1)) as crowd:
        found = [check for facts in crowd.map(lambda host: look(tree, host, now), hosts) for check in dialled(facts)]
    dialler = known.dialler.get(tree.host)
    return found + ([awaited(_awaited(tree, bus, known, dialler, now))] if dialler else [])


def look(tree: Tree, host: str, now: float) -> Dialled:
    """What can be found out about one host that this one dials."""
    facts: dict[str, Any] = {"known": linkfacts.read(tree, host), "every": tree.bus().sync_every, "version": __version__}
    facts["age"] = linkfacts.age(facts["known"], now)
    destination = tree.bus().hosts[host].get("ssh", "")
    try:
        for more in _steps(tree, host):
            facts |= more
    except _Stopped as end:
        facts["stopped"] = end.args
    return Dialled(host, destination, **facts)


def _steps(tree: Tree, host: str) -> Iterator[dict[str, object]]:
    """One fact after the other, until one cannot be had."""
    config, settings = tree.bus().sync_ssh_config, settings_of(tree, host)
    route = _or_stop("way", lambda: resolve(settings["ssh"], config, QUICK))
    yield {"way": f"{route.user}@{route.host} port {route.port}"}
    if not (route.ssh_only or hostkey.known(route)):
        raise _Stopped("host key", f"the key of {hostkey.known_as(route)} is not known here", f"fsbus pair {settings['ssh']}")
    command, root = settings.get("command", "fsbus"), settings.get("root", "~/fsbus")
    found = _or_stop("login", lambda: probe(settings["ssh"], config, command, root, QUICK, doctor=True))
    yield {"found": found}
    _there(found, host, command, settings["ssh"])
    yield _or_stop("answer", lambda: _answer(tree, host))


def _or_stop(stage: str, ask: Callable[[], T]) -> T:
    """The answer, or the end of the look; a host key that is refused is its own stage."""
    try:
        return ask()
    except OSError as error:
        raise _Stopped(stage, f"{error.strerror or error}", "look at its disk") from None
    except FsbusError as error:
        refused = "host key" if "host key" in error.what else stage
        raise _Stopped(refused, error.what + (f" ({error.where})" if error.where else ""), error.then) from None


def _there(found: Found, host: str, command: str, destination: str) -> None:
    if not (found.fsbus or found.forced):
        fix = f"install it there, or fsbus pair {destination} --command PATH"
        raise _Stopped("fsbus", f"there is no fsbus on {host} ({command})", fix)
    if found.command:
        fix = f"fsbus pair {destination} --command {found.command}"
        raise _Stopped("fsbus", f"on {host} it is at {found.command}, not on the PATH that `ssh HOST command` has", fix)
    if not (found.bus or found.forced):
        raise _Stopped("answer", f"there is no bus on {host} where bus.yaml says", f"fsbus pair {destination}")


def _answer(tree: Tree, host: str) -> dict[str, object]:
    far = dial(tree, host, limits=QUICK)
    try:
        trip = far.ping()
        began = time.time()
        hello = far.hello()
        both = flavour(), hello.rsync
        offset = hello.now - (began + time.time()) / 2
        return {"trip": trip, "offset": offset, "rsync": both, "unfit": tuple(map(unfit, both))}
    finally:
        far.close()


def _awaited(tree: Tree, bus: BusConfig, known: Topology, dialler: str, now: float) -> Awaited:
    """When the side that dials this host was last here: its agents' beats are copied with each pass."""
    beyond = known.beyond(tree.host, dialler)
    agents = [name for name in tree.agents() if tree.settings(name).get("home") in beyond]
    return Awaited(dialler, quiet(tree, agents, now), bus.sync_every)
