"""`fsbus status`."""
from __future__ import annotations

from fsbus.bus import Bus
from fsbus.faces.cli import out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HELP = {"what": "an agent, or a task by any unique part of its key; nothing = the whole bus", "json": "as JSON"}
STATES = ("queued", "acked", "running", "failed", "done")


def status_(what: str = "", *, json: bool = False) -> int:
    """The whole bus, an agent, or a task.

    fsbus status
    fsbus status code
    fsbus status m2x9rt --json
    """
    bus = Bus()
    flaw = bus.tree.flaw()
    if flaw:
        out.talk(f"fsbus: {flaw}")
    if not what:
        found = bus.status()
        out.as_json(found) if json else _bus(found)
    elif what in bus.tree.agents():
        found = bus.status(what)
        out.as_json(found) if json else _agents([found])
    else:
        found = bus.task(what)
        out.as_json(found) if json else _task(found)
    return 0


def _bus(found: dict[str, Any]) -> None:
    out.say(f"{found['root']} on {found['host']}, as of {found['as_of']}")
    _agents(found["agents"])
    for host, facts in found["links"].items():
        out.say(_link(host, facts))


def _link(host: str, facts: dict[str, Any]) -> str:
    """One line about the way to another host."""
    last = f"as of {facts['as_of']}" if facts.get("as_of") else "never synced"
    if facts.get("trouble"):
        return f"link to {host}: down since {facts.get('since')}: {facts['trouble']}; {last}"
    words = [f"link to {host}: up, {last}"]
    if facts.get("round_trip") is not None:
        offset = round(facts.get("offset") or 0.0, 1) + 0.0  # -0.0 is no offset
        words.append(f"round trip {facts['round_trip'] * 1000:.1f} ms, clock {offset:+.1f} s")
    words += [f"{name} {facts[name]}" for name in ("backlog", "refused") if str(facts.get(name) or "0") != "0"]
    return ", ".join(words) + (f"; {facts['clocks']}" if facts.get("clocks") else "")


def _agents(agents: list[dict[str, Any]]) -> None:
    from fsbus.core.screen import table

    rows = [("AGENT", "ROLE", "HOME", "HEALTH", *(s.upper() for s in STATES), "")]
    rows += [(a["agent"], a["role"], a["home"], a["health"], *(str(a[s]) for s in STATES), _remark(a)) for a in agents]
    out.show(table(rows))


def _remark(agent: dict[str, Any]) -> str:
    from fsbus.core.moment import show_duration

    words = [agent["cause"]] if agent["health"] not in ("ok", "busy") or agent["refused"] else []
    if agent["oldest_queued"]:
        words.append(f"oldest queued {show_duration(agent['oldest_queued'])}")
    if agent["rejected"]:
        words.append(f"{agent['rejected']} in inbox/rejected")
    if agent["trouble"]:
        words.append(str(agent["trouble"]))
    return "; ".join(words)


def _task(found: dict[str, Any]) -> None:
    from fsbus.core.moment import show_duration

    who, age = found["agent"] or "nobody", show_duration(found["age"])
    out.say(f"{found['key']} {found['slug']}: {found['state']}, attempt {found['attempt']}, {who}, {age} old")
    out.say(f"file: {found['path']}")
    if found["error"]:
        out.say(f"{found['error'].get('kind')}: {found['error'].get('what')}")
    elif found["summary"]:
        out.say(f"summary: {found['summary']}")
    if not found["final"] and found["last_output"]:
        out.say(f"last output: {found['last_output']}")
    if not found["final"] and found["health"] not in ("ok", "busy", ""):
        out.say(f"{found['agent']} is {found['health']}: {found['cause']}")
