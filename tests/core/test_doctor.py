"""What the doctor says of which facts: one row per thing that breaks, each with the command that mends it."""
from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fsbus.core import doctor
from fsbus.core.config import AgentConfig, BusConfig
from fsbus.core.doctor import Facts
from fsbus.core.refusal import Refusal

BUS = BusConfig(id="x", config_host="mac", hosts={"mac": {}, "vps": {"ssh": "me@vps"}})
ALONE = BusConfig(id="x", config_host="mac", hosts={"mac": {}})
DISPATCH, ECHO = AgentConfig("dispatch", "dispatch", "mac"), AgentConfig("echo", "worker", "mac", run=("cat",))
WELL = Facts(
    "/home/me/fsbus", "linux", "/home/me", mode=0o700, bus=BUS, host="mac", agents={"dispatch": DISPATCH, "echo": ECHO},
    owners={"adopt": 7, "dispatch": 7, "worker:echo": 7}, running="1", version="1", services=("systemd",), user="me",
    disk="ext4", ssh="/usr/bin/ssh", rsync="rsync  version 3.2.7",
)  # fmt: skip


def test_what_is_well_is_said_once_each_and_wants_nothing() -> None:
    checks = doctor.local(WELL)
    assert {check.verdict for check in checks} == {"ok"}
    assert doctor.worst(checks) == "ok"
    assert [check.fix for check in checks if check.fix] == []
    names = ["root", "host", "disk", "place", "node", "service", "agents", "version", "clock", "ssh", "rsync"]
    assert [check.name for check in checks] == names


@pytest.mark.parametrize(
    ("wrong", "name", "verdict", "says"),
    [
        ({"mode": None}, "root", "fail", "fsbus init /home/me/fsbus"),
        ({"mode": None, "root": "/my bus"}, "root", "fail", "fsbus init '/my bus'"),
        ({"mode": 0o770}, "root", "fail", "chmod go-w"),
        ({"mode": 0o755}, "root", "warn", "chmod go="),
        ({"bus": "bus.yaml cannot be used: line 3"}, "bus.yaml", "fail", "line 3"),
        ({"bus": replace(BUS, notes=("colour: not known, not used",))}, "bus.yaml", "warn", "colour"),
        ({"bus": replace(BUS, hosts={"mac": {"shh": "x"}})}, "bus.yaml", "warn", "hosts.mac.shh: not known"),
        ({"bus": replace(BUS, config_host="moon")}, "bus.yaml", "fail", "config_host moon is not under `hosts`: mac, vps"),
        ({"host": "moon"}, "host", "fail", "bus.yaml knows mac, vps"),
        ({"bus": replace(BUS, hosts={})}, "host", "fail", "bus.yaml knows no host"),
        ({"host": ""}, "host", "fail", "does not name"),
        ({"room": 5 << 20}, "disk", "warn", "5 MiB"),
        ({"room": 0}, "disk", "fail", "0 MiB"),
        ({"fixed": True}, "disk", "fail", "read-only"),
        ({"files": 3}, "disk", "warn", "3 files"),
        ({"disk": "nfs4"}, "place", "fail", "nfs4"),
        ({"platform": "darwin", "root": "/home/me/Documents/bus"}, "place", "warn", "mv /home/me/Documents/bus"),
        ({"platform": "darwin", "root": "/Volumes/stick/bus"}, "place", "warn", "macOS"),
        ({"platform": "darwin", "root": "/home/me/documents/bus"}, "place", "warn", "macOS"),
        ({"platform": "darwin", "real": "/home/me/Library/CloudStorage/Dropbox/bus"}, "place", "warn", "mv /home/me/Library/C"),
        ({"owner": "you"}, "root", "warn", "is you's, who cannot read what me puts there; su you"),
        ({"owners": {"adopt": 0, "dispatch": 0}}, "node", "fail", "fsbus up"),
        ({"owners": {"adopt": 7, "worker:echo": 0}}, "node", "fail", "worker:echo; fsbus up --only worker:echo"),
        ({"running": "0"}, "node", "warn", "still runs fsbus 0"),
        ({"services": ()}, "service", "warn", "fsbus service install"),
        ({"stale": ("systemd",)}, "service", "warn", "fsbus service install --for systemd"),
        ({"services": (), "mute": {"systemd": "no bus"}}, "service", "warn", "asked: no bus; fsbus service install"),
        ({"owners": {"adopt": 0}, "services": ("cron",), "quiet": 901.0}, "node", "warn", "last ticked 15m01s ago; pgrep cron"),
        ({"owners": {"adopt": 0}, "services": ("cron",), "quiet": doctor.NEVER}, "node", "warn", "has not ticked yet"),
        ({"lingers": False}, "service", "warn", "loginctl enable-linger me"),
        ({"agents": {"dispatch": DISPATCH, "echo": Refusal(2, "unknown key 'rum'", "")}}, "echo", "fail", "rum"),
        ({"agents": {"dispatch": DISPATCH, "echo": replace(ECHO, home="moon")}}, "echo", "fail", "its home moon"),
        ({"agents": {"echo": ECHO}}, "agents", "fail", "there is no dispatch"),
        ({"unable": {"echo": ("cat is not on the PATH", "install it")}}, "echo", "fail", "is not on the PATH; install it, or"),
        ({"python": (3, 10)}, "version", "fail", "Python 3.11"),
        ({"ahead": 301.0}, "clock", "fail", "301 s behind"),
        ({"ssh": ""}, "ssh", "fail", "OpenSSH"),
        ({"rsync": "", "unfit": "there is none"}, "rsync", "warn", "there is none; large files go over the link itself"),
        ({"unfit": "it is older than 3.5.0"}, "rsync", "warn", "older than 3.5.0"),
    ],
)
def test_what_breaks_is_said_with_what_mends_it(wrong: dict[str, Any], name: str, verdict: str, says: str) -> None:
    checks = doctor.local(replace(WELL, **wrong))
    ill = [check for check in checks if check.verdict != "ok"]
    assert [(check.name, check.verdict) for check in ill] == [(name, verdict)]
    assert says in ill[0].sentence()
    assert ill[0].fix
    assert doctor.worst(checks) == verdict


@pytest.mark.parametrize(
    "fine",
    [
        {"owners": {"adopt": 0}, "services": ("cron",)}, {"owners": {"adopt": 0}, "services": ("launchd-tick",)},
        {"ahead": -9e9}, {"ahead": 200.0},
        {"bus": ALONE, "ssh": "", "rsync": ""},
        {"root": "/home/me/Documents/bus"}, {"platform": "darwin"}, {"services": ("cron",), "lingers": False}, {"agents": {}},
        {"running": ""}, {"disk": ""}, {"mute": {"launchd": "gone"}}, {"quiet": doctor.NEVER},
    ],
)  # fmt: skip
def test_what_only_looks_wrong_is_well(fine: dict[str, Any]) -> None:
    assert doctor.worst(doctor.local(replace(WELL, **fine))) == "ok"


def test_without_a_bus_nothing_more_is_said() -> None:
    assert [check.name for check in doctor.local(replace(WELL, mode=None, bus="x", rsync=""))] == ["root"]
    assert [check.name for check in doctor.local(replace(WELL, bus="x", rsync=""))] == ["root", "bus.yaml"]
