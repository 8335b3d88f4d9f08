"""A small world of hosts in memory, with its own idea of what must never happen (the oracle), for tests/sync/test_machine.py.

The duties are naive on purpose: they act on any name they see, without start or delivery markers, so that a name that
came back would show. Every number is a choice among what is possible now, so that no action is ever void for long.
"""
from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from fsbus.core import forgotten, merge, names, order, paths
from fsbus.core.config import BusConfig
from fsbus.core.gathered import Listing
from fsbus.core.paths import split
from fsbus.core.steps import Step
from fsbus.core.topology import Topology, topology
from fsbus.core.trust import Rules, may_come

HOUR, DAY = 3600.0, 86400.0
START = 1_800_000_000.0
R, M = 7 * DAY, HOUR
LAYOUTS: dict[str, tuple[dict[str, dict[str, str]], dict[str, str]]] = {  # name -> hosts of bus.yaml, agent -> home
    "two": ({"mac": {}, "vps": {"ssh": "v"}}, {"dispatch": "mac", "human": "mac", "code": "vps", "research": "vps"}),
    "star": (
        {"mac": {}, "vps": {"ssh": "v"}, "box": {"ssh": "b"}},
        {"dispatch": "mac", "human": "mac", "code": "vps", "research": "box"},
    ),
    "chain": (
        {"mac": {}, "vps": {"ssh": "v"}, "box": {"ssh": "b", "via": "vps"}},
        {"dispatch": "mac", "human": "mac", "code": "vps", "research": "box"},
    ),
    "away": ({"mac": {}, "vps": {"ssh": "v"}}, {"dispatch": "vps", "human": "mac", "code": "mac", "research": "vps"}),
}
WORKERS = ("code", "research")
LIFE = {  # the oracle's own order: (with dispatch?, channel, state) -> how far
    (True, "inbox", "queued"): 0, (False, "inbox", "queued"): 1, (False, "inbox", "acked"): 2, (False, "inbox", "running"): 3,
    (False, "outbox", "failed"): 4, (False, "outbox", "done"): 5, (True, "outbox", "failed"): 6, (True, "outbox", "done"): 7,
    (True, "outbox/late", "failed"): 8, (True, "outbox/late", "done"): 9,
}  # fmt: skip
MESSAGE_LIFE = {"new": 0, "read": 1, "acked": 2, "expired": 3}
Group = tuple[str, int, str]


parse_path = lru_cache(maxsize=100_000)(paths.parse_path)


class Broken(AssertionError):
    """A promise was broken."""


def must(promise: bool, *facts: object) -> None:
    """The oracle's voice."""
    if not promise:
        raise Broken(" ".join(map(str, facts)))


@lru_cache(maxsize=100_000)
def life(path: str) -> tuple[Group, int] | None:
    """Whose name this is and how far it is; None for what lies beside names."""
    spot = parse_path(path)
    if spot is None or spot.kind not in ("task", "message"):
        return None
    if spot.kind == "message":
        return (spot.key, 0, spot.agent), MESSAGE_LIFE[spot.name.state]
    return (spot.key, spot.attempt, ""), LIFE[spot.agent == "dispatch", spot.channel, spot.name.state]


def furthest(paths: set[str]) -> dict[Group, int]:
    """By attempt or message, how far it is."""
    found: dict[Group, int] = {}
    for path in paths:
        known = life(path)
        if known is not None:
            found[known[0]] = max(found.get(known[0], -1), known[1])
    return found


class Host:
    """One host: what lies on its disk, and what it let go by age."""

    def __init__(self, name: str, skew: float) -> None:
        self.name, self.skew = name, skew
        self.tree: dict[str, str] = {}
        self.archive: set[str] = set()

    def paths(self, *, agent: str = "", channel: str = "", state: str = "") -> list[str]:
        """The names of tasks and messages here, in order."""
        found = []
        for path in self.tree:
            spot = parse_path(path)
            if spot is None or spot.kind not in ("task", "message"):
                continue
            fits = (agent in ("", spot.agent), channel in ("", spot.channel), state in ("", spot.name.state))
            found += [path] if all(fits) else []
        return sorted(found)

    def rename(self, old: str, new: str) -> None:
        """As on a disk, without replacing."""
        if old in self.tree and new not in self.tree:
            self.tree[new] = self.tree.pop(old)

    def listing(self, miss: int = 0) -> Listing:
        """What a scan sees; with `miss`, it misses one name."""
        found: Listing = {}
        for number, (path, text) in enumerate(sorted(self.tree.items()), 1):
            folder, name = split(path)
            tag = f"{zlib.crc32(text.encode()):08x}" if ".queued." in name else ""
            if number != miss:
                found.setdefault(folder, {})[name] = (-1, "") if name.endswith(".files") else (len(text), tag)
        return found


class World:
    """Hosts, their duties, their links, people's hands, and time."""

    def __init__(self, layout: str) -> None:
        hosts, self.homes = LAYOUTS[layout]
        found = topology(BusConfig(config_host="mac", hosts=hosts))
        assert isinstance(found, Topology)
        self.topology = found
        self.hosts = {name: Host(name, 100.0 * (number - 1)) for number, name in enumerate(hosts)}
        self.links = [(found.dialler[far], far) for far in hosts if far in found.dialler]
        self.now, self.count = START, 0
        self.pending: list[tuple[str, str, list[Step], set[tuple[str, int]]]] = []
        self.authors: dict[str, str] = {}
        self.text: dict[tuple[str, int], str] = {}  # by key and attempt, what the author wants
        self.touched: set[str] = set()  # keys that somebody's rm, or their age, took out of the oracle's hands
        self.missed = False  # whether a scan has missed a name: then a text may be lost that was edited in that very moment
        self.started: Counter[tuple[str, int]] = Counter()
        self.delivered: Counter[str] = Counter()
        self.backups: list[tuple[dict[str, str], set[str]]] = []  # of dispatch's host, before each action: tree and archive
        self.coming: set[str] = set()  # keys whose result that host must get back from others

    def act(self, op: int, i: int, j: int) -> None:
        """One action, then the look of the oracle."""
        action = OPS[op % len(OPS)]
        before = {name: furthest(set(host.tree) | host.archive) for name, host in self.hosts.items()}
        here = self.home("dispatch")
        self.backups.append((dict(here.tree), set(here.archive)))
        action(self, i, j)
        if action is World.restore:
            before[self.homes["dispatch"]] = {}  # it is what goes backwards
        self._look(before, action.__name__)

    def _look(self, before: dict[str, dict[Group, int]], what: str) -> None:
        """Names never go backwards on any host."""
        for name, host in self.hosts.items():
            after = furthest(set(host.tree) | host.archive)
            for group, rank in before[name].items():
                if group[0] not in self.touched:
                    now = after.get(group, -1)
                    must(now >= rank, what, "moved", group, "on", name, "back from", rank, "to", now)

    # duties

    def home(self, agent: str) -> Host:
        """The host an agent lives on."""
        return self.hosts[self.homes[agent]]

    def submit(self, i: int, j: int) -> None:
        """A task, for dispatch or for a worker who may be given it here."""
        host = pick([*self.hosts.values()], i)
        if host is None or len(self.authors) >= 5:
            return
        allowed = [w for w in WORKERS if host is self.home("dispatch") or host is self.home(w)]
        agent = pick(["dispatch", *allowed], j) or "dispatch"
        key = self._key()
        self.authors[key], self.text[key, 1] = host.name, f"{self.count} v0"
        host.tree[f"agents/{agent}/inbox/5-{key}-x.a1.queued.md"] = self.text[key, 1]

    def route(self, i: int, j: int) -> None:
        """Dispatch gives a task to a worker."""
        host = self.home("dispatch")
        path = pick([p for p in host.paths(agent="dispatch", channel="inbox", state="queued") if not self.old(p, host, R)], i)
        if path:
            host.rename(path, path.replace("agents/dispatch/", f"agents/{pick([*WORKERS], j)}/"))

    def reassign(self, i: int, j: int) -> None:
        """Dispatch makes the next attempt although the worker may come back."""
        host = self.home("dispatch")
        path = pick([p for w in WORKERS for p in host.paths(agent=w, channel="inbox") if "running" not in p or j & 4], i)
        if path:
            self._again(host, path, j)

    def ack(self, i: int, j: int) -> None:
        """A worker receives."""
        host, path = self._workers("queued", i)
        if host and path:
            must(path not in host.archive, path, "was filed as stale and came back to be run")
            host.rename(path, path.replace(".queued.", ".acked."))

    def start(self, i: int, j: int) -> None:
        """A worker starts, whatever it sees."""
        host, path = self._workers("acked", i)
        if host and path:
            spot = parse_path(path)
            assert spot is not None
            self.started[spot.key, spot.attempt] += 1
            twice = self.started[spot.key, spot.attempt] > 1 and spot.key not in self.touched
            must(not twice, path, "was started twice")
            host.rename(path, path.replace(".acked.", ".running."))

    def end(self, i: int, j: int) -> None:
        """A worker ends: files and result first, then the name, unless it is killed in between."""
        host, path = self._workers("running", i)
        if host and path:
            run = path.replace("/inbox/", "/outbox/").removesuffix(".running.md")
            host.tree.setdefault(f"{run}.result.yaml", f"result of {run}")
            if zlib.crc32(run[-30:].encode()) & 1:
                host.tree.setdefault(f"{run}.files", "files")
            if j & 8 == 0:
                state = "failed" if zlib.crc32(run[-30:].encode()) & 2 else "done"
                host.rename(path, f"{run}.{state}.md")

    def settle(self, i: int, j: int) -> None:
        """Dispatch collects, tries again, or puts aside."""
        host = self.home("dispatch")
        path = pick([p for w in WORKERS for p in host.paths(agent=w, channel="outbox")], i)
        spot = parse_path(path)
        if path is None or spot is None:
            return
        everything = {*host.tree, *host.archive}
        over = any(spot.key in p and p.startswith("agents/dispatch/outbox/5-") for p in everything) or self._collected(spot.key)
        if not over and spot.name.state == "failed" and (self._later(host, spot.key, spot.attempt) or j & 1):
            over = self._again(host, path, j) or self._later(host, spot.key, spot.attempt)
        if not over:
            whole = f"{path.rsplit('.', 2)[0]}.result.yaml" in host.tree or spot.key in self.touched
            must(whole, path, "arrived without its result")
            self.delivered[spot.key] += 1
            must(self.delivered[spot.key] == 1 or spot.key in self.touched, spot.key, "was delivered twice")
        self._move(host, path, "agents/dispatch/outbox/late" if over else "agents/dispatch/outbox")

    def reopen(self, i: int, j: int) -> None:
        """A person wants another attempt of what has ended."""
        host = self.home("dispatch")
        path = pick(host.paths(agent="dispatch", channel="outbox"), i)
        if path and self._again(host, path, j):
            spot = parse_path(path)
            assert spot is not None
            self.delivered[spot.key] -= 1
            self._move(host, path, "agents/dispatch/outbox/late")

    def send(self, i: int, j: int) -> None:
        """A message between two agents who may."""
        sender = pick([*self.homes], i) or ""
        to = [a for a in self.homes if a != sender and (sender not in WORKERS or a not in WORKERS)]
        if self.count < 12:
            path = f"agents/{pick(to, j)}/urgent/{self._key()}-note.from-{sender}.new.yaml"
            self.home(sender).tree[path] = "hello"

    def hear(self, i: int, j: int) -> None:
        """An agent reads, then acks."""
        agent = pick([*self.homes], i) or ""
        host = self.home(agent)
        new, read = host.paths(agent=agent, channel="urgent"), host.paths(agent=agent, channel="urgent/read", state="read")
        path = pick(new + read, j)
        if path and path in new:
            host.rename(path, path.replace("/urgent/", "/urgent/read/").replace(".new.", ".read."))
        elif path:
            host.rename(path, path.replace(".read.", ".acked."))

    # hands, time, age

    def edit(self, i: int, j: int) -> None:
        """An author changes the text of what waits."""
        mine = [(h, p) for h in self.hosts.values() for p in h.paths(state="queued") if self.authors.get(key_of(p)) == h.name]
        found = pick(mine, i)
        if found:
            spot = parse_path(found[1])
            assert spot is not None
            self.text[spot.key, spot.attempt] = found[0].tree[found[1]] = f"{self.count} v{j % 10}" + " longer" * (j & 1)

    def renumber(self, i: int, j: int) -> None:
        """A person changes a priority, anywhere."""
        host = pick([*self.hosts.values()], i)
        path = pick(host.paths(channel="inbox", state="queued") + host.paths(channel="inbox", state="acked"), j) if host else None
        if host and path:
            folder, name = split(path)
            host.rename(path, f"{folder}/{j % 10}{name[1:]}")

    def rm(self, i: int, j: int) -> None:
        """A person removes a file by hand."""
        host = pick([*self.hosts.values()], i)
        path = pick(sorted(host.tree), j) if host else None
        if host and path and j % 3 == 0:
            self.touched.add(key_of(path))
            del host.tree[path]

    def sleep(self, i: int, j: int) -> None:
        """Time passes; who wakes up plans again."""
        self.pending.clear()
        self.now += (60.0, HOUR, 3 * DAY, 8 * DAY, 40 * DAY)[j % 5]

    def gc(self, i: int, j: int) -> None:
        """One host lets go of what is past its time."""
        host = pick([*self.hosts.values()], i)
        for path in sorted(host.tree) if host else ():
            waits, done_with = ".queued." in path, path.startswith("agents/dispatch/outbox/") or "/urgent/" in path
            if host and (waits or done_with) and self.old(path, host, R + 2 * M):
                if waits or ".new." in path:
                    self.touched.add(key_of(path))
                host.archive.add(path)
                del host.tree[path]

    def restore(self, i: int, j: int) -> None:
        """Dispatch's host goes back to its backup; what only others still know must come home, where they may say it."""
        host, (tree, archive) = self.home("dispatch"), pick(self.backups, i)
        for key in {key_of(path) for path in {*host.tree, *tree}} - self.touched:
            if lies(host.tree, key) != lies(tree, key):
                (self.coming if self._comes_home(key, lies(tree, key)) else self.touched).add(key)
        self.coming -= self.touched
        self.pending.clear()
        host.tree, host.archive = dict(tree), set(archive)
        self.delivered = Counter(key for key in self.authors if self._collected(key))

    def _comes_home(self, key: str, then: dict[str, str]) -> bool:
        """Whether its only attempt was collected, and all who have to do with it know; and whoever had it `then` ended it,
        on another host.
        """
        now = lies(self.home("dispatch").tree, key)
        ender = next((text.split("/")[1] for path, text in now.items() if path.endswith(".result.yaml")), "")
        one = ender and all(path.startswith("agents/dispatch/outbox/5-") and ".a1." in path for path in now)
        if not one or self.homes[ender] == self.homes["dispatch"] or {path.split("/")[1] for path in then} - {ender}:
            return False
        everywhere = [lies(host.tree, key) for host in self.hosts.values()]
        fresh = names.born(key) > self.now - R + 2 * M
        return fresh and all(paths in ({}, now) for paths in everywhere) and lies(self.home(ender).tree, key) == now

    # the mirror

    def begin(self, i: int, j: int) -> None:
        """A pass is planned, from listings that may each have missed one name; it is carried out later, or never."""
        near, far = self.links[i % len(self.links)]
        one = 1 + j // 8 % 8
        misses = {0: (one, 0), 1: (0, one)}.get(j % 8, (0, 0))
        here, there = self.hosts[near].listing(misses[0]), self.hosts[far].listing(misses[1])
        rules = self.knowing(near, far, here, there)
        steps = merge.plan(here, there, rules)
        mirrored = moves(merge.plan(there, here, rules.flipped), "far", "near", "pull", "push")
        must(moves(steps, "near", "far", "push", "pull") == mirrored, "the two sides would plan differently:", steps)
        self.missed |= any(misses)
        for _ in range(1 + (j & 32 > 0)):  # at times two at once: cron and the daemon
            self.pending.append((near, far, list(steps), set()))

    def go_on(self, i: int, j: int) -> None:
        """Some steps of a pass that is under way."""
        under_way = pick(self.pending, i)
        for _ in range(1 + j % 4):
            if under_way and under_way[2]:
                self._step(under_way)

    def whole(self, i: int, j: int) -> None:
        """A pass from beginning to end."""
        near, far = self.links[i % len(self.links)]
        self._pass(near, far)

    def kill(self, i: int, j: int) -> None:
        """A pass is cut off."""
        if self.pending:
            self.pending.pop(i % len(self.pending))

    def rules(self, near: str, far: str) -> Rules:
        """The link, as `near` sees it by its own clock."""
        here, beyond = self.topology.this_side(near, far), self.topology.beyond(near, far)
        now = self.now + self.hosts[near].skew
        return Rules(self.homes, "dispatch", here, beyond, now, R, M, True, self.authors)

    def knowing(self, near: str, far: str, here: Listing, there: Listing) -> Rules:
        """The same, and who ended what one side has forgotten, as the results say."""
        rules = self.rules(near, far)
        host, has, lacks = (far, there, here) if rules.here("dispatch") else (near, here, there)
        asked = forgotten.asked(has, lacks, rules)
        texts = {end: self.hosts[host].tree.get(path, "//") for end, path in asked.items()}
        return replace(rules, enders={end: text.split("/")[1] for end, text in texts.items()})

    def _pass(self, near: str, far: str) -> int:
        here, there = self.hosts[near].listing(), self.hosts[far].listing()
        steps = merge.plan(here, there, self.knowing(near, far, here, there))
        moves = [step for step in steps if step.kind not in ("refuse", "stale")]
        under_way = (near, far, list(moves), set[tuple[str, int]]())
        while under_way[2]:
            self._step(under_way)
        return len(moves)

    def _step(self, under_way: tuple[str, str, list[Step], set[tuple[str, int]]]) -> None:
        """One step, as the two ends carry it out: each looks at its own disk right before it changes it."""
        near, far, steps, broken = under_way
        step = steps.pop(0)
        spot = parse_path(step.path)
        if spot is None or (spot.key, spot.attempt) in broken or step.kind in ("refuse", "stale"):
            return
        rules, here, source = self.rules(near, far), self.hosts[near], self.hosts[far]
        if step.kind == "push" or step.kind.endswith("-far"):
            rules, here, source = rules.flipped, source, here
        ok = self._change(step, here, source, rules)
        if not ok and not (step.path.endswith(".result.yaml") or "/.brief-" in step.path):
            broken.add((spot.key, spot.attempt))

    def _change(self, step: Step, here: Host, source: Host, rules: Rules) -> bool:
        held = [path for path in here.tree if key_of(path) == key_of(step.path)]
        if step.kind.startswith("sweep"):
            if is_beaten(held, step.path):
                here.tree.pop(step.path, None)
            return True
        if step.kind.startswith("edit"):
            if step.path in here.tree and step.path in source.tree:
                here.tree[step.path] = source.tree[step.path]
            return True
        own = step.kind.startswith("advance")
        text = (here if own else source).tree.get(step.path)
        if text is None:
            return False
        if order.dominated([path for path in held if path != step.path or not own], step.to, "dispatch"):
            return True
        entry = (-1 if step.to.endswith(".files") else len(text), "")
        if may_come(step.to, entry, rules, held):
            return False
        here.tree[step.to] = text
        if own:
            del here.tree[step.path]
        return True

    # small things

    def old(self, path: str, host: Host, age: float) -> bool:
        """Whether this host's clock says that it is past this age."""
        return names.born(key_of(path)) < self.now + host.skew - age

    def _workers(self, state: str, i: int) -> tuple[Host | None, str]:
        """One of the tasks that workers have in this state, where they live."""
        there = [(self.home(w), p) for w in WORKERS for p in self.home(w).paths(agent=w, channel="inbox", state=state)]
        return pick([(h, p) for h, p in there if state != "queued" or not self.old(p, h, R)], i) or (None, "")

    def _key(self) -> str:
        self.count += 1
        return names.new_key(int(self.now * 1000) + self.count, self.count)

    def _collected(self, key: str) -> bool:
        host = self.home("dispatch")
        found = [parse_path(p) for p in {*host.tree, *host.archive} if key in p]
        return any(f is not None and f.kind == "task" and f.agent == "dispatch" and f.channel == "outbox" for f in found)

    def _may_still_write(self, path: str) -> bool:
        """Whether the author's text counts: nobody has it yet, and it did not go where the author could give nothing."""
        spot = parse_path(path)
        if spot is None or spot.kind != "task" or spot.name.state != "queued" or spot.attempt > 1:
            return False
        author = self.authors[spot.key]
        may = spot.agent == "dispatch" or author in (self.homes["dispatch"], self.homes[spot.agent])
        return may and not self.missed and path in self.hosts[author].tree

    def _later(self, host: Host, key: str, attempt: int) -> bool:
        found = (parse_path(path) for path in {*host.tree, *host.archive} if key in path)
        return any(spot is not None and spot.kind == "task" and spot.attempt > attempt for spot in found)

    def _again(self, host: Host, path: str, j: int) -> bool:
        spot = parse_path(path)
        if spot is None or spot.attempt >= 3 or self._later(host, spot.key, spot.attempt) or self.old(path, host, R - DAY):
            return False
        inbox = f"agents/{pick([*WORKERS], j >> 1)}/inbox"
        host.tree[order.brief_of(inbox, spot.key, spot.attempt + 1)] = f"brief {spot.attempt + 1}"
        host.tree[f"{inbox}/{spot.name._replace(attempt=spot.attempt + 1, state='queued')}"] = host.tree[path]
        self.text[spot.key, spot.attempt + 1] = host.tree[path]
        return True

    def _move(self, host: Host, path: str, target: str) -> None:
        folder, name = split(path)
        run = name.rsplit(".", 2)[0]
        for inner in (f"{run}.files", f"{run}.result.yaml", name):
            host.rename(f"{folder}/{inner}", f"{target}/{inner}")

    # the end of the story

    def finish(self) -> None:
        """Left alone, it becomes quiet, both ends agree, all work comes to its one end, and age takes what is done with."""
        self.pending.clear()
        self._converge()
        for _ in range(3 * len(self.authors) if self.coming else 0):  # the others say collected, and dispatch must do it again
            self.settle(0, 0)
        self._converge()
        self._agree()
        for _ in range(12):
            before = [dict(host.tree) for host in self.hosts.values()]
            self._work()
            self._converge()
            if before == [host.tree for host in self.hosts.values()]:
                break
        self._ended()
        self.now += 40 * DAY
        for number in range(len(self.hosts)):
            self.gc(number, 0)
            for near, far in self.links:
                self._pass(near, far)
        for host in self.hosts.values():
            left = [p for p in host.paths() if p.startswith("agents/dispatch/outbox") or "/urgent" in p]
            must([p for p in left if key_of(p) not in self.touched] == [], left, "came back to", host.name, "after its time")

    def _work(self) -> None:
        """Every duty does what there is to do."""
        for duty in (self.route, self.ack, self.start, self.end, self.settle, self.hear):
            for i in range(4):
                for j in range(5):
                    duty(i, j)

    def _converge(self) -> None:
        for _ in range(9):
            before = {name: furthest(set(host.tree) | host.archive) for name, host in self.hosts.items()}
            moves = sum(self._pass(near, far) for near, far in self.links)
            self._look(before, "a pass")
            if not moves:
                break
        for near, far in self.links:
            here, there = self.hosts[near].listing(), self.hosts[far].listing()
            rules = self.knowing(near, far, here, there)
            steps = [s for s in merge.plan(here, there, rules) if s.kind not in ("refuse", "stale")]
            must(not steps, near, far, "are never quiet:", steps)
            must(merge.plan(here, here, rules) == [], "a tree and itself differ")

    def _agree(self) -> None:
        """Who has to do with an attempt knows how far it is, under the same name with the same text."""
        everywhere = furthest({path for host in self.hosts.values() for path in host.tree})
        for group, rank in everywhere.items():
            if group[0] in self.touched or names.born(group[0]) < self.now - R + 2 * M:
                continue
            paths = {p: h for h in self.hosts.values() for p in h.paths() if (life(p) or ((), 0))[0] == group}
            homes = {self.homes["dispatch"]} if not group[2] else {self.homes[group[2]], self.homes[sender_of(next(iter(paths)))]}
            agents = {parse_path(p).agent for p in paths if (life(p) or ((), 0))[1] == rank}  # type: ignore[union-attr]
            for name in homes | {self.homes[a] for a in agents}:
                must(furthest(set(self.hosts[name].tree)).get(group) == rank, name, "has not heard of", group, rank)
            if rank <= 2:
                must(len({p for p in paths if (life(p) or ((), 0))[1] == rank}) == 1, "two names:", *paths)
        for host in self.hosts.values():
            double = [p for p, n in Counter(life(p)[0] for p in host.paths() if life(p)).items() if n > 1]  # type: ignore[index]
            must([group for group in double if group[0] not in self.touched] == [], host.name, "has two names of", double)
        texts: dict[str, str] = {}
        for host in self.hosts.values():
            for path, text in host.tree.items():
                if key_of(path) not in self.touched and names.born(key_of(path)) > self.now - R + 2 * M:
                    must(texts.setdefault(path, text) == text, path, "has two contents:", text, texts[path])
                    wrong = self._may_still_write(path) and text != self.text[key_of(path), 1]
                    must(not wrong, path, "is not what its author wrote")

    def _ended(self) -> None:
        """Every task has its one result, every message was heard."""
        for key in self.authors:
            if key not in self.touched and names.born(key) > self.now - R + 2 * M:
                must(self._collected(key), key, "never came to an end")
        for host in self.hosts.values():
            stuck = [p for p in host.paths() if "/urgent" in p and ".acked." not in p and key_of(p) not in self.touched]
            must([p for p in stuck if names.born(key_of(p)) > self.now - R + 2 * M] == [], "never heard:", stuck)
            ended = [p for w in WORKERS for p in self.home("dispatch").paths(agent=w, channel="outbox")]
            must([p for p in ended if key_of(p) not in self.touched] == [], "never settled:", ended)
            away = [p for w in WORKERS for p in host.paths(agent=w, channel="outbox") if key_of(p) not in self.touched]
            must(away == [], "left behind on", host.name, away)


def lies(tree: dict[str, str], key: str) -> dict[str, str]:
    """What a tree has of a key."""
    return {path: text for path, text in tree.items() if key in path}


def key_of(path: str) -> str:
    """The key in a path."""
    spot = parse_path(path)
    return spot.key if spot is not None else ""


def is_beaten(held: list[str], path: str) -> bool:
    """The look of a host at its own disk, right before it removes a name."""
    return bool(order.beaten(held, path, "dispatch"))


def moves(steps: list[Step], near: str, far: str, push: str, pull: str) -> set[tuple[str, str, str]]:
    """The steps that change something, with the words for the two sides replaced."""
    words = {"near": near, "far": far, "push": push, "pull": pull}
    kinds = {step.kind: "-".join(words.get(word, word) for word in step.kind.split("-")) for step in steps}
    return {(kinds[s.kind], s.path, s.to) for s in steps if s.kind not in ("refuse", "stale")}


def sender_of(path: str) -> str:
    """Who sent a message."""
    spot = parse_path(path)
    assert spot is not None
    return str(spot.name.sender)


def pick(options: list[Any], number: int) -> Any:
    """The one that this number means."""
    return options[number % len(options)] if options else None


_OFTEN: list[Callable[[World, int, int], None]] = [
    World.begin, World.go_on, World.go_on, World.whole, World.ack, World.start, World.end, World.settle, World.submit,
    World.route,
]  # fmt: skip
_RARE: list[Callable[[World, int, int], None]] = [
    World.reassign, World.reopen, World.send, World.hear, World.edit, World.renumber, World.rm, World.sleep, World.gc, World.kill,
    World.restore,
]  # fmt: skip
OPS = [*_OFTEN, *_OFTEN, *_RARE]


def play(layout: str, script: list[tuple[int, int, int]]) -> World:
    """A world that went through this, then came to rest. Raises Broken."""
    world = World(layout)
    for op, i, j in script:
        world.act(op, i, j)
    world.finish()
    return world
