"""Which host dials which, and what lies beyond a link: pure, from `bus.yaml`.

Every host with `ssh:` is dialled by one other: its `via:`, else the config host. So the links form a tree (or several,
where a host is dialled by nobody and dials nobody), and each link splits the hosts in two: there is one way from any
host to any other, and a name never comes back by another way.
"""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fsbus.core.config import BusConfig
from fsbus.core.fields import nearest
from fsbus.core.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Topology:
    """The hosts of a bus and the links between them."""

    hosts: tuple[str, ...]  # as bus.yaml names them
    dialler: dict[str, str]  # host -> who dials it; hosts that nobody dials are missing

    def dials(self, host: str) -> tuple[str, ...]:
        """Whom this host dials."""
        return tuple(far for far in self.hosts if self.dialler.get(far) == host)

    def linked(self, near: str, far: str) -> bool:
        """Whether these two have a link of their own, whoever dials."""
        return self.dialler.get(far) == near or self.dialler.get(near) == far

    def beyond(self, near: str, far: str) -> frozenset[str]:
        """Every host on far's side of the link between the two; none if they have no link."""
        return frozenset(self._reach(far, near)) if self.linked(near, far) else frozenset()

    def this_side(self, near: str, far: str) -> frozenset[str]:
        """Every host on near's side of that link."""
        return self.beyond(far, near)

    def way(self, near: str, host: str) -> str:
        """The neighbour of `near` over which `host` is reached; '' if there is none."""
        return next((far for far in self.hosts if host in self.beyond(near, far)), "")

    def _reach(self, start: str, without: str) -> Iterable[str]:
        seen, todo = {without}, [start]
        while todo:
            host = todo.pop()
            seen.add(host)
            yield host
            todo += [other for other in self.hosts if other not in seen and self.linked(host, other)]


def topology(bus: BusConfig) -> Topology | Refusal:
    """The links that bus.yaml describes, or why they are no tree."""
    dialler: dict[str, str] = {}
    for host, settings in bus.hosts.items():
        via = settings.get("via") or bus.config_host
        wrong = _flaw(host, settings, via, bus)
        if wrong is not None:
            return wrong
        if settings.get("ssh") and via != host:
            dialler[host] = via
    circle = _circle(dialler)
    if circle:
        fix = "let one of them be dialled by the config host: remove its `via`"
        return Refusal(None, f"hosts: via leads in a circle: {' -> '.join(circle)}", fix)
    return Topology(tuple(bus.hosts), dialler)


def _flaw(host: str, settings: dict[str, str], via: str, bus: BusConfig) -> Refusal | None:
    if "via" in settings and not settings.get("ssh"):
        return Refusal(None, f"hosts.{host}: `via` without `ssh`", f"add what ssh takes to reach it, like `ssh: me@{host}`")
    if not settings.get("ssh"):
        return None
    if settings.get("via") == host:
        return Refusal(None, f"hosts.{host}: `via` names the host itself", "name the host that dials it, or leave it out")
    if via not in bus.hosts:
        near = nearest(via, [*bus.hosts])
        known = f"did you mean {near!r}?" if near else f"known: {', '.join(bus.hosts)}"
        return Refusal(None, f"hosts.{host}: there is no host {via!r} to dial it", known)
    return None


def _circle(dialler: dict[str, str]) -> list[str]:
    for start in dialler:
        way = [start]
        while way[-1] in dialler and way.count(way[-1]) == 1:
            way.append(dialler[way[-1]])
        if way.count(way[-1]) > 1:
            return way[way.index(way[-1]) :]
    return []
