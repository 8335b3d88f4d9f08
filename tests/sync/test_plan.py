"""The plan as tables: what two trees say, and what is done about it; its limits, its speed, and what stops it."""
from __future__ import annotations

import time
from dataclasses import replace

import pytest

from fsbus.core import forgotten, guards, names
from fsbus.core.gathered import STRANGE_MOST, Listing
from fsbus.core.merge import plan
from fsbus.core.order import beaten, dominated
from fsbus.core.paths import split
from fsbus.core.trust import Rules

NOW = 1_800_000_000.0
DAY = 86400.0
KEY, OLD = names.new_key(int(NOW - 60) * 1000, 7), names.new_key(int(NOW - 30 * DAY) * 1000, 8)
FADED = names.new_key(int(NOW - 7 * DAY - 1800) * 1000, 9)  # past the retention, and still accepted
HOMES = {"dispatch": "mac", "human": "mac", "code": "vps", "research": "vps", "local": "mac"}
RULES = Rules(HOMES, "dispatch", frozenset({"mac"}), frozenset({"vps"}), NOW, 7 * DAY, 3600.0)
STAR = Rules({**HOMES, "research": "box"}, "dispatch", frozenset({"mac", "box"}), frozenset({"vps"}), NOW, 7 * DAY, 3600.0)

Q, A, RUN = "code/inbox/5 1 queued", "code/inbox/5 1 acked", "code/inbox/5 1 running"
DONE, RES, FIL = "code/outbox/5 1 done", "code/outbox/5 1 result", "code/outbox/5 1 files"
C_DONE, C_RES, C_FIL = "dispatch/outbox/5 1 done", "dispatch/outbox/5 1 result", "dispatch/outbox/5 1 files"
UN, LATE = "dispatch/inbox/5 1 queued", "dispatch/outbox/late/5 1 done"
NEW, READ = "code/urgent/dispatch new", "code/urgent/read/dispatch read"


def path(short: str, key: str = KEY) -> str:
    """`code/inbox/5 2 queued`: a task; `… result`, `… files`, `… brief`: beside it; `code/urgent/human new`: a message."""
    words = short.split("~")[0].split(" ")
    folder, first = split(f"agents/{words[0]}")
    if len(words) == 2:
        return f"{folder}/{key}-note.from-{first}.{words[1]}.yaml"
    if words[2] == "brief":
        return f"{folder}/.brief-{key}.a{words[1]}.yaml"
    ending = {"result": "result.yaml", "files": "files"}.get(words[2], f"{words[2]}.md")
    return f"{folder}/{first}-{key}-x.a{words[1]}.{ending}"


def tree(shorts: list[str], key: str = KEY) -> Listing:
    """A listing; `~text` after a name is its content."""
    found: Listing = {}
    for short in shorts:
        folder, name = split(path(short, key))
        text = short.partition("~")[2] or "text"
        entry = (-1 if name.endswith(".files") else len(text), text[:8] if ".queued." in name else "")
        found.setdefault(folder, {})[name] = entry
    return found


def told(near: list[str], far: list[str], rules: Rules = RULES, key: str = KEY) -> list[str]:
    """The plan in few words."""
    words = {path(s, key): s for s in EVERY}
    steps = plan(tree(near, key), tree(far, key), rules)
    return [f"{s.kind} {words[s.path]}" + (f" > {words[s.to]}" if s.to not in ("", s.path) else "") for s in steps]


Q2, B2, P1, A1P = "code/inbox/5 2 queued", "code/inbox/5 2 brief", "code/inbox/1 1 queued", "code/inbox/1 1 acked"
RUN1, S_RUN, LOCAL = "code/inbox/1 1 running", "research/inbox/5 1 running", "local/inbox/5 1 queued"
UN2, TO_D, BY_HUMAN = "dispatch/inbox/5 2 queued", "dispatch/urgent/code new", "dispatch/urgent/human new"
FAIL2 = "code/outbox/5 2 failed"
LOCAL1, S_ACK, AMONG = "local/inbox/1 1 queued", "research/inbox/5 1 acked", "research/urgent/code new"
W_LATE, ACKED = "code/outbox/late/5 1 failed", "code/urgent/read/dispatch acked"
LONG = "~" + "x" * 70_000
DONE1, RES1, FIL1 = "code/outbox/1 1 done", "code/outbox/1 1 result", "code/outbox/1 1 files"
C_DONE1, C_RES1, C_FIL1 = "dispatch/outbox/1 1 done", "dispatch/outbox/1 1 result", "dispatch/outbox/1 1 files"
C_DONE2, C_FAIL2, C_RES2 = "dispatch/outbox/5 2 done", "dispatch/outbox/5 2 failed", "dispatch/outbox/5 2 result"
LATE_FAIL, RES_L, FAIL, DONE2 = (
    "dispatch/outbox/late/5 1 failed", "dispatch/outbox/late/5 1 result", "code/outbox/5 1 failed", "code/outbox/5 2 done")
EVERY = [
    Q, A, RUN, DONE, RES, FIL, C_DONE, C_RES, C_FIL, UN, LATE, NEW, READ, Q2, B2, P1, A1P, RUN1, S_RUN, LOCAL, UN2, TO_D,
    BY_HUMAN, FAIL2, LOCAL1, S_ACK, AMONG, DONE1, RES1, FIL1, C_DONE1, C_RES1, C_FIL1,
    "code/outbox/5 2 result", "dispatch/outbox/late/5 1 result", "dispatch/outbox/late/5 1 files",
    C_DONE2, C_FAIL2, C_RES2, LATE_FAIL, RES_L, FAIL, DONE2,
]  # fmt: skip

TABLE: dict[str, tuple[list[str], list[str], list[str]]] = {
    "nothing": ([], [], []),
    "the same": ([A, C_RES], [A, C_RES], []),
    "a task given": ([Q], [], [f"push {Q}"]),
    "acked over there": ([Q], [A], [f"pull {A}", f"sweep-near {Q}"]),
    "acked over there, and too long to be sent again": ([Q + LONG], [A + LONG], [f"advance-near {Q} > {A}"]),
    "acked is not told to the home that lost it": ([A], [Q], []),
    "started over there, as another text": ([f"{A}~longer"], [RUN], [f"pull {RUN}", f"sweep-near {A}"]),
    "started over there": ([A], [RUN], [f"advance-near {A} > {RUN}"]),
    "ended over there": ([RUN], [DONE, RES, FIL], [f"pull {FIL}", f"pull {RES}", f"advance-near {RUN} > {DONE}"]),
    "ended, its result not seen by the scan": ([RUN], [DONE], [f"pull {RES}", f"advance-near {RUN} > {DONE}"]),
    "files that came late": ([DONE, RES], [DONE, RES, FIL], [f"pull {FIL}"]),
    "a result without its name is not announced": ([RUN], [RUN, RES], []),
    "collected here": (
        [C_DONE, C_RES, C_FIL], [DONE, RES, FIL],
        [f"advance-far {FIL} > {C_FIL}", f"advance-far {RES} > {C_RES}", f"advance-far {DONE} > {C_DONE}"],
    ),
    "collected there, says a worker's home": ([RUN], [C_DONE, C_RES], [f"refuse {C_DONE}"]),
    "collected, and nothing of it there": ([C_DONE, C_RES], [], []),
    "reopened here": ([LATE, "dispatch/outbox/late/5 1 result"], [C_DONE, C_RES], [
        f"advance-far {C_RES} > dispatch/outbox/late/5 1 result", f"advance-far {C_DONE} > {LATE}",
    ]),
    "collected and late on dispatch's home both stay": ([C_DONE, LATE], [LATE], []),
    "collected and late, but not on dispatch's home": ([LATE], [C_DONE, LATE], [f"sweep-far {C_DONE}"]),
    "a submission": ([], [UN], [f"pull {UN}"]),
    "an unrouted task stays where dispatch is": ([UN], [], []),
    "routed here": ([Q], [UN], [f"advance-far {UN} > {Q}"]),
    "routed to us": ([LOCAL], [UN], [f"advance-far {UN} > {LOCAL}"]),
    "claimed over there without having been given": ([UN], [A], [f"refuse {A}"]),
    "given to another": ([LOCAL], [A], [f"refuse {A}"]),
    "an attempt that dispatch did not make": ([A], [A, Q2], [f"refuse {Q2}"]),
    "work for us that dispatch did not give": ([], [LOCAL], [f"refuse {LOCAL}"]),
    "a second submission under one key": ([], [UN2], [f"refuse {UN2}"]),
    "a later attempt hides nothing": ([Q2, B2, A], [DONE, RES], [
        f"push {B2}", f"push {Q2}", f"pull {RES}", f"advance-near {A} > {DONE}",
    ]),
    "a brief outlives its use": ([Q2, B2], [FAIL2, "code/outbox/5 2 result"], [
        "pull code/outbox/5 2 result", f"pull {FAIL2}", f"sweep-near {Q2}", f"sweep-near {B2}",
    ]),
    "two names here": ([A, RUN], [RUN], [f"sweep-near {A}"]),
    "two names on both": ([A, RUN], [A, RUN], [f"sweep-near {A}", f"sweep-far {A}"]),
    "edited here": ([f"{Q}~mine"], [f"{Q}~theirs"], [f"edit-far {Q}"]),
    "more urgent here": ([P1], [Q], [f"advance-far {Q} > {P1}"]),
    "more urgent there": ([Q], [P1], [f"advance-near {Q} > {P1}"]),
    "more urgent there, with another text": ([f"{Q}~mine"], [f"{P1}~theirs"], [f"pull {P1}", f"sweep-near {Q}"]),
    "more urgent there, where nobody may say so": (
        [LOCAL], [LOCAL1], [f"refuse {LOCAL1}", f"advance-far {LOCAL1} > {LOCAL}"],
    ),
    "more urgent, received already": ([A1P], [A], [f"advance-far {A} > {A1P}"]),
    "more urgent, too late": ([RUN1], [RUN], []),
    "more urgent over there, after its end": (
        [RUN], [DONE1, RES, FIL], [f"pull {FIL} > {FIL1}", f"pull {RES} > {RES1}", f"advance-near {RUN} > {DONE1}"],
    ),
    "more urgent here, and collected": (
        [C_DONE1, C_RES1, C_FIL1], [DONE, RES, FIL],
        [f"advance-far {FIL} > {C_FIL1}", f"advance-far {RES} > {C_RES1}", f"advance-far {DONE} > {C_DONE1}"],
    ),
    "another digit beside it": ([DONE1, RES1, RES], [DONE1, RES1], [f"sweep-near {RES}"]),
    "one name, two contents": ([f"{A}~longer"], [A], [f"refuse {A}"]),
    "a message": ([NEW], [], [f"push {NEW}"]),
    "read over there": ([NEW], [READ], [f"advance-near {NEW} > {READ}"]),
    "new is not newer than read": ([READ], [NEW], [f"advance-far {NEW} > {READ}"]),
    "a message to dispatch": ([], [TO_D], [f"pull {TO_D}"]),
    "in the name of another": ([], [BY_HUMAN], [f"refuse {BY_HUMAN}"]),
    "a message among ourselves": ([BY_HUMAN], [], []),
    "a message among themselves": ([], [AMONG], []),
}  # fmt: skip

FLIP = {"push": "pull", "pull": "push", "near": "far", "far": "near"}


@pytest.mark.parametrize(("near", "far", "wanted"), TABLE.values(), ids=TABLE.keys())
def test_what_is_done(near: list[str], far: list[str], wanted: list[str]) -> None:
    assert told(near, far) == wanted


@pytest.mark.parametrize(("near", "far", "wanted"), TABLE.values(), ids=TABLE.keys())
def test_the_other_side_would_plan_the_same(near: list[str], far: list[str], wanted: list[str]) -> None:
    here = {(s.kind, s.path, s.to) for s in plan(tree(near), tree(far), RULES) if s.kind not in ("refuse", "stale")}
    there = plan(tree(far), tree(near), RULES.flipped)
    mirrored = {("-".join(FLIP.get(word, word) for word in s.kind.split("-")), s.path, s.to) for s in there}
    assert here == {step for step in mirrored if step[0] not in ("refuse", "stale")}


FORGOTTEN: dict[str, tuple[list[str], list[str], str, list[str]]] = {  # with the agent that ended what is there
    "queued here": ([Q], [C_DONE, C_RES, C_FIL], "code", [
        f"pull {C_FIL} > {FIL}", f"pull {C_RES} > {RES}", f"pull {C_DONE} > {DONE}", f"sweep-near {Q}",
    ]),
    "running here, as the same text": ([RUN], [C_DONE, C_RES], "code", [
        f"pull {C_RES} > {RES}", f"pull {C_DONE} > {DONE}", f"sweep-near {RUN}",
    ]),
    "nothing of it here": ([], [C_DONE, C_RES], "code", [f"pull {C_RES} > {RES}", f"pull {C_DONE} > {DONE}"]),
    "its digit was changed there": ([], [C_DONE1, C_RES], "code", [f"pull {C_RES} > {RES1}", f"pull {C_DONE1} > {DONE1}"]),
    "it is here, and waits for dispatch": ([DONE, RES], [C_DONE, C_RES], "code", []),
    "files that came late": ([DONE, RES], [C_DONE, C_RES, C_FIL], "code", [f"pull {C_FIL} > {FIL}"]),
    "its result was not seen by the scan": ([Q], [C_DONE], "code", [f"refuse {C_DONE}"]),
    "not given to anybody": ([UN], [C_DONE, C_RES], "code", [f"refuse {C_DONE}"]),
    "given to one of ours": ([LOCAL], [C_DONE, C_RES], "code", [f"refuse {C_DONE}"]),
    "ended by one of ours, says their host": ([], [C_DONE, C_RES], "local", [f"refuse {C_DONE}"]),
    "ended by nobody": ([Q], [C_DONE, C_RES], "ghost", [f"refuse {C_DONE}"]),
    "another attempt counts here": ([C_DONE2, C_RES2], [C_DONE, C_RES], "code", [
        f"push {C_RES2}", f"push {C_DONE2}", f"refuse {C_DONE}",
    ]),
    "another attempt counts here, and this one was asked for": ([C_DONE, Q2], [C_DONE, C_DONE2, C_RES2], "code", [
        "pull dispatch/outbox/5 2 result > code/outbox/5 2 result", f"pull {C_DONE2} > {DONE2}", f"sweep-near {Q2}",
    ]),
    "put aside, before there is a result": ([RUN], [LATE_FAIL, RES_L], "code", [f"refuse {LATE_FAIL}"]),
    "put aside, and another attempt counts": ([RUN, C_DONE2], [C_DONE2, LATE_FAIL, RES_L], "code", [
        f"pull {RES_L} > {RES}", f"pull {LATE_FAIL} > {FAIL}", f"sweep-near {RUN}",
    ]),
    "done, put aside, and a failure counts": ([RUN], [C_FAIL2, C_RES2, LATE, RES_L], "code", [
        f"pull {C_RES2} > code/outbox/5 2 result", f"pull {C_FAIL2} > {FAIL2}", f"refuse {LATE}",
    ]),
    "failed in all attempts": ([RUN], [C_FAIL2, C_RES2, LATE_FAIL, RES_L], "code", [
        f"pull {C_RES2} > code/outbox/5 2 result", f"pull {C_FAIL2} > {FAIL2}",
        f"pull {RES_L} > {RES}", f"pull {LATE_FAIL} > {FAIL}", f"sweep-near {RUN}",
    ]),
}  # fmt: skip


@pytest.mark.parametrize(("near", "far", "ender", "wanted"), FORGOTTEN.values(), ids=FORGOTTEN.keys())
def test_what_the_side_of_dispatch_has_forgotten(near: list[str], far: list[str], ender: str, wanted: list[str]) -> None:
    """It comes as what its agent ended, where the other side may say so, and dispatch collects it."""
    rules = replace(RULES, enders=dict.fromkeys(forgotten.asked(tree(far), tree(near), RULES), ender))
    assert told(near, far, rules) == wanted
    here = {(s.kind, s.path, s.to) for s in plan(tree(near), tree(far), rules) if s.kind not in ("refuse", "stale")}
    there = plan(tree(far), tree(near), rules.flipped)
    assert here == {("-".join(FLIP.get(word, word) for word in s.kind.split("-")), s.path, s.to) for s in there}


def test_what_is_old_was_not_forgotten() -> None:
    lost = [C_DONE, C_RES]
    assert forgotten.asked(tree(lost), {}, RULES) == {path(C_DONE): path(C_RES)}
    assert forgotten.asked(tree(lost), tree(lost), RULES) == {}
    assert forgotten.asked(tree(lost, FADED), {}, RULES) == {}
    assert forgotten.asked(tree(lost), {}, replace(RULES, expire=False)) == {}, "nobody knows what is old"


def test_who_ended_it_is_what_fsbus_wrote() -> None:
    head = f"key: {KEY}\nagent: code\nhost: vps\nattempt: 1\n"
    assert forgotten.ender(head.encode()) == "code"
    assert forgotten.ender(b"summary: |\n  agent: code\n") == ""
    assert forgotten.ender(b"#" * forgotten.HEAD + head.encode()) == ""


AGED: dict[str, tuple[list[str], list[str], list[str]]] = {
    "queued is not sent": ([Q], [], [f"stale {Q}"]),
    "unrouted is not sent": ([], [UN], []),
    "done is sent": ([RUN], [DONE, RES], [f"pull {RES}", f"advance-near {RUN} > {DONE}"]),
    "done is sent, though all else of it was lost": ([], [DONE, RES], [f"pull {RES}", f"pull {DONE}"]),
    "acked is told": ([Q], [A], [f"pull {A}", f"sweep-near {Q}"]),
    "collected tidies up": ([C_DONE], [DONE], [
        f"push {C_RES}", f"advance-far {DONE} > {C_DONE}",
    ]),
    "collected, let go over there": ([C_DONE, C_RES], [], []),
    "running is told": ([RUN], [], [f"push {RUN}"]),
    "a message, let go over there": ([READ], [], []),
    "a message that nobody read": ([NEW], [], []),
    "a message that is still there": ([NEW], [READ], [f"advance-near {NEW} > {READ}"]),
}  # fmt: skip


@pytest.mark.parametrize("key", [FADED, OLD], ids=["within the margin", "long ago"])
@pytest.mark.parametrize(("near", "far", "wanted"), AGED.values(), ids=AGED.keys())
def test_what_age_decides(near: list[str], far: list[str], wanted: list[str], key: str) -> None:
    """What may be accepted for a while longer is no longer sent, so that two hosts never play ping-pong with it."""
    assert told(near, far, key=key) == wanted


def test_with_clocks_apart_age_decides_nothing() -> None:
    assert told([Q], [], replace(RULES, expire=False), OLD) == [f"push {Q}"]


def test_the_oldest_task_comes_first() -> None:
    keys = [names.new_key(int(NOW - 60) * 1000 + number, number) for number in range(9)]
    near: Listing = {"agents/code/inbox": {f"5-{key}-x.a1.queued.md": (4, "text") for key in reversed(keys)}}
    assert [step.path[len("agents/code/inbox/5-"):][:25] for step in plan(near, {}, RULES)] == keys


def test_a_sibling_hears_of_its_own_tasks_only() -> None:
    """vps has nothing to do with research on box, but what it submitted itself it can follow."""
    assert told([S_RUN], [], STAR) == []
    assert told([S_ACK, S_RUN], [], STAR) == [f"sweep-near {S_ACK}"]
    assert told([S_RUN], [UN], STAR) == [f"push {S_RUN}", f"sweep-far {UN}"]
    assert told([C_DONE], [], STAR) == []


def test_an_authors_text_counts_on_either_side_while_it_may_be_given_from_there() -> None:
    there = replace(RULES, authors={KEY: "vps"})
    assert told([f"{Q}~mine"], [f"{Q}~theirs"], there) == [f"edit-near {Q}"]
    assert told([f"{LOCAL}~mine"], [f"{LOCAL}~theirs"], there) == [f"edit-far {LOCAL}"]
    assert told([f"{UN}~routed"], [f"{UN}~edited"], there) == [f"edit-near {UN}"]
    assert told([f"{Q}~edited"], [A], replace(RULES, authors={KEY: "mac"})) == [f"pull {A}", f"sweep-near {Q}"], "too late"


def test_names_that_cannot_be_read_are_told_and_left() -> None:
    far: Listing = {"agents/code/inbox": {"../../x": (1, ""), f"5-{KEY}-x.a1.done.md": (1, "")}, "../etc": {"passwd": (1, "")}}
    steps = plan({}, far, RULES)
    assert len(steps) == 3
    assert {step.kind for step in steps} == {"refuse"}
    many: Listing = {"agents/code/inbox": {f"5-{KEY}-x.a1.{number}.md": (1, "") for number in range(STRANGE_MOST + 9)}}
    assert len(plan({}, many, RULES)) == STRANGE_MOST


@pytest.mark.parametrize(
    ("held", "asked", "truer"),
    [
        ([Q, A], Q, A), ([Q], Q, ""), ([Q], A, ""), ([DONE], RUN, DONE), ([C_DONE], DONE, C_DONE), ([LATE], C_DONE, LATE),
        ([Q2], Q, ""), ([P1], Q, P1), ([READ], NEW, READ), ([C_RES], RES, C_RES), ([RES], C_RES, ""), ([FAIL2], B2, FAIL2),
        ([Q2], B2, ""), ([DONE], RES, ""), ([UN], Q, ""), ([Q], UN, Q), ([RUN, A], Q, RUN), ([C_RES], DONE, ""),
        (["dispatch/inbox/5 1 running"], DONE, ""), ([W_LATE], DONE, W_LATE), ([ACKED], READ, ACKED), ([READ], ACKED, ""),
        (["research/urgent/read/dispatch read"], NEW, ""), (["code/urgent/read/human read"], NEW, ""),
    ],
)  # fmt: skip
def test_what_may_be_removed_is_asked_of_the_disk(held: list[str], asked: str, truer: str) -> None:
    paths = [path(short) for short in held]
    assert beaten(paths, path(asked), "dispatch") == (path(truer) if truer else "")
    assert dominated(paths, path(asked), "dispatch") == (bool(truer) or asked in held)


def test_a_hundred_thousand_names_that_did_not_change_cost_little() -> None:
    keys = [names.new_key(int(NOW - 3600) * 1000 + i, i) for i in range(100_000)]
    near: Listing = {"agents/dispatch/outbox": {f"5-{key}-bump-deps.a1.done.md": (300, "") for key in keys}}
    far: Listing = {"agents/dispatch/outbox": {f"5-{key}-bump-deps.a1.done.md": (int("300"), "") for key in keys}}
    took = []
    for _ in range(4):
        began = time.perf_counter()
        assert plan(near, far, RULES) == []
        took.append(time.perf_counter() - began)
    assert min(took) < 0.5  # 0.13 s where it was written, with both cores busy


GUARDS = {
    "the same bus": (guards.other_bus("a", "a", "vps"), ""),
    "another bus": (guards.other_bus("a", "b", "vps"), "another bus"),
    "no bus": (guards.other_bus("", "", "vps"), "missing"),
    "no bus there": (guards.other_bus("a", "", "vps"), "its id is missing, ours is a"),
    "no bus here": (guards.other_bus("", "b", "vps"), "its id is b, ours is missing"),
    "clocks agree": (guards.clocks(-299.0, "vps"), ""),
    "clocks ahead": (guards.clocks(86400.0, "vps"), "ahead"),
    "clocks behind": (guards.clocks(-301.0, "vps"), "behind"),
    "emptied": (guards.emptied({"agents/code/inbox": {}}, 1000, "vps"), "no names any more"),
    "emptied, but had few": (guards.emptied({}, 3, "vps"), ""),
    "not emptied": (guards.emptied({"agents/code/inbox": {"x": (1, "")}}, 1000, "vps"), ""),
    "one folder emptied": (guards.emptied({"agents/code/inbox": {"x": (1, "")}, "agents/code/outbox": {}}, 1000, "vps"), ""),
    "too many": (guards.too_many({"x": dict.fromkeys(map(str, range(200_001)), (1, ""))}, "vps"), "limit"),
    "many": (guards.too_many({"x": {"a": (1, "")}}, "vps"), ""),
    "slept": (guards.jumped(3600.0, 2.0), "jumped by 59m58s"),
    "set back": (guards.jumped(-3600.0, 2.0), "jumped"),
    "slow": (guards.jumped(31.0, 30.0), ""),
}


@pytest.mark.parametrize(("said", "word"), GUARDS.values(), ids=GUARDS.keys())
def test_what_stops_a_pass(said: str, word: str) -> None:
    assert bool(said) == bool(word)
    assert word in said


def test_what_one_agent_lost_stops_no_other() -> None:
    asked = ["agents/code/inbox", "agents/code/outbox", "agents/gone/inbox"]
    assert guards.unlisted(asked, {"agents/code/inbox": {}}) == ["agents/code/outbox"]
