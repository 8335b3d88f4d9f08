"""A fault of fsbus itself in one duty: said with its traceback once, shown by `status`, tried again, nobody else's trouble."""
from __future__ import annotations

import os
import signal
import subprocess
import time
import traceback
from pathlib import Path

import pytest

from fsbus.core.names import new_key
from fsbus.duties import dispatch
from fsbus.duties.alarms import Alarms
from fsbus.duties.node import REVIEW, Node
from fsbus.spool import careful
from fsbus.spool.tree import Tree
from tests.kit import TestBus, until

# These fakes stand for faults of ours that no test has found; each is there as long as the file `mended` is not.
IN_A_STEP = """
from fsbus.duties.worker import Worker
def see_inbox(self, now, real=Worker._see_inbox):
    return real(self, now) if self.shop.agent.name != "bad" or os.path.exists(MENDED) else {}["boom"]
Worker._see_inbox = see_inbox
"""
IN_A_SLOT = """
from fsbus.duties.obeying import Obeying
def called_off(self, name, real=Obeying.called_off):
    return real(self, name) if self.shop.agent.name != "bad" or os.path.exists(MENDED) else {}["boom"]
Obeying.called_off = called_off
"""
IN_THE_PRESS = """
from fsbus.duties import ending
def result(shop, end, current, real=ending._result):
    return real(shop, end, current) if end.outcome.result != "boom" else {}["boom"]
ending._result = result
"""
IN_THE_PRESS_FOR_GOOD = IN_THE_PRESS.replace('end.outcome.result != "boom"', 'end.name.slug != "boom" or os.path.exists(MENDED)')

IN_ONE_STEP = """
import importlib
owner = importlib.import_module({module!r}){inner}
def step(*args, real=owner.{name}):
    return real(*args) if "boom" not in repr(args[1:]) or os.path.exists(MENDED) else {{}}["boom"]
owner.{name} = step
"""
# Steps for one of many: where it is, of what class, its name, and the agent whose trouble it is.
STEPS = {
    "read": ("fsbus.duties.routing", "Routing", "_task", "dispatch"),
    "route": ("fsbus.duties.routing", "Routing", "_one", "dispatch"),
    "ack": ("fsbus.duties.worker", "Worker", "_ack", "code"),
    "prepare": ("fsbus.duties.shop", "Shop", "case", "code"),
    "call off": ("fsbus.duties.obeying", "Obeying", "called_off", "code"),
    "decide": ("fsbus.duties.settle", "Settling", "_follow_up", "dispatch"),
    "mark": ("fsbus.duties.collect", "", "_aside", "dispatch"),
    "collect": ("fsbus.duties.collect", "", "_carry", "dispatch"),
}


def in_one_step(module: str, owner: str, name: str) -> str:
    """A fault in this function, of this class if one is named, where it is about `boom`."""
    return IN_ONE_STEP.format(module=module, inner=owner and f".{owner}", name=name)


class Faulty:
    """A bus whose node has a fault."""

    def __init__(self, bus: TestBus, folder: Path) -> None:
        self.bus, self.folder, self.mended = bus, folder, folder / "mended"
        settings = bus.root / "bus.yaml"
        settings.write_text(settings.read_text().replace("beat: 5s", "beat: 0.1s").replace("attempts: 3", "attempts: 1"))

    def up(self, fault: str) -> subprocess.Popen[str]:
        return self.bus.up(env=self.env(fault))

    def env(self, fault: str) -> dict[str, str]:
        """What a process needs to have the fault."""
        (self.folder / "sitecustomize.py").write_text(f"import os\nMENDED = {str(self.mended)!r}\n{fault}")
        return {"PYTHONPATH": f"{self.folder}:{os.environ.get('PYTHONPATH', '')}"}

    def submit(self, agent: str, *texts: str) -> list[str]:
        """For an agent, '' = whoever dispatch chooses."""
        where = ("--to", agent) if agent else ("--type", "text")
        return [self.bus.fsbus("submit", *where, text).strip() for text in texts]

    def trouble(self, agent: str) -> str:
        """What `status` says of it."""
        return self.bus.fsbus("status", agent)


@pytest.fixture
def faulty(bus: TestBus, tmp_path: Path) -> Faulty:
    folder = tmp_path / "fake"
    folder.mkdir()
    return Faulty(bus, folder)


@pytest.mark.parametrize("fault", [IN_A_STEP, IN_A_SLOT], ids=["step", "slot"])
def test_in_one_duty_leaves_the_others_at_work(faulty: Faulty, fault: str) -> None:
    for agent in ("bad", "good"):
        faulty.bus.agent(agent, "cat")
    up = faulty.up(fault)
    (bad,), (good,) = faulty.submit("bad", "hello"), faulty.submit("good", "hello")
    faulty.bus.fsbus("wait", good, "--timeout", "20s")
    until(lambda: "a bug in fsbus: KeyError: 'boom'" in faulty.trouble("bad"), "its trouble")
    faulty.mended.touch()
    faulty.bus.fsbus("wait", bad, "--timeout", "20s")
    until(lambda: "a bug in fsbus" not in faulty.trouble("bad"), "the end of its trouble")
    up.terminate()
    said = up.communicate()[1]
    assert (up.returncode, said.count("Traceback"), said.count("a bug in fsbus")) == (0, 1, 1)


@pytest.mark.parametrize("step", STEPS)
def test_about_one_task_leaves_the_others_alone(faulty: Faulty, step: str) -> None:
    module, owner, name, agent = STEPS[step]
    faulty.bus.agent("code", "grep -v boom", accepts="[text]")
    up = faulty.up(in_one_step(module, owner, name))
    bad, good = faulty.submit("", "boom", "hello")
    faulty.bus.fsbus("wait", good, "--timeout", "20s")
    bug = "a bug in fsbus: KeyError: 'boom'"
    until(lambda: all(words in faulty.trouble(agent) for words in (f"{bad} cannot be", bug)), "its trouble")
    faulty.bus.fsbus("wait", *faulty.submit("", "again"), "--timeout", "20s")
    faulty.mended.touch()
    faulty.bus.fsbus("wait", bad, "--timeout", "20s", code=1)
    until(lambda: bug not in faulty.trouble(agent), "the end of its trouble")
    up.terminate()
    assert (up.communicate()[1].count("Traceback"), up.returncode) == (1, 0)


def test_after_a_task_was_received_does_not_lose_it(faulty: Faulty) -> None:
    faulty.bus.agent("code", "cat")
    faulty.up(in_one_step("fsbus.duties.shop", "Shop", "record").replace('"boom" not in repr', '"queued > acked" not in repr'))
    faulty.bus.fsbus("wait", *faulty.submit("code", "hello"), "--timeout", "20s")


# Steps about one agent.
OF_AN_AGENT = {
    "settings": IN_ONE_STEP.format(module="fsbus.core.config", inner="", name="read_agent").replace("args[1:]", "args[:1]"),
    "facts": in_one_step("fsbus.views.overview", "", "agent"),
    "duties": in_one_step("fsbus.duties.possible", "Posts", "_post"),
    "neighbour": in_one_step("fsbus.duties.shop", "Shop", "_begins"),
}


@pytest.mark.parametrize("step", OF_AN_AGENT)
def test_about_one_agent_leaves_the_others_alone(faulty: Faulty, step: str) -> None:
    faulty.bus.agent("good", "cat", accepts="[text]")
    up = faulty.up(OF_AN_AGENT[step])
    faulty.bus.fsbus("wait", *faulty.submit("", "a"), "--timeout", "20s")
    faulty.bus.agent("boom", "cat", accepts="[odd]")
    time.sleep(REVIEW + 0.5)  # nothing shows that a node has looked at an agent that it cannot look at
    faulty.bus.fsbus("wait", *faulty.submit("", "b", "c"), "--timeout", "20s")
    faulty.mended.touch()
    os.utime(faulty.bus.root / "agents/boom/agent.yaml")  # what a file says is asked again when it changes
    faulty.bus.fsbus("wait", *faulty.submit("boom", "d"), "--timeout", "20s")
    assert faulty.bus.stop(up) == 0


def test_about_one_drop_leaves_its_neighbours_alone(faulty: Faulty) -> None:
    faulty.bus.agent("code", "cat")
    faulty.up(in_one_step("fsbus.spool.adopt", "Adopter", "_full_name"))
    faulty.bus.drop("code", "1.md", "boom")
    until(lambda: [p for p in (faulty.bus.root / "agents/code/inbox").iterdir() if p.name.startswith(".adopt-")], "the fault")
    faulty.bus.drop("code", "2.md", "hello")
    until(lambda: [name for name in faulty.bus.ls("dispatch", "outbox") if name.endswith("-hello.a1.done.md")], "its neighbour")
    faulty.mended.touch()
    until(lambda: [name for name in faulty.bus.ls("dispatch", "outbox") if name.endswith("-boom.a1.done.md")], "the drop")


def test_about_one_drop_leaves_a_task_of_the_same_look_alone(faulty: Faulty) -> None:
    faulty.bus.agent("code", "cat")
    faulty.up(in_one_step("fsbus.spool.adopt", "Adopter", "step"))
    faulty.bus.drop("code", "boom.md", "hello")
    until(lambda: "a bug in fsbus" in faulty.trouble("code"), "its trouble")
    faulty.bus.fsbus("wait", *faulty.submit("code", "hello"), "--timeout", "20s")


def planned(faulty: Faulty) -> None:
    """Dispatch has a planner that waits for the file `go`."""
    planner = faulty.folder / "planner.sh"
    planner.write_text(f"[ -e {faulty.folder}/go ] || sleep 600; echo '- {{to: echo, task: a part}}'")
    settings = faulty.bus.root / "agents/dispatch/agent.yaml"
    settings.write_text(f"{settings.read_text()}run: sh {planner}\n")


def test_about_one_message_leaves_the_others_alone(faulty: Faulty) -> None:
    archive = faulty.bus.root / "archive"
    faulty.bus.agent("code", "cat")
    faulty.up(in_one_step("fsbus.duties.urgent", "Box", "_see").replace('"boom" not in repr', '"alert" not in repr'))
    for kind in ("note", "note", "note", "alert", "note", "note", "note"):  # in whatever order they are listed
        faulty.bus.fsbus("send", "code", kind, "soon over", "--ttl", "1s")
    until(lambda: len(list(archive.glob("*/*-note.from-human.expired.yaml"))) == 6, "the end of the other messages")
    assert not list(archive.glob("*/*-alert.*"))
    faulty.mended.touch()
    until(lambda: list(archive.glob("*/*-alert.from-human.expired.yaml")), "its end")


def test_about_one_old_result_leaves_the_others_alone(faulty: Faulty) -> None:
    outbox, env = faulty.bus.root / "agents/dispatch/outbox", faulty.env(in_one_step("fsbus.duties.sweep", "Sweep", "_move"))
    for number, slug in enumerate(("boom", "hello")):
        key = new_key(int((time.time() - 8 * 86400) * 1000) + number, number)
        (outbox / f"5-{key}-{slug}.a1.done.md").write_text("x")
    done = faulty.bus.run("tick", env=env)
    assert "cannot be archived: a bug in fsbus" in done.stderr
    (left,) = faulty.bus.ls("dispatch", "outbox")
    assert "-boom." in left
    faulty.mended.touch()
    faulty.bus.fsbus("tick", env=env)
    assert faulty.bus.ls("dispatch", "outbox") == []


@pytest.mark.parametrize(
    ("step", "trouble"), [("_follow", "the children of {} cannot be followed: a bug"), ("_start", "{} cannot be planned: a bug")]
)
def test_about_one_request_leaves_the_others_alone(faulty: Faulty, step: str, trouble: str) -> None:
    planned(faulty)
    (faulty.folder / "go").touch()
    faulty.up(in_one_step("fsbus.duties.requests", "Requests", step))
    bad, good = (faulty.bus.fsbus("submit", text).strip() for text in ("boom", "hello"))
    faulty.bus.fsbus("wait", good, "--timeout", "20s")
    until(lambda: trouble.format(bad) in faulty.trouble("dispatch"), "its trouble")
    faulty.mended.touch()
    faulty.bus.fsbus("wait", bad, "--timeout", "20s")


def test_about_one_request_that_a_killed_node_left_is_met_again_until_it_is_mended(faulty: Faulty) -> None:
    """Others are planned meanwhile, and none of them is taken for one whose planner died."""
    settings = faulty.bus.root / "bus.yaml"
    settings.write_text(settings.read_text().replace("attempts: 1", "attempts: 2"))
    planned(faulty)
    up = faulty.up("")
    bad = faulty.bus.fsbus("submit", "boom").strip()
    until(lambda: [name for name in faulty.bus.ls("dispatch", "inbox") if ".running." in name], "its planner")
    faulty.bus.stop(up, signal.SIGKILL)
    (faulty.folder / "go").touch()
    faulty.up(in_one_step("fsbus.duties.requests", "Requests", "_put_in_order"))
    good = faulty.bus.fsbus("submit", "hello").strip()
    faulty.bus.fsbus("wait", good, "--timeout", "20s")
    assert faulty.bus.result(good)["attempt"] == 1
    until(lambda: f"{bad} cannot be put in order: a bug" in faulty.trouble("dispatch"), "its trouble")
    faulty.mended.touch()
    faulty.bus.fsbus("wait", bad, "--timeout", "20s")
    assert faulty.bus.result(bad)["attempt"] == 2


@pytest.mark.parametrize("agent", ["code", "dispatch"])
def test_about_one_cancel_leaves_the_others_alone(faulty: Faulty, agent: str) -> None:
    faulty.bus.agent("code", "cat")
    (faulty.bus.root / "agents/code/PAUSE").touch()
    bad, good = faulty.submit("code", "boom", "hello")
    owner = ("fsbus.duties.obeying", "Obeying", "_obey") if agent == "code" else ("fsbus.duties.asked", "Asked", "_cancel")
    faulty.up(in_one_step(*owner).replace('"boom" not in repr', f'"{bad}" not in repr'))
    for key in (bad, good):
        faulty.bus.fsbus("cancel", key)
    faulty.bus.fsbus("wait", good, "--timeout", "20s", code=1)
    until(lambda: f"{bad} cannot be" in faulty.trouble(agent), "its trouble")
    faulty.mended.touch()
    faulty.bus.fsbus("wait", bad, "--timeout", "20s", code=1)


def test_in_the_press_fails_that_one_and_publishes_the_others(faulty: Faulty) -> None:
    (faulty.folder / "code.sh").write_text(f"while [ ! -e {faulty.folder}/go ]; do sleep 0.01; done; cat")
    faulty.bus.agent("code", f"sh {faulty.folder}/code.sh", slots=6)
    faulty.up(IN_THE_PRESS)
    good, bad = faulty.submit("code", "a", "b", "c"), faulty.submit("code", "boom", "boom")
    until(lambda: sum(".running." in name for name in faulty.bus.ls("code", "inbox")) == 5)
    (faulty.folder / "go").touch()
    faulty.bus.fsbus("wait", *good, "--timeout", "20s")
    faulty.bus.fsbus("wait", *bad, "--timeout", "20s", code=1)
    errors = [faulty.bus.result(key)["error"] for key in bad]
    assert {(error["kind"], error["what"][:37]) for error in errors} == {("crashed", "a bug in fsbus: KeyError: 'boom'; ple")}


@pytest.mark.parametrize(("error", "code"), [('{}["boom"]', 1), ('os.stat("/boom")', 0)], ids=["bug", "disk"])
def test_about_one_result_keeps_it_waiting_and_no_other(faulty: Faulty, error: str, code: int) -> None:
    faulty.bus.agent("code", "cat")
    faulty.up(IN_THE_PRESS_FOR_GOOD.replace('{}["boom"]', error))
    (bad,), (good,) = faulty.submit("code", "boom"), faulty.submit("code", "hello")
    faulty.bus.fsbus("wait", good, "--timeout", "20s")
    until(lambda: f"{bad}: the result waits" in faulty.trouble("code"), "its trouble")
    faulty.mended.touch()
    faulty.bus.fsbus("wait", bad, "--timeout", "20s", code=code)


def test_in_the_press_that_cannot_even_fail_it_waits_and_the_others_go_on(faulty: Faulty) -> None:
    faulty.bus.agent("code", "cat")
    up = faulty.up(IN_THE_PRESS_FOR_GOOD)
    (bad,), (good,) = faulty.submit("code", "boom"), faulty.submit("code", "hello")
    faulty.bus.fsbus("wait", good, "--timeout", "20s")
    assert faulty.bus.stop(up) == 0
    assert faulty.bus.task(bad)["state"] == "running"
    after = faulty.submit("code", "after")
    faulty.up(IN_THE_PRESS_FOR_GOOD)
    faulty.bus.fsbus("wait", *after, "--timeout", "20s")
    faulty.mended.touch()
    faulty.bus.fsbus("wait", bad, "--timeout", "20s", code=1)
    assert faulty.bus.result(bad)["error"]["kind"] == "crashed"


def test_that_stays_for_days_takes_no_more_memory(bus: TestBus, monkeypatch: pytest.MonkeyPatch) -> None:
    stays, tree = OSError(5, "Input/output error"), Tree(str(bus.root))
    monkeypatch.setattr(Alarms, "step", lambda self, now: (_ for _ in ()).throw(stays))
    monkeypatch.setattr(dispatch, "OFTEN", 0.0)
    with Node(tree) as node:
        node.take_on("dispatch", node.posts.all()["dispatch"])
        depths = [(node._step(), len(traceback.extract_tb(stays.__traceback__)))[1] for _ in range(3)]
    assert depths[0] == depths[-1]


def test_in_the_last_words_of_one_duty_leaves_the_others_theirs(bus: TestBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Alarms, "close", lambda self: {}["boom"])
    said: list[str] = []
    with Node(Tree(str(bus.root)), said.append) as node:
        posts = node.posts.all()
        for duty in ("dispatch", "worker:echo"):
            node.take_on(duty, posts[duty])
    assert "stopped" in careful.mapping(f"{bus.root}/agents/echo/alive.yaml")
    assert [line for line in said if line.startswith("dispatch: a bug in fsbus: KeyError: 'boom'")]
