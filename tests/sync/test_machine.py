"""The machine: worlds of two and three hosts, in which everything goes wrong that can; and faults that it must find.

Promise 6 of DESIGN: a name never moves backwards, on any host, whatever is cut, stale, repeated or skewed. What else
must hold says tests/sync/world.py. A machine that finds nothing proves nothing: each rule of the merge is taken away
in turn, and the machine must see it.
"""
from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsbus.core import besides, forgotten, gathered, merge, order, trust
from fsbus.core.gathered import Halves, Listing
from fsbus.core.steps import Step
from fsbus.core.trust import Rules
from tests.sync import world
from tests.sync.world import LAYOUTS, Broken, World, play

number = st.integers(0, 255)
scripts = st.lists(st.tuples(st.integers(0, len(world.OPS) - 1), number, number), min_size=5, max_size=70)
WORLDS = 300  # that a planted fault may take to be found


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(LAYOUTS)), scripts)
def test_no_promise_is_broken_whatever_happens(layout: str, script: list[tuple[int, int, int]]) -> None:
    play(layout, script)


def some(seed: int, only: tuple[Any, ...]) -> tuple[str, list[tuple[int, int, int]]]:
    """A layout and a script, of these actions alone."""
    chance = random.Random(seed)
    ops = [number for number, action in enumerate(world.OPS) if action in only or not only]
    script = [(chance.choice(ops), chance.randrange(256), chance.randrange(256)) for _ in range(chance.randrange(10, 80))]
    return sorted(LAYOUTS)[seed % len(LAYOUTS)], script


def broken_after(most: int, only: tuple[Any, ...] = ()) -> int:
    """In which world the machine saw something; 0 if in none."""
    for seed in range(most):
        try:
            play(*some(seed, only))
        except Broken:
            return seed + 1
    return 0


Patch = Callable[[pytest.MonkeyPatch], None]


def swapped_states(patch: pytest.MonkeyPatch) -> None:
    """running is truer than done."""
    patch.setattr(order, "RANK", {"queued": 0, "acked": 1, "failed": 2, "done": 3, "running": 4})


def swapped_messages(patch: pytest.MonkeyPatch) -> None:
    """new is truer than read."""
    patch.setattr(order, "MESSAGE_STATES", ("read", "new", "acked", "expired"))


def swept_first(patch: pytest.MonkeyPatch) -> None:
    """A lesser name is removed before the greater one is there, and nobody looks."""
    plan = merge.plan
    early = lambda near, far, rules: sorted(plan(near, far, rules), key=lambda step: not step.kind.startswith("sweep"))  # noqa: E731
    patch.setattr(merge, "plan", early)
    swept_unseen(patch)


def swept_unseen(patch: pytest.MonkeyPatch) -> None:
    """Whoever removes a lesser name does not look whether the greater one is there."""
    patch.setattr(world, "is_beaten", lambda held, path: True)


def put_unseen(patch: pytest.MonkeyPatch) -> None:
    """A name is put down without a look whether a greater one is there."""
    patch.setattr(order, "dominated", lambda held, path, dispatch: path in held)


def only_latest(patch: pytest.MonkeyPatch) -> None:
    """The highest attempt hides the lower ones."""
    gather = gathered.gather

    def latest(listing: Listing, keys: set[str], rules: Rules) -> tuple[Halves, list[str]]:
        halves, strange = gather(listing, keys, rules)
        top = {key: max(n for k, n, _ in halves if k == key) for key, _, _ in halves}
        return {group: half for group, half in halves.items() if group[1] == top[group[0]]}, strange

    patch.setattr(gathered, "gather", latest)


def nothing_dies(patch: pytest.MonkeyPatch) -> None:
    """No age is too old to be sent or taken."""
    patch.setattr(Rules, "old", lambda self, key, late=False: False)


def results_die(patch: pytest.MonkeyPatch) -> None:
    """Age stops results that nobody has read."""
    held_back = merge._held_back

    def dying(way: Any, best: Any, own: Any) -> bool:
        return bool(held_back(way, best, own) or way.rules.old(best.spot.key))

    patch.setattr(merge, "_held_back", dying)


def absence_is_deletion(patch: pytest.MonkeyPatch) -> None:
    """What the far side does not list is removed here, as rsync --delete does."""
    plan = merge.plan

    def mirror(near: Listing, far: Listing, rules: Rules) -> list[Step]:
        gone = [f"{f}/{n}" for f, names in near.items() for n in names if n not in far.get(f, {}) and far.get(f)]
        return [*plan(near, far, rules), *(Step("sweep-near", path, "", "it is gone over there") for path in gone)]

    patch.setattr(merge, "plan", mirror)
    swept_unseen(patch)


def name_first(patch: pytest.MonkeyPatch) -> None:
    """A name goes before its result."""
    accompany = besides.accompany

    def after(way: Any, here: Any, source: Any, top: Any, brought: bool) -> Any:
        return () if brought else accompany(way, here, source, top, False)

    patch.setattr(merge, "accompany", after)


def listed_results_only(patch: pytest.MonkeyPatch) -> None:
    """A result that the listing has missed is not asked for."""
    accompany = besides.accompany
    patch.setattr(merge, "accompany", lambda way, here, source, top, brought: accompany(way, here, source, top, False))


def anybodys_text(patch: pytest.MonkeyPatch) -> None:
    """Of two texts of one queued name, always dispatch's counts."""
    texts, has = merge._texts, merge._has_its_text

    def nobodys(way: Any) -> Any:
        return way._replace(rules=trust.replace(way.rules, authors={}))

    patch.setattr(merge, "_texts", lambda i, o, here, there: texts(nobodys(i), nobodys(o), here, there))
    patch.setattr(merge, "_has_its_text", lambda way, held, best: has(nobodys(way), held, best))


def edited_under_a_better_name(patch: pytest.MonkeyPatch) -> None:
    """A queued text is renamed to its next state, whatever a person wrote into it meanwhile."""
    patch.setattr(merge, "_has_its_text", lambda way, held, best: held.entry[0] == best.entry[0])


def priorities_apart(patch: pytest.MonkeyPatch) -> None:
    """Two names that differ by their priority are equally true."""
    patch.setattr(gathered, "order", lambda spot, path, dispatch: (order.rank(spot, dispatch), 0, ""))


def doubles_stay(patch: pytest.MonkeyPatch) -> None:
    """The lesser name stays beside the greater one."""
    patch.setattr(merge, "_swept", lambda way, here, top, gone: ())


def forgotten_for_good(patch: pytest.MonkeyPatch) -> None:
    """What dispatch's host lost stays where it is."""
    patch.setattr(forgotten, "asked", lambda has, lacks, rules: {})


FAULTS: list[Patch] = [
    swapped_states, swapped_messages, swept_first, put_unseen, only_latest, nothing_dies, results_die, absence_is_deletion,
    name_first, listed_results_only, anybodys_text, edited_under_a_better_name, priorities_apart, doubles_stay,
    forgotten_for_good,
]  # fmt: skip


FOCUS: dict[Patch, tuple[Any, ...]] = {  # a fault that needs two passes at once and a task that moves on between them
    put_unseen: (World.submit, World.begin, World.go_on, World.ack, World.start, World.end),
    forgotten_for_good: (
        World.submit, World.whole, World.ack, World.start, World.end, World.settle, World.restore,
    ),
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_the_machine_sees_a_rule_that_is_missing(fault: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    fault(monkeypatch)
    assert broken_after(WORLDS, FOCUS.get(fault, ())), f"{WORLDS} worlds without this rule looked well: {fault.__doc__}"
