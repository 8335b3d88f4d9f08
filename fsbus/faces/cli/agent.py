"""Agents: an agent is a folder with an `agent.yaml`; these verbs make, list and try them."""
from __future__ import annotations

from fsbus.bus import Bus
from fsbus.faces.cli import out
from fsbus.faces.cli.typed import given

HELP = {
    "name": "a-z, 0-9 and -",
    "run": "the command that does its tasks; without it the agent pulls its work",
    "role": "worker, dispatch or human",
    "home": "the host that runs it; default this one",
    "accepts": "a task type it takes; may be given several times",
    "cwd": "the folder in which the command runs",
    "about": "one line",
    "timeout": "how long one run may take, such as 30m",
    "slots": "how many at the same time",
    "json": "as JSON: each as its agent.yaml says it, or why that is refused",
    "text": "what to ask it; else whether it is ready",
}


def add_(
    name: str,
    *,
    run: str = "",
    role: str = "worker",
    home: str = "",
    accepts: list[str] = (),  # type: ignore[assignment]
    cwd: str = "",
    about: str = "",
    timeout: str = "",
    slots: int | None = None,
) -> int:
    """Make an agent's folder; a running node sees it within seconds.

    fsbus agent add code --run "claude -p" --cwd ~/src/shop --accepts code
    """
    bus = Bus()
    settings = {
        "role": role, "home": home or bus.tree.host, "about": about, "accepts": list(accepts), "run": run, "cwd": cwd,
        "timeout": timeout, "slots": slots,
    }  # fmt: skip
    folder = bus.add_agent(name, given(settings))
    with out.Done(f"the agent {name} is made", "fsbus agent list"):
        out.say(folder)
    return 0


def list_(*, json: bool = False) -> int:
    """All agents: role, home, what they accept, what they run.

    fsbus agent list
    """
    from fsbus.core.refusal import Refusal
    from fsbus.core.screen import table

    tree = Bus().tree
    found = [(name, tree.agent(name)) for name in tree.registered()]
    if json:
        out.as_json([{"name": n, "refused": a.sentence()} if isinstance(a, Refusal) else _data(a) for n, a in found])
        return 0
    rows = [("AGENT", "ROLE", "HOME", "ACCEPTS", "RUN", "")]
    for name, agent in found:
        if isinstance(agent, Refusal):
            rows.append((name, "", "", "", "", f"agent.yaml is refused: {agent.sentence()}"))
        else:
            run = " ".join(agent.run) or "(pulls)"
            rows.append((name, agent.role, agent.home, " ".join(agent.accepts) or "-", run, agent.about))
    out.show(table(rows))
    return 0


def test_(name: str, text: list[str]) -> int:
    """Run an agent's command once, outside of every channel, and say what it came to.

    fsbus agent test code
    """
    from fsbus.duties.rehearse import rehearse

    ended = rehearse(Bus().tree, name, " ".join(text) or "Reply with the word ready.")
    for line in ended.lines:
        out.say(line)
    return 0 if ended.well else 1


def _data(agent: object) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(agent)  # type: ignore[call-overload, no-any-return]
