"""What is wrong with the links of this host, in the order in which they break, behind the checks of `core/doctor.py`.

Pure. Who dials judges the whole link; who is dialled can only tell who should come, and when it last did. A look ends
at the first thing that is broken, since nothing behind it can be seen; what is known from the passes is told anyway.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fsbus.core import guards
from fsbus.core.doctor import FAIL, OK, WARN, Check
from fsbus.core.health import is_late
from fsbus.core.moment import show_duration
from fsbus.core.probe import Found

STAGES = ("bus.yaml", "way", "host key", "login", "fsbus", "answer")


@dataclass(frozen=True, slots=True)
class Dialled:
    """What was found about a host that this one dials."""

    host: str  # its name
    destination: str  # what ssh takes
    stopped: tuple[str, str, str] | None = None  # the stage at which the look ended, what is wrong, what to type
    way: str = ""  # where ssh goes
    found: Found = field(default_factory=Found)  # what it says of itself
    version: str = ""  # of the fsbus here
    offset: float = 0.0  # its clock minus ours, by the link itself
    trip: float = 0.0  # the round trip through both programs, seconds
    rsync: tuple[str, str] = ("", "")  # first line of `rsync --version`, here and there
    unfit: tuple[str, str] = ("", "")  # why that rsync is not used, here and there; '' = it is
    every: float = 60.0  # seconds between two passes
    age: float | None = None  # since the last good pass; None = there was none
    known: Mapping[str, object] = field(default_factory=dict)  # `spool/linkfacts.py`


@dataclass(frozen=True, slots=True)
class Awaited:
    """A host that dials this one."""

    host: str
    age: float | None  # seconds since something of its side arrived here; None = never
    every: float


def dialled(facts: Dialled) -> list[Check]:
    """The lines about one host that this one dials."""
    found = [*_stages(facts), *(() if facts.stopped else _answered(facts)), *_passes(facts)]
    return [Check(f"{facts.host} {c.name}", c.verdict, c.says, c.fix) for c in found]


def awaited(facts: Awaited) -> Check:
    """The line about the host that dials this one."""
    fix = f"on {facts.host}: fsbus doctor"
    if facts.age is None:
        return Check(f"{facts.host} link", WARN, f"{facts.host} dials this host and has not been here yet", fix)
    says = f"{facts.host} dials this host; it was here {show_duration(round(facts.age))} ago"
    if is_late(facts.age, facts.every):
        return Check(f"{facts.host} link", WARN, says, fix)
    return Check(f"{facts.host} link", OK, says)


def _stages(facts: Dialled) -> Iterator[Check]:
    """What went well, and the first thing that did not."""
    says = {
        "bus.yaml": f"ssh: {facts.destination}", "way": facts.way, "host key": "pinned", "login": "welcome", "fsbus": "",
        "answer": f"of this bus, round trip {facts.trip * 1000:.1f} ms",
    }  # fmt: skip
    for stage in STAGES:
        if facts.stopped and facts.stopped[0] == stage:
            yield Check(stage, FAIL, *facts.stopped[1:])
            return
        yield _fsbus(facts) if stage == "fsbus" else Check(stage, OK, says[stage])


def _fsbus(facts: Dialled) -> Check:
    found = facts.found
    if found.forced:
        return Check("fsbus", OK, "this key may only start `fsbus sync --serve` there; which one cannot be asked")
    if found.fsbus != facts.version:
        says = f"it has fsbus {found.fsbus}, this is {facts.version}"
        return Check("fsbus", WARN, says, "install the same on both, then restart what runs")
    return Check("fsbus", OK, f"{found.fsbus}, as here")


def _answered(facts: Dialled) -> Iterator[Check]:
    apart = guards.clocks(facts.offset, facts.host)
    fix = "timedatectl set-ntp true, or sudo sntp -sS time.apple.com, on the one that is wrong"
    yield Check("clock", WARN, apart, fix) if apart else Check("clock", OK, f"{abs(facts.offset):.2f} s apart")
    yield _rsync(facts)
    yield from _its_own(facts)


def brief(said: str) -> str:
    """The first line of `rsync --version`, as far as anybody wants to read it."""
    return " ".join(said.partition("protocol")[0].split()).rstrip(":") or "none"


def _rsync(facts: Dialled) -> Check:
    (here, there), (bad_here, bad_there) = facts.rsync, facts.unfit
    if facts.found.forced:
        return Check("rsync", OK, "this key starts none; large files go over the link itself")
    if not (bad_here or bad_there):
        return Check("rsync", OK, f"here {brief(here)}, there {brief(there)}")
    where, why = ("here", bad_here) if bad_here else (f"on {facts.host}", bad_there)
    return Check("rsync", WARN, f"rsync {where}: {why}; large files go over the link itself", f"install a newer one {where}")


def _its_own(facts: Dialled) -> Iterator[Check]:
    """What its own doctor finds: its duties, its disk, its agents."""
    lines = [line for line in facts.found.doctor if line.get("verdict") in (OK, WARN, FAIL)]
    if not lines:
        yield Check("doctor", OK, f"not asked; type it there: ssh {facts.destination}, then fsbus doctor")
        return
    bad = [line for line in lines if line["verdict"] != OK]
    for line in bad:
        fix = line.get("fix", "")
        yield Check(line.get("check", "?"), line["verdict"], line.get("says", ""), f"over there: {fix}" if fix else "")
    if len(bad) < len(lines):
        yield Check("doctor", OK, f"{len(lines) - len(bad)} more things are well over there")


def _passes(facts: Dialled) -> Iterator[Check]:
    """What the passes have left behind."""
    known, fix = facts.known, f"fsbus sync {facts.host}"
    if facts.age is None:
        yield Check("sync", WARN, "there was no good pass yet", fix)
    else:
        says = f"the last good pass was {show_duration(round(facts.age))} ago"
        trouble = str(known.get("trouble") or "")
        if trouble:
            yield Check("sync", WARN, f"{says}; since {known.get('since')}: {trouble}", fix)
        elif is_late(facts.age, facts.every):
            yield Check("sync", WARN, says, f"{fix}; fsbus up does it by itself")
        else:
            yield Check("sync", OK, says)
    refused = str(known.get("refused") or "0")
    if refused != "0":
        yield Check("names", WARN, f"{refused} names that it has are not taken here", f"{fix} says which and why")
