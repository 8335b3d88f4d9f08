"""`fsbus doctor` about the other side of a real sshd: what is broken is named at its own stage, with what mends it."""
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fsbus.core.doctor import FAIL, OK, WARN
from fsbus.core.health import out_of_reach
from fsbus.core.linkcheck import Awaited, Dialled, awaited, dialled
from fsbus.core.probe import Found
from fsbus.duties.doctor import gather
from fsbus.duties.node import Node
from fsbus.spool.tree import Tree
from tests.kit import FSBUS, clean_env, until
from tests.link.two import Two

Lines = dict[str, dict[str, str]]
WELL = ["bus.yaml", "way", "host key", "login", "fsbus", "answer", "clock", "rsync"]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    made = Two(tmp_path)
    with made.sshd:
        made.pair()
        yield made


def examined(two: Two, root: Path | None = None, *words: str) -> Lines:
    """The lines about other hosts, by what they are about."""
    lines = json.loads(two.fsbus("doctor", "--json", *words, code=1, root=root).stdout)
    return {line["check"]: line for line in lines if line["check"].startswith(("vps ", "mac "))}


def failed(lines: Lines) -> list[str]:
    """What fails, without what the far doctor says about the far side."""
    return [name for name, line in lines.items() if line["verdict"] == "fail" and not line["fix"].startswith("over there: ")]


def test_a_link_that_is_well(two: Two) -> None:
    found = examined(two)
    assert failed(found) == []
    assert list(found)[: len(WELL)] == [f"vps {name}" for name in WELL]
    assert found["vps clock"]["says"].startswith("0.")
    assert "round trip" in found["vps answer"]["says"]
    assert found["vps sync"]["verdict"] == "ok"
    assert found["vps node"]["verdict"] == "fail"
    assert found["vps node"]["fix"].startswith("over there: fsbus up")
    assert examined(two, None, "--no-links") == {}


def test_what_runs_over_there_is_seen(two: Two) -> None:
    env = clean_env(FSBUS_ROOT=str(two.root), FSBUS_DURABILITY="kill")
    far = subprocess.Popen([*FSBUS, "up"], env=env, stderr=subprocess.DEVNULL)
    try:
        until(lambda: "vps node" not in examined(two), "its duties")
    finally:
        far.send_signal(signal.SIGTERM)
        far.wait(30)


def test_a_machine_that_is_off(two: Two) -> None:
    two.sshd.stop()
    found = examined(two)
    assert failed(found) == ["vps login"]
    assert found["vps login"]["fix"] == "try: ssh far"
    assert "vps clock" not in found
    assert "the last good pass was" in found["vps sync"]["says"]


def test_a_host_key_that_is_not_known_or_another_one(two: Two) -> None:
    two.sshd.known_hosts.write_text("")
    found = examined(two)
    assert failed(found) == ["vps host key"]
    assert found["vps host key"]["fix"] == "fsbus pair far"
    two.sshd.pin()
    two.sshd.rekey()
    found = examined(two)
    assert failed(found) == ["vps host key"]
    assert "ssh-keygen -R" in found["vps host key"]["fix"]


def test_no_fsbus_no_bus_another_bus(two: Two) -> None:
    two.root.rename(two.root.with_name("moved"))
    found = examined(two)
    assert failed(found) == ["vps answer"]
    assert found["vps answer"]["fix"] == "fsbus pair far"
    assert found["vps fsbus"]["verdict"] == "ok", found["vps fsbus"]
    two.fsbus("init", str(two.root), root=two.root)
    assert "another bus" in examined(two)["vps answer"]["says"]
    two.program.unlink()
    found = examined(two)
    assert failed(found) == ["vps fsbus"]
    assert "--command" in found["vps fsbus"]["fix"]


def test_a_machine_that_takes_the_call_and_says_nothing(two: Two) -> None:
    two.sshd.freeze()
    try:
        began = time.monotonic()
        found = examined(two)
        assert time.monotonic() - began < 30
    finally:
        two.sshd.thaw()
    assert failed(found) == ["vps login"]


def test_a_key_that_may_only_sync(two: Two) -> None:
    two.sshd.authorize(f'restrict,command="fsbus sync --serve --peer mac --root {two.root}"')
    found = examined(two)
    assert failed(found) == []
    assert "cannot be asked" in found["vps fsbus"]["says"]
    assert found["vps answer"]["verdict"] == "ok"


def test_trouble_of_the_passes_is_told(two: Two) -> None:
    two.sshd.stop()
    two.fsbus("sync", code=6)
    two.sshd.start()
    assert "Connection refused" in examined(two)["vps sync"]["says"]


def test_the_other_end_says_who_dials_it_and_when_it_was_there(two: Two) -> None:
    found = examined(two, two.root)
    assert "has not been here yet" in found["mac link"]["says"]
    env = clean_env(FSBUS_ROOT=str(two.near), FSBUS_DURABILITY="kill")
    near = subprocess.Popen([*FSBUS, "up"], env=env, stderr=subprocess.DEVNULL)
    beat = two.root / "agents/dispatch/alive.yaml"
    try:
        until((two.near / "agents/dispatch/alive.yaml").exists, "its beat here")
        two.fsbus("sync")
        assert beat.exists()
    finally:
        near.send_signal(signal.SIGTERM)
        near.wait(30)
    assert examined(two, two.root)["mac link"]["verdict"] == "ok"
    os.utime(beat, (time.time() - 7200,) * 2)
    late = examined(two, two.root)["mac link"]
    assert (late["verdict"], "2h" in late["says"]) == ("warn", True)


def test_it_asks_for_every_duty_that_a_node_has_links_included(two: Two) -> None:
    for root in (two.near, two.root):
        tree = Tree(str(root))
        assert set(gather(str(root), 0.0).owners) == set(Node(tree).posts.all())
    assert {"mirror:vps", "urgent:vps"} <= set(gather(str(two.near), 0.0).owners)


def test_what_the_other_side_says_cannot_forge_a_line(two: Two) -> None:
    """It was taken over, and its doctor and its version are what it likes."""
    evil = json.dumps([{"check": "disk", "verdict": "fail", "says": "x\nok    all is well\x1b[2J", "fix": "y\rok"}])
    (two.far_home / "evil.json").write_text(evil)
    two.program.write_text(
        f'#!/bin/sh\ncase "$*" in *doctor*) cat "{two.far_home}/evil.json";; *--version) printf "fsbus 9\\033[2J\\n";;'
        f' *) exec "{sys.executable}" -m fsbus "$@";; esac\n'
    )
    said = two.fsbus("doctor", code=1).stdout
    assert "\x1b" not in said
    assert "\r" not in said
    assert not [line for line in said.splitlines() if line.startswith("ok    all")]
    assert "x\\x0aok" in said
    assert "\x1b" not in two.pair().stdout


# --- the judgement alone

FULL = {"check": "disk", "verdict": "fail", "says": "full", "fix": "rm"}
FACTS = Dialled(
    "vps", "me@vps", way="me@203.0.113.7 port 22", found=Found(fsbus="1", doctor=({"check": "disk", "verdict": "ok"},)),
    version="1", rsync=("rsync 3", "rsync 3"), age=10.0,
)  # fmt: skip


def test_what_is_well_wants_nothing() -> None:
    checks = dialled(FACTS)
    assert {check.verdict for check in checks} == {OK}
    assert [check.fix for check in checks if check.fix] == []


@pytest.mark.parametrize(
    ("wrong", "name", "verdict", "says"),
    [
        ({"found": Found(fsbus="0.9")}, "fsbus", WARN, "install the same on both"),
        ({"offset": 301.0}, "clock", WARN, "5m01s ahead of ours"),
        ({"offset": -86400.0}, "clock", WARN, "behind ours"),
        ({"unfit": ("there is none", "")}, "rsync", WARN, "install a newer one here"),
        ({"unfit": ("", "it is older than 3.5.0")}, "rsync", WARN, "rsync on vps: it is older than 3.5.0"),
        ({"found": Found(forced=True), "unfit": ("", "x")}, "rsync", OK, "this key starts none"),
        ({"age": None}, "sync", WARN, "no good pass yet; fsbus sync vps"),
        ({"age": 301.0}, "sync", WARN, "5m01s ago; fsbus sync vps"),
        ({"age": 301.0, "every": 600.0}, "sync", OK, "5m01s ago"),
        ({"known": {"trouble": "it is off", "since": "noon"}}, "sync", WARN, "since noon: it is off"),
        ({"known": {"refused": 3}}, "names", WARN, "3 names that it has are not taken here"),
        ({"found": Found(fsbus="1", doctor=(FULL,))}, "disk", FAIL, "full; over there: rm"),
        ({"found": Found(fsbus="1", doctor=(FULL | {"verdict": "fine"},))}, "doctor", OK, "ssh me@vps"),
    ],
)  # fmt: skip
def test_each_thing_that_breaks_has_its_line(wrong: dict[str, Any], name: str, verdict: str, says: str) -> None:
    check = next(check for check in dialled(replace(FACTS, **wrong)) if check.name == f"vps {name}")
    assert check.verdict == verdict
    assert says in check.sentence()


@pytest.mark.parametrize("every", [1.0, 60.0, 600.0])
def test_a_link_that_status_calls_down_is_not_well_here(every: float) -> None:
    for age in range(1, 4000, 7):
        down = bool(out_of_reach("", float(age), every))
        looks = dialled(replace(FACTS, age=float(age), every=every)), [awaited(Awaited("mac", float(age), every))]
        verdicts = [check.verdict for checks in looks for check in checks if check.name in ("vps sync", "mac link")]
        assert verdicts == [WARN if down else OK] * 2


@pytest.mark.parametrize("stage", ["way", "host key", "login", "fsbus", "answer"])
def test_a_look_ends_at_what_is_broken(stage: str) -> None:
    checks = dialled(replace(FACTS, stopped=(stage, "broken", "mend it")))
    names = [check.name for check in checks]
    assert names[-2:] == [f"vps {stage}", "vps sync"]
    assert [check.name for check in checks if check.verdict == FAIL] == [f"vps {stage}"]


@pytest.mark.parametrize(("age", "every", "verdict"), [(None, 60, WARN), (10.0, 60, OK), (301.0, 60, WARN), (301.0, 600, OK)])
def test_who_dials_is_late_or_not(age: float | None, every: float, verdict: str) -> None:
    assert awaited(Awaited("mac", age, every)).verdict == verdict
