"""What is not merged but copied one way: bus.yaml and agent.yaml from the config host, beats, journals and case folders
from where they are written to whoever connects (DESIGN section 8).

Each has one writer, so that nothing has to be decided: the copy becomes what the writer has. Nothing is removed: an
agent.yaml that is gone there stays here, since nothing is concluded from an absence.
"""
from __future__ import annotations

from collections.abc import Iterable

from fsbus.core.errors import Refused
from fsbus.core.gathered import Listing
from fsbus.core.paths import LEFT_OUT
from fsbus.core.trust import Rules
from fsbus.link.bulk import grow
from fsbus.link.judge import Judge
from fsbus.link.local import Local
from fsbus.link.side import MAX_REGISTER, Side
from fsbus.spool.journal import first_kept


def config(near: Local, far: Side, rules: Rules) -> bool:
    """bus.yaml and every agent.yaml, from the config host's side to the other; whether anything here changed."""
    home = near.tree.bus().config_host
    ours = near.tree.agents()
    if home in rules.near:
        _copy(near, far, ["bus.yaml", *(f"agents/{agent}/agent.yaml" for agent in ours)])
        return False
    theirs = {folder.split("/")[1] for folder in far.listing()}
    paths = ["bus.yaml", *(f"agents/{agent}/agent.yaml" for agent in sorted(theirs.union(ours)))]
    return bool(_copy(far, near, paths)) if home in rules.beyond else False


def beats(near: Local, far: Side, rules: Rules) -> None:
    """Each agent's sign of life, from its home to the other side."""
    for side, source, target in ((rules.beyond, far, near), (rules.near, near, far)):
        _copy(source, target, [f"agents/{agent}/alive.yaml" for agent, home in rules.homes.items() if home in side])


def journals(near: Local, far: Side, rules: Rules) -> int:
    """What the hosts beyond wrote into their journals since the last time, but for days that are swept here; bytes that came."""
    came, first = 0, first_kept(near.tree.bus(), rules.now)
    for host in sorted(rules.beyond):
        have = dict(_files(near, f"log/{host}"))
        for name, size in _files(far, f"log/{host}"):
            if name >= first:
                came += _grown(far, near, f"log/{host}/{name}", have.get(name, 0), size)
    return came


def cases(near: Local, far: Side, rules: Rules, runs: Iterable[str]) -> int:
    """What is new in these case folders (`agents/<a>/runs/<run>`) of agents beyond; bytes that came."""
    judge, came = Judge(near), 0
    for run in runs:
        if not rules.there(run.split("/")[1]):
            continue
        have = dict(_files(near, run))
        for inner, size in _files(far, run):
            if inner.startswith(f"{LEFT_OUT}/"):
                continue  # it stays where it is
            if not judge.why_not(f"{run}/{inner}", size, sorted(rules.beyond)[0]):
                came += _grown(far, near, f"{run}/{inner}", have.get(inner, 0), size)
    return came


def lively(before: Listing, after: Listing) -> set[str]:
    """The case folders of what runs there, or has ended since the last pass."""
    found = set()
    for folder, names in after.items():
        old = before.get(folder, {})
        for name in names:
            parts = name.split(".")
            if len(parts) == 4 and (parts[2] == "running" or (parts[2] in ("done", "failed") and name not in old)):
                found.add(f"{folder.rsplit('/', 1)[0]}/runs/{parts[0]}.{parts[1]}")
    return found


def _grown(source: Side, target: Side, path: str, start: int, size: int) -> int:
    """Bytes that came; none of a file that moved on: what an agent leaves goes to its outbox when the attempt ends."""
    try:
        return grow(source, target, path, start, size) - start
    except FileNotFoundError:
        return 0


def _copy(source: Side, target: Side, paths: list[str]) -> int:
    """Have the target hold what the source has; how many files that changed."""
    new, old = _contents(source, paths), _contents(target, paths)
    changed = {path: body for path, body in new.items() if body is not None and body != old.get(path)}
    for path, body in changed.items():
        target.replace(path, body)
    return len(changed)


def _contents(side: Side, paths: list[str]) -> dict[str, bytes | None]:
    return dict(side.read_many([(path, MAX_REGISTER) for path in paths]))


def _files(side: Side, path: str) -> list[tuple[str, int]]:
    try:
        return side.files(path)
    except (FileNotFoundError, Refused):
        return []
