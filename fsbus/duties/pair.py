"""`fsbus pair`: another host of this bus, set up one step at a time, each of them said before the next one is taken.

Idempotent: what is there already is found and left alone. It never accepts a host key by itself, never replaces one,
and stops at the first step that a person has to decide, with what to type. Over there it makes the root if there is
none, by the fsbus that is installed there; here it changes one line of bus.yaml, and only on the config host.
"""
from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fsbus.core import guards
from fsbus.core.doctor import OK, WARN, Check
from fsbus.core.errors import BadUsage, NotFound, Refused, Unreachable
from fsbus.core.hostline import entry_line, host_name, with_host
from fsbus.core.linkcheck import brief
from fsbus.core.names import is_agent
from fsbus.core.probe import Found, program
from fsbus.core.refusal import Refusal
from fsbus.core.topology import topology
from fsbus.duties.probe import QUICK, probe, run
from fsbus.link import hostkey
from fsbus.link.dial import dial
from fsbus.link.passing import Pass
from fsbus.link.route import Route, resolve
from fsbus.link.rsync import flavour, unfit
from fsbus.spool import atomic, linkfacts
from fsbus.spool.journal import Journal
from fsbus.spool.tree import Tree

ROOT = "~/fsbus"
PINGS = 5  # of which the middle one is shown


@dataclass(frozen=True, slots=True)
class Wish:
    """What was typed."""

    destination: str  # as `ssh` takes it
    host: str = ""  # its name in bus.yaml; '' = as it is there, or made from the destination
    root: str = ""  # where the bus shall be over there; '' = as in bus.yaml, or ~/fsbus
    command: str = ""  # fsbus over there; '' = as in bus.yaml, or the one that is found
    accept: str = ""  # the fingerprint of the host key that a person has checked


def pair(tree: Tree, wish: Wish) -> Iterator[Check]:
    """The steps, each as soon as it is taken. Raises what stops it: Refused, Unreachable, NotFound, BadUsage."""
    config = tree.bus().sync_ssh_config
    name, entry = _wanted(tree, wish)
    route = resolve(wish.destination, config, QUICK)
    yield _way(route, name)
    yield _host_key(route, wish)
    there = probe(wish.destination, config, entry["command"], entry["root"], QUICK)
    if there.forced:
        yield Check("login", OK, f"{route.user}@{route.host}; this key may only start `fsbus sync --serve` there")
    else:
        yield Check("login", OK, f"{route.user}@{route.host}")
        entry = _program(wish, name, entry, there)
        yield Check("fsbus", OK, f"{there.fsbus}, started there as {entry['command']}")
        yield _clock(there, name)
        entry = _whose(tree, name, entry, there)
    yield _entry(tree, name, entry, there.forced)
    if not there.forced:
        yield _root(tree, wish.destination, name, entry, there)
    yield from _first_sync(tree, name, there.forced)


def _wanted(tree: Tree, wish: Wish) -> tuple[str, dict[str, str]]:
    """The host's name and the entry that bus.yaml shall have; what is not typed is as it stands there."""
    hosts = tree.bus().hosts
    name = wish.host or host_name(wish.destination, hosts)
    if name == tree.host or not is_agent(name):
        what = "that is this host's own name" if name == tree.host else f"{name!r} cannot name a host (a-z, 0-9 and -)"
        raise BadUsage(what, where=wish.destination, then=f"fsbus pair {wish.destination} --host NAME, as bus.yaml shall call it")
    typed = {"ssh": wish.destination, "root": wish.root, "command": wish.command}
    return name, {"root": ROOT, "command": "fsbus"} | hosts.get(name, {}) | {k: v for k, v in typed.items() if v}


def _way(route: Route, name: str) -> Check:
    if route.ssh_only:
        return Check("way", OK, f"{name} is {route.user}@{route.host} port {route.port}, by the ssh program ({route.ssh_only})")
    keys = f"{len(route.keys)} key{'s' * (len(route.keys) != 1)}{' and the agent' * route.agent}"
    return Check("way", OK, f"{name} is {route.user}@{route.host} port {route.port}, {keys}")


def _host_key(route: Route, wish: Wish) -> Check:
    """Known, or pinned now because a person gave its fingerprint."""
    name = hostkey.known_as(route)
    if hostkey.known(route):
        return Check("host key", OK, f"pinned for {name}")
    if route.ssh_only:
        return Check("host key", OK, f"left to the ssh program, which refuses what it does not know ({route.ssh_only})")
    keys = hostkey.presented(route, QUICK)
    shown = hostkey.fingerprint(keys[0][1])
    if not wish.accept:
        kind = keys[0][0].removeprefix("ssh-").partition("-")[0]
        raise Refused(
            f"the host key of {name} is not known here; it presents {keys[0][0]} {shown}",
            then=f"compare it over there with: ssh-keygen -lf /etc/ssh/ssh_host_{kind}_key.pub"
            f"; if that is it: fsbus pair {wish.destination} --accept {shown}",
        )
    file = hostkey.own_file(route, QUICK)
    return Check("host key", OK, f"{hostkey.pin(route, keys, wish.accept, file)} {wish.accept} pinned in {file}")


def _program(wish: Wish, name: str, entry: dict[str, str], there: Found) -> dict[str, str]:
    """The entry with where fsbus is over there. Raises NotFound if there is none."""
    if not there.fsbus:
        python = f"Python {there.python}" if there.python else "no python3 either"
        raise NotFound(
            f"there is no fsbus on {name} (asked for {entry['command']}; {python})",
            then=f"install it there: pipx install PATH-OF-A-CHECKOUT; or say where it is: "
            f"fsbus pair {wish.destination} --command '~/bin/fsbus'",
        )
    return entry | ({"command": there.command} if there.command else {})


def _clock(there: Found, name: str) -> Check:
    offset = there.now - time.time()
    apart = guards.clocks(offset, name)
    return Check("clock", WARN, apart) if apart else Check("clock", OK, "the two agree, as far as whole seconds tell")


def _whose(tree: Tree, name: str, entry: dict[str, str], there: Found) -> dict[str, str]:
    """The entry with a whole path. Raises Refused if what lies there is somebody else's."""
    root, home = entry["root"], there.home
    whole = f"{home}/{root.removeprefix('~/')}" if home and not root.startswith("/") else root
    if there.bus and there.bus != tree.bus().id:
        ours = tree.bus().id
        raise Refused(f"{name} has another bus at {whole}: its id is {there.bus}, ours is {ours}", then="choose another --root")
    if there.bus and there.host != name:
        what = f"{whole} over there is the root of host {there.host or '?'}, not of {name}"
        raise Refused(what, then="choose another --host or --root")
    return entry | {"root": whole}


def _entry(tree: Tree, name: str, entry: dict[str, str], forced: bool) -> Check:
    """bus.yaml has it, or gets it."""
    bus, file = tree.bus(), f"{tree.root}/bus.yaml"
    old = bus.hosts.get(name)
    new = old if old is not None and (old == entry or (forced and old.get("ssh") == entry["ssh"])) else entry
    links = topology(replace(bus, hosts={**bus.hosts, name: new}))
    if isinstance(links, Refusal):
        raise Refused(links.what, where=file, then=links.fix)
    if name not in links.dials(tree.host):
        what = f"{name} is dialled by {links.dialler.get(name)}, not by {tree.host}"
        raise Refused(what, where=file, then=f"run it there, or put `via: {tree.host}` into its entry on {bus.config_host}")
    if new == old:
        return Check("bus.yaml", OK, f"has {name} already")
    if bus.config_host != tree.host:
        raise Refused(
            f"only {bus.config_host} changes bus.yaml", where=file, then=f"there, under hosts, put: {entry_line(name, entry)}"
        )
    with open(file, encoding="utf-8") as there:
        text = with_host(there.read(), name, entry)
    if isinstance(text, Refusal):
        raise Refused(text.what, where=file, then=text.fix)
    atomic.replace(file, text.encode(), sync=True)
    return Check("bus.yaml", OK, f"{'changed' if old is not None else 'added'}: {entry_line(name, entry)}")


def _root(tree: Tree, destination: str, name: str, entry: dict[str, str], there: Found) -> Check:
    """The root over there, made by the fsbus there if it is missing."""
    if there.bus:
        return Check("root", OK, f"{entry['root']} is there, of this bus")
    with open(f"{tree.root}/bus.yaml", "rb") as file:
        text = file.read()
    words = shlex.join(["init", entry["root"], "--host", name, "--join", "-"])
    line = f"head -c {len(text)} | {program(entry['command'])} {words} && echo made"
    said, trouble = run(destination, tree.bus().sync_ssh_config, line, QUICK, stdin=text)
    if not said.rstrip().endswith("made"):
        last = ([*said.splitlines(), *trouble.splitlines()] or ["it said nothing"])[-1].removeprefix("fsbus: ")
        what = f"{name} cannot make a root at {entry['root']}: {last[:300]}"
        raise Refused(what, then=f"mend that, or: fsbus pair {destination} --root DIR")
    return Check("root", OK, f"{entry['root']} made, with the id of this bus")


def _first_sync(tree: Tree, name: str, forced: bool) -> Iterator[Check]:
    """One whole pass, and what it and its connection show."""
    journal = Journal(tree.root, tree.host)
    far = dial(tree, name, limits=QUICK)
    try:
        one = Pass(tree, journal, name, far)
        done = one.run()
        yield _mover(name, far.hello().rsync, forced)
        says = f"{done.pushed} sent, {done.pulled} received, {done.left} left"
        yield Check("sync", WARN if done.refused else OK, says + (f"; refused: {done.refused[0]}" if done.refused else ""))
        trips = sorted(far.ping() for _ in range(PINGS))
        yield Check("trip", OK, f"round trip {trips[PINGS // 2] * 1000:.1f} ms, clocks {abs(one.offset):.2f} s apart")
    except (Refused, Unreachable) as error:
        linkfacts.bad(tree, name, time.time(), error.sentence())
        raise
    finally:
        far.close()
        journal.close()


def _mover(name: str, theirs: str, forced: bool) -> Check:
    here, there = unfit(flavour()), unfit(theirs)
    if forced:
        return Check("mover", OK, "this key starts no rsync; large files go over the link itself")
    if here or there:
        why = f"rsync here: {here}" if here else f"rsync on {name}: {there}"
        return Check("mover", OK, f"large files go over the link itself ({why})")
    return Check("mover", OK, f"large files by rsync: here {brief(flavour())}, there {brief(theirs)}")
