"""Running a node from a face: all duties of this host, some of them, or one worker written in Python."""
from __future__ import annotations

import threading
from collections.abc import Callable

from fsbus.core.config import AgentConfig
from fsbus.core.doctor import doubles
from fsbus.core.errors import BadUsage, NotFound, Refused, TryLater
from fsbus.duties.node import Node
from fsbus.duties.possible import Post
from fsbus.duties.shop import Function
from fsbus.duties.worker import Worker
from fsbus.spool.found import furnish
from fsbus.spool.locks import Busy
from fsbus.spool.sender import registered
from fsbus.spool.tree import Tree

Say = Callable[[str], None]


def up(tree: Tree, only: list[str], say: Say) -> None:
    """Run this host's duties, or only these, until a signal. Raises Busy if another process has one of them."""
    with Node(tree, say) as node:
        possible = node.posts.all()
        chosen = _chosen(tree, possible, only)
        complain(tree, say)
        for duty in chosen:
            try:
                node.take_on(duty, possible[duty])
            except Busy as other:
                raise _for_good(tree, other) from None
        say(f"{tree.host}: {', '.join(chosen)} on {tree.root}; stop with Ctrl-C")
        node.up(only or None)


def tick(tree: Tree, say: Say) -> None:
    """One pass of everything, then nothing is left running. Raises TryLater if all of it is being done already."""
    with Node(tree, say, once=True) as node:
        busy: list[Busy] = []
        complain(tree, say)
        possible = node.posts.all()
        for duty, post in possible.items():
            try:
                node.take_on(duty, post)
            except Busy as other:
                busy.append(other)
        if busy and len(busy) == len(possible):
            raise TryLater(busy[0].what, where=tree.root, then="nothing to do: it does this bus's work")
        node.tick()
        if node.troubles:
            duty, trouble = next(iter(node.troubles.items()))
            raise TryLater(f"{duty} could not do all of its work: {trouble}", where=tree.root, then="the next tick goes on")


def work(tree: Tree, agent: str, function: Function, dispatch: bool) -> None:
    """Be the worker of an agent with a Python function, until a signal. Raises BadUsage, NotFound, Refused, Busy."""
    if not callable(function):
        raise BadUsage(f"{function!r} is no function", then="give one that takes a job")
    if threading.current_thread() is not threading.main_thread():  # signals, which end it, reach no other
        raise BadUsage("a worker is the main thread of its process", then="start it as a process of its own")
    with Node(tree) as node:
        config = _worker(tree, agent)
        duties = {f"worker:{agent}": Post(config, lambda: Worker(node.shop(config, function)))}
        if dispatch:
            duties["dispatch"] = node.posts.all()["dispatch"]
        for name, post in duties.items():
            node.take_on(name, post)
        node.up([])


def _for_good(tree: Tree, other: Busy) -> Busy:
    """The same, with what ends that process for good: a service would start it again."""
    from fsbus.duties import service  # for a second node alone

    if service.keeps(tree.root, other.pid):
        other.then = "its service would start it again: fsbus service remove"
    return other


def complain(tree: Tree, say: Say) -> None:
    """Say what is wrong with who is who, and keeps nobody from working."""
    hosts, flaw = tree.bus().hosts, tree.flaw()
    agents = {name: config for name in tree.registered() if isinstance(config := tree.agent(name), AgentConfig)}
    doubled = [name for name, config in agents.items() if config.role == "dispatch"]
    lost = {name: config.home for name, config in agents.items() if config.home not in hosts}
    if flaw:
        say(flaw)
    if len(doubled) > 1:
        say(f"{doubles(doubled)}; edit agents/{doubled[1]}/agent.yaml")
    for name, home in lost.items():
        say(f"{name}: its home {home} is no host of bus.yaml ({', '.join(hosts)}), so nobody does its tasks")


def _worker(tree: Tree, agent: str) -> AgentConfig:
    config = registered(tree, agent)
    if config.home != tree.host:
        raise Refused(f"{agent} has its home on {config.home}, this is {tree.host}", then=f"run this on {config.home}")
    furnish(tree.root, agent)
    return config


def _chosen(tree: Tree, possible: dict[str, Post], only: list[str]) -> list[str]:
    for duty in only:
        if duty not in possible:
            raise NotFound(f"this host has no duty {duty!r}", where=tree.root, then=f"it has: {', '.join(possible)}")
    return only or list(possible)
