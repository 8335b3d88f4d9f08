"""What a peer may say, which paths may cross, and who dials whom: as tables, and against a peer that says anything."""
from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, find, given, settings
from hypothesis import strategies as st

from fsbus.core import merge, names, trust
from fsbus.core.config import BusConfig
from fsbus.core.gathered import Listing
from fsbus.core.order import beaten
from fsbus.core.paths import parse_path, split
from fsbus.core.refusal import Refusal
from fsbus.core.states import INBOX_STATES, OUTBOX_STATES
from fsbus.core.topology import Topology, topology
from fsbus.core.trust import may_come
from tests.sync.test_plan import C_DONE, DONE, FADED, HOMES, KEY, LOCAL, NEW, OLD, RES, RULES, UN, A, Q, path

FROM_DISPATCH = RULES.flipped  # as the vps sees it: dispatch lives beyond
RUN = "code/inbox/5 1 running"
MAY: dict[str, tuple[str, int, Any, list[str], str]] = {
    "a worker's own": (A, 5, RULES, [Q], ""),
    "a worker's own, given to another": (A, 5, RULES, [LOCAL], "not given to code"),
    "a worker's own, still with dispatch": (A, 5, RULES, [UN], "not given to code"),
    "a worker's own, moved to it by hand": ("research/outbox/5 1 done", 5, RULES, [Q], ""),
    "moved by hand, not begun": ("research/inbox/5 1 queued", 5, RULES, [Q], "not given to research"),
    "held by another attempt only": (A, 5, RULES, ["local/inbox/5 2 queued"], ""),
    "a worker's own, dropped there": (Q, 5, RULES, [], ""),
    "a worker's own second attempt, removed here by hand": ("code/inbox/5 2 acked", 5, RULES, [], ""),
    "running for an agent of ours, and nothing of it here": ("local/inbox/5 1 running", 5, RULES, [], "is not running there"),
    "another priority for an agent of ours": (
        "local/inbox/5 1 acked", 5, RULES, ["local/inbox/7 1 acked"], "is not acked there"),
    "running for an agent of ours": ("local/inbox/5 1 running", 5, RULES, [LOCAL], "is not running there"),
    "ended for an agent of ours": ("local/outbox/5 1 done", 5, RULES, [LOCAL], "did not end there"),
    "work for ours, not by dispatch": (LOCAL, 5, RULES, [], "only dispatch gives work"),
    "work for ours, by dispatch": (Q, 5, FROM_DISPATCH, [], ""),
    "acked for ours, by dispatch: removed here by hand": (A, 5, FROM_DISPATCH, [], ""),
    "running for ours, by dispatch: removed here by hand": (RUN, 5, FROM_DISPATCH, [], ""),
    "acked for ours, by dispatch, where it is queued": (A, 5, FROM_DISPATCH, [Q], "is not acked there"),
    "running for ours, by dispatch, where it waits": (RUN, 5, FROM_DISPATCH, [A], "is not running there"),
    "another priority for ours, by dispatch": (A, 5, FROM_DISPATCH, ["code/inbox/7 1 acked"], ""),
    "collected, not by dispatch": (C_DONE, 5, RULES, [DONE], "only dispatch collects"),
    "collected, by dispatch": (C_DONE, 5, FROM_DISPATCH, [DONE], ""),
    "a brief, not by dispatch": ("code/inbox/5 2 brief", 5, RULES, ["code/inbox/5 2 queued"], "only dispatch writes briefs"),
    "a brief for ours, not by dispatch": ("local/inbox/5 1 brief", 5, RULES, [LOCAL], "only dispatch writes briefs"),
    "a brief, by dispatch": ("code/inbox/5 2 brief", 5, FROM_DISPATCH, [], ""),
    "an attempt, not by dispatch": ("code/inbox/5 2 queued", 5, RULES, [], "only dispatch makes attempts"),
    "a submission": (UN, 5, RULES, [], ""),
    "a submission's second attempt": ("dispatch/inbox/5 2 queued", 5, RULES, [], "only dispatch gives work"),
    "too large a task": (A, (1 << 20) + 1, RULES, [Q], "bytes"),
    "too large a message": ("dispatch/urgent/code new", (64 << 10) + 1, RULES, [], "bytes"),
    "too large a result": (RES, (2 << 20) + 1, RULES, [RUN], "bytes"),
    "a folder for a task": (A, -1, RULES, [Q], "bytes"),
    "files that are none": ("code/outbox/5 1 files", 5, RULES, [DONE], "bytes"),
    "of nobody": ("ghost/inbox/5 1 acked", 5, RULES, [], "no agent ghost"),
    "a message of theirs": ("dispatch/urgent/code new", 5, RULES, [], ""),
    "a message to theirs": (NEW, 5, RULES, [], ""),
    "a message in our name to us": ("dispatch/urgent/human new", 5, RULES, [], "cannot speak from there"),
    "a message of nobody": ("dispatch/urgent/ghost new", 5, RULES, [], "cannot speak from there"),
}


@pytest.mark.parametrize(("short", "size", "rules", "held", "why"), MAY.values(), ids=MAY.keys())
def test_what_may_come(short: str, size: int, rules: Any, held: list[str], why: str) -> None:
    said = may_come(path(short), (size, ""), rules, [path(other) for other in held])
    assert bool(said) == bool(why)
    assert why in said


def test_what_is_no_name_may_not_come() -> None:
    strange = "agents/code/inbox/../agent.yaml"
    assert may_come(strange, (5, ""), RULES)
    assert not beaten([path(Q)], strange, "dispatch")


@pytest.mark.parametrize(
    ("short", "held", "taken"), [(Q, [], False), (C_DONE, [], False), (C_DONE, [DONE], True), (NEW, [], False)],
)  # fmt: skip
def test_what_is_too_old_to_come(short: str, held: list[str], taken: bool) -> None:
    assert (may_come(path(short, OLD), (5, ""), FROM_DISPATCH, [path(h, OLD) for h in held]) == "") == taken
    assert not may_come(path(short, FADED), (5, ""), FROM_DISPATCH, [path(h, FADED) for h in held])


REGISTERS = ["bus.yaml", "agents/code/agent.yaml", "agents/code/alive.yaml", "agents/code/PAUSE", "log/mac/2026-11-22.jsonl"]


@pytest.mark.parametrize("register", REGISTERS)
def test_a_register_is_a_path_and_never_merged(register: str) -> None:
    assert parse_path(register) is not None
    assert may_come(register, (5, ""), RULES)


GOOD = {
    "task": path(Q), "message": path(NEW), "result": path(RES), "files": path("code/outbox/5 1 files"),
    "brief": path("code/inbox/5 2 brief"), "file": path("code/outbox/late/5 1 files") + "/a b/ü.txt",
    "case": f"agents/code/runs/5-{KEY}-x.a1/stdout.1.txt",
}  # fmt: skip


@pytest.mark.parametrize("kind", GOOD)
def test_a_path_is_read(kind: str) -> None:
    spot = parse_path(GOOD[kind])
    assert spot is not None
    assert (spot.kind, spot.key, spot.agent) == (kind, KEY, "code")


FILE = GOOD["file"].rsplit("/", 2)[0]
BAD = [
    "", "/", "x", "bus.yaml/", "./bus.yaml", "/bus.yaml", "host", ".node/token", "agents", "agents/code", "agents/code/",
    "agents/Code/PAUSE", "agents/../PAUSE", "agents/code/inbox", "agents/code/inbox/", "agents/code/inbox/x.md",
    "agents/code/inbox/../agent.yaml", "agents/code/inbox/.tmp-1-2", "agents/code/inbox/rejected/x", f"{FILE}/", f"{FILE}/..",
    f"{FILE}/a/../b", f"{FILE}/./b", f"{FILE}//b", f"{FILE}/a\x00b", f"{FILE}/a\nb", f"{FILE}/a\\b", f"{FILE}/{'a' * 256}",
    f"{FILE}/{'/'.join('a' * 17)}", f"{FILE}/\ud800", GOOD["task"] + "/x", GOOD["task"].replace("inbox", "outbox"),
    GOOD["result"].replace("outbox", "inbox"), GOOD["task"].replace(".md", ".sh"), GOOD["brief"] + "/x",
    GOOD["message"].replace("urgent", "urgent/read"), GOOD["message"].replace(".new.", ".read."),
    GOOD["brief"].replace("inbox", "outbox"), GOOD["brief"].replace(".a2.", ".a02."), "log/mac/2026-13-01.jsonl",
    "log/../2026-11-01.jsonl", "log/mac/x/2026-11-01.jsonl", "log/mac/2026-11-01.jsonl.gz", "agents/code/runs",
    f"agents/code/runs/{KEY}", "AGENTS/code/PAUSE", "agents/code/alive.yaml/x", "archive/2026-11-22/x",
]  # fmt: skip


@pytest.mark.parametrize("bad", [*BAD, None, 7, b"bus.yaml"], ids=repr)
def test_a_foreign_path_is_none(bad: object) -> None:
    assert parse_path(bad) is None


PARTS = [*"/.\\\x00", "..", "agents", "code", "inbox", "outbox", "/", f"5-{KEY}-x.a1", ".files"]


@given(st.text() | st.lists(st.sampled_from(PARTS)).map("".join))
def test_reading_a_path_is_total_and_what_is_read_stays_where_it_is(text: str) -> None:
    if parse_path(text) is not None:
        assert not {"", ".", ".."}.intersection(text.split("/"))


KEYS = [names.new_key(1_799_999_990_000 + number, number) for number in range(3)]
AGENTS = [*HOMES, "ghost"]
lies = st.one_of(
    st.builds(
        lambda a, d, k, n, s: f"agents/{a}/inbox/{d}-{KEYS[k]}-x.a{n}.{s}.md",
        st.sampled_from(AGENTS), st.integers(0, 9), st.integers(0, 2), st.integers(1, 3), st.sampled_from(INBOX_STATES),
    ),
    st.builds(
        lambda a, c, k, n, s: f"agents/{a}/{c}/5-{KEYS[k]}-x.a{n}.{s}",
        st.sampled_from(AGENTS), st.sampled_from(["outbox", "outbox/late"]), st.integers(0, 2), st.integers(1, 3),
        st.sampled_from([*(f"{state}.md" for state in OUTBOX_STATES), "result.yaml", "files"]),
    ),
    st.builds(
        lambda a, s, k: f"agents/{a}/urgent/{KEYS[k]}-cancel.from-{s}.new.yaml",
        st.sampled_from(AGENTS), st.sampled_from(AGENTS), st.integers(0, 2),
    ),
)  # fmt: skip
OURS = {a for a, home in HOMES.items() if home == "mac"}


def listed(paths: list[str], size: int) -> Listing:
    """A listing of these paths."""
    found: Listing = {}
    for one in paths:
        folder, name = split(one)
        found.setdefault(folder, {})[name] = (-1 if name.endswith(".files") else size, "aa" if ".queued." in name else "")
    return found


def wrong(honest: list[str], said: list[str], size: int, ender: str) -> list[object]:
    """The steps by which a taken-over vps would move what lies with our agents, or bring them what it may not."""
    ours = [p for p in honest if (spot := parse_path(p)) is not None and spot.agent in OURS]
    found: list[object] = []
    rules = replace(RULES, enders=dict.fromkeys(said, ender))
    for step in merge.plan(listed(ours, 5), listed(said, size), rules):
        old, new = parse_path(step.path), parse_path(step.to) or parse_path(step.path)
        assert old is not None
        assert new is not None
        near = step.kind == "pull" or step.kind.endswith("-near")
        doubled = step.kind == "sweep-near" and beaten(ours, step.path, "dispatch")  # by our own word
        if not near or new.agent not in OURS or doubled:
            continue
        if new.kind == "message":
            fair = HOMES.get(new.name.sender) == "vps"
        else:  # a submission, or the priority or text of one
            fair = (new.kind, new.agent, new.attempt) == ("task", "dispatch", 1) and new.name.state == "queued"
        if not fair:
            found.append(step)
    return found


said = st.lists(lies, max_size=8)
# A result without a name lies with an agent of ours, as from a backup; vps says of that attempt that its own has ended it.
HALF = ([f"agents/human/outbox/5-{KEYS[2]}-x.a2.result.yaml"],
        [f"agents/{place}/outbox/5-{KEYS[2]}-x.a2.{end}" for place, end in (("dispatch", "result.yaml"), ("code", "failed.md"))],
        9, "dispatch")  # fmt: skip
tale = st.tuples(said, said, st.sampled_from([5, 5, 9, 1 << 21]), st.sampled_from(AGENTS))


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(tale)
@example(HALF)
def test_a_host_that_says_anything_moves_nothing_that_is_not_its_own(told: tuple[list[str], list[str], int, str]) -> None:
    """What lies with our agents stays, and nothing new comes to them but submissions and its own agents' words."""
    assert wrong(*told) == []


@pytest.mark.parametrize("who", ["_own", "_given", "_message", "_task"])
def test_without_that_rule_it_would(who: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, who, lambda *_: "")

    def moved(told: tuple[list[str], list[str], int, str]) -> bool:
        return bool(wrong(*told))

    once = settings(max_examples=2000, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    assert find(tale, moved, settings=once)


def bus(**hosts: dict[str, str]) -> BusConfig:
    """A bus with these hosts."""
    return BusConfig(config_host="mac", hosts=hosts)


TREE = bus(mac={}, vps={"ssh": "v"}, box={"ssh": "b", "via": "vps"}, pi={"ssh": "p"}, alone={})


def test_the_links_are_a_tree() -> None:
    found = topology(TREE)
    assert isinstance(found, Topology)
    assert (found.dials("mac"), found.dials("vps"), found.dials("box")) == (("vps", "pi"), ("box",), ())
    assert found.beyond("mac", "vps") == {"vps", "box"} == found.this_side("vps", "mac")
    assert found.beyond("vps", "mac") == {"mac", "pi"} == found.this_side("mac", "vps")
    assert found.beyond("mac", "box") == found.beyond("mac", "alone") == set()
    assert (found.way("mac", "box"), found.way("pi", "box"), found.way("mac", "alone")) == ("vps", "mac", "")
    for near, far in (("mac", "vps"), ("vps", "box"), ("mac", "pi")):
        assert found.beyond(near, far) | found.this_side(near, far) == {"mac", "vps", "box", "pi"}


def test_the_config_host_may_be_dialled_by_another() -> None:
    found = topology(bus(mac={"ssh": "m", "via": "vps"}, vps={}))
    assert isinstance(found, Topology)
    assert (found.dials("vps"), found.dials("mac")) == (("mac",), ())


def test_how_to_reach_the_config_host_is_no_link_to_itself() -> None:
    found = topology(bus(mac={"ssh": "m"}, vps={"ssh": "v"}))
    assert isinstance(found, Topology)
    assert (found.dials("mac"), found.dials("vps")) == (("vps",), ())


def test_a_host_alone_needs_no_config_host() -> None:
    assert isinstance(topology(bus(here={})), Topology)


@pytest.mark.parametrize(
    ("hosts", "word"),
    [
        ({"mac": {}, "vps": {"ssh": "v", "via": "boxx"}, "box": {}}, "did you mean 'box'"),
        ({"mac": {}, "vps": {"ssh": "v", "via": "box"}, "box": {"ssh": "b", "via": "vps"}}, "circle"),
        ({"mac": {}, "vps": {"ssh": "v", "via": "vps"}}, "names the host itself"),
        ({"mac": {}, "vps": {"via": "mac"}}, "`via` without `ssh`"),
        ({"vps": {"ssh": "v"}}, "no host 'mac'"),
    ],
)  # fmt: skip
def test_what_is_no_tree_is_refused_with_a_sentence(hosts: dict[str, dict[str, str]], word: str) -> None:
    found = topology(bus(**hosts))
    assert isinstance(found, Refusal)
    assert word in found.sentence()
