"""A year of days on the pure functions: tasks, crashes, usage limits, silence, sleeps and clock jumps, by a moved clock.

The model carries out what `route`, `decide`, `rescue`, `health` and `alarm` say and decides nothing itself; its worst
case is chosen wherever the product may not rely on luck: after a wake-up dispatch looks before any worker beats, and a
cause is looked at in every pass. Timers are scaled so that a pass is nine minutes. What must hold is asserted while it
happens, or of the year as a whole; a year in which something never happened proves nothing, so that is asserted, too.
"""
from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import pairwise
from random import Random

import pytest

from fsbus.core import alarm, health
from fsbus.core.alarm import TOGETHER, Alarm, Quiet
from fsbus.core.config import AgentConfig
from fsbus.core.decide import CEILING, Able, Again, Escalate, Past, Policy, decide, rescue
from fsbus.core.result import failure
from fsbus.core.route import Candidate, Route, accepts, choose

PASS = 540.0  # seconds between two looks of dispatch
LEASE, ACK = 1200.0, 2400.0
HOUR, DAY = 3600.0, 86400.0
POLICY = Policy(attempts=3, backoff=30.0)
NIGHT = Quiet(22 * 60, 7 * 60)
TTL = DAY  # of an alert that nobody reads
PATIENCE = 14 * DAY  # in which every task must have come to an end, in this world

KINDS = ["exit", "timeout", "verify", "empty", "crashed"]
AGENTS = [
    AgentConfig("code", "worker", "mac", accepts=("code",), slots=2),
    AgentConfig("twin", "worker", "mac", accepts=("code", "text"), slots=1),
    AgentConfig("write", "worker", "vps", accepts=("text",), slots=2),
    AgentConfig("any", "worker", "vps", accepts=("*",), slots=1),
    AgentConfig("flaky", "worker", "vps", accepts=("text",), slots=1),
]


@dataclass
class Job:
    """One task, where it is and what it met."""

    number: int
    type: str
    born: float
    poison: str  # the kind as which it always fails; '' = it fails only by chance
    cancelled: bool
    agent: str = ""
    state: str = "waiting"  # waiting (at dispatch), queued, running, failed, then done, escalated or cancelled
    attempt: int = 1
    history: tuple[Past, ...] = ()
    next: Again | None = None
    since: float = 0.0  # when it got where it is, by the wall clock
    ready: float = 0.0  # when its run ends, by the monotonic clock
    given: list[str] = field(default_factory=list)  # agents, one per attempt
    starts: int = 0

    @property
    def counted(self) -> int:
        return sum(p.failure.kind != "limit" for p in self.history)


@dataclass
class Worker:
    """An agent as it really is; dispatch sees only its beat and its files."""

    config: AgentConfig
    alive: bool = True
    beat: float = 0.0  # by the wall clock
    died: float = -math.inf  # by the monotonic clock
    parked_until: float = 0.0
    jobs: dict[int, Job] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.config.name


class Year:
    """A bus and its year."""

    def __init__(self, seed: int, days: int) -> None:
        self.random, self.days = Random(seed), days
        self.wall, self.mono, self.woke = 1_800_000_000.0, 1000.0, 1000.0
        self.workers = {a.name: Worker(a, beat=self.wall) for a in AGENTS}
        self.jobs: list[Job] = []
        self.open: dict[int, Job] = {}
        self.look: health.Look | None = None
        self.words: dict[str, str] = {}
        self.up: dict[str, Alarm] = {}
        self.read_at: dict[str, float] = {}  # when the human acks an alert; by its message
        self.rings: Counter[str] = Counter()
        self.alerts: list[Alarm] = []
        self.seen: Counter[str] = Counter()  # what happened, and how often
        self.last_ring = 0.0

    def run(self) -> Year:
        """All its days, and then quiet ones in which everybody is well, until nothing is open."""
        end = self.mono + self.days * DAY
        while self.mono < end:
            self.pass_(calm=False)
        end = self.mono + PATIENCE
        while self.open and self.mono < end:
            self.pass_(calm=True)
        return self

    def pass_(self, calm: bool) -> None:
        """Time goes by; dispatch looks first, then the workers do something: the worst order."""
        self.wall, self.mono = self.wall + PASS, self.mono + PASS
        if not calm:
            self.clock()
            self.arrive()
        self.dispatch()
        for worker in self.workers.values():
            self.fate(worker, calm)
            if worker.alive:
                self.work(worker)
        self.human()

    # what the world does

    def clock(self) -> None:
        """The machine sleeps at some time of most days, all of it; seldom its clock is set."""
        dice = self.random.random()
        if dice < PASS / DAY:
            self.jump(self.random.uniform(0.5, 9) * HOUR, "slept")
        elif dice < 1.03 * PASS / DAY:
            self.jump(-self.random.uniform(0.1, 1) * HOUR, "set back")
        elif dice < 1.06 * PASS / DAY:
            self.mono, self.wall, self.woke = self.mono + HOUR, self.wall + HOUR, self.mono + HOUR
            self.seen["stood still"] += 1

    def jump(self, seconds: float, what: str) -> None:
        self.wall, self.woke = self.wall + seconds, self.mono
        self.seen[what] += 1

    def arrive(self) -> None:
        """About twenty tasks a day; some can never be done, some nobody wants any more."""
        if self.random.random() > 20 * PASS / DAY:
            return
        poison = self.random.choice([*KINDS, "auth", "bad-input", "limit"]) if self.random.random() < 0.06 else ""
        kind = self.random.choice(["code", "text", "text", "rare"])
        job = Job(len(self.jobs), kind, self.mono, poison, self.random.random() < 0.01, since=self.wall)
        self.jobs.append(job)
        self.open[job.number] = job

    def fate(self, worker: Worker, calm: bool) -> None:
        """It dies about once in ten days, one of them four times a day; somebody or something starts it again."""
        often = 4 if worker.name == "flaky" else 0.1
        if worker.alive and not calm and self.random.random() < often * PASS / DAY:
            worker.alive, worker.died = False, self.mono
            self.seen["died"] += 1
        elif not worker.alive and (calm or self.random.random() < PASS / (3 * HOUR)):
            worker.alive = True
            for job in [j for j in worker.jobs.values() if j.state == "running"]:
                self.ends(worker, job, Past(job.attempt, worker.name, failure("crashed", "found at its start")))

    def work(self, worker: Worker) -> None:
        """A live worker beats, starts what it may and ends what is ready."""
        worker.beat = self.wall
        for job in [j for j in worker.jobs.values() if j.state == "running" and j.ready <= self.mono]:
            self.outcome(worker, job)
        if worker.parked_until > self.wall:
            return
        free = worker.config.slots - sum(j.state == "running" for j in worker.jobs.values())
        for job in [j for j in worker.jobs.values() if j.state == "queued"][:free]:
            job.state, job.starts = "running", job.starts + 1
            job.ready = self.mono + self.random.expovariate(1 / HOUR)

    def outcome(self, worker: Worker, job: Job) -> None:
        """One in seven runs fails by chance, one in fifty meets a usage limit."""
        dice = self.random.random()
        kind = job.poison or ("limit" if dice < 0.02 else self.random.choice(KINDS) if dice < 0.14 else "")
        if not kind:
            self.leaves(job, "done")
            return
        until = self.wall + self.random.uniform(-1, 5) * HOUR if kind == "limit" and dice < 0.5 else None
        if kind == "limit":
            worker.parked_until = until or self.wall + HOUR
            self.seen["limit"] += 1
        retryable = kind not in ("auth", "bad-input") and dice < 0.9
        self.ends(worker, job, Past(job.attempt, worker.name, failure(kind, kind, until=until, retryable=retryable)))

    def ends(self, worker: Worker, job: Job, past: Past) -> None:
        """The attempt is in the worker's outbox, failed."""
        del worker.jobs[job.number]
        job.state, job.since, job.history = "failed", self.wall, (*job.history, past)

    def leaves(self, job: Job, state: str) -> None:
        job.state = state
        self.workers[job.agent].jobs.pop(job.number, None)
        del self.open[job.number]

    def human(self) -> None:
        """Reads each alert some hours after it came, by day; a few never, until they expire."""
        for cause, up in list(self.up.items()):
            if not up.acked and self.wall >= self.read_at[up.message]:
                self.up[cause] = replace(up, acked=True)

    # what dispatch does, by the product's rules

    def dispatch(self) -> None:
        self.look = health.look(self.look, self.wall, self.mono, LEASE)
        self.words = {name: self.word(worker) for name, worker in self.workers.items()}
        for job in [j for j in self.open.values() if j.state in ("waiting", "failed")]:
            if job.state == "waiting":
                self.route(job)
            else:
                self.settle(job)
        if self.look.judges:
            self.supervise()
        self.ring()

    def word(self, worker: Worker) -> str:
        jobs = worker.jobs.values()  # a live worker acks what is queued, so that only a dead one's grows old
        queued = [self.wall - j.since for j in jobs if j.state == "queued" and not worker.alive]
        running = [j for j in jobs if j.state == "running"]
        left = worker.parked_until - self.wall
        facts = health.AgentFacts(
            "worker", False, False, len(running), self.wall - worker.beat, False, max(queued, default=None),
            left if left > 0 else None, 0.0 if running else None, 0.0,
        )  # fmt: skip
        return health.word(facts, LEASE, ACK)[0]

    def load(self, worker: Worker) -> int:
        return len(worker.jobs)

    def route(self, job: Job) -> None:
        there = [Candidate(w.config, self.load(w), self.words[w.name]) for w in self.workers.values()]
        found = choose("", job.type, there)
        assert isinstance(found, Route)
        self.give(job, found.agent)

    def able(self, job: Job) -> list[Able]:
        fit = [w for w in self.workers.values() if accepts(w.config, job.type)]
        return [Able(w.name, self.words[w.name], self.load(w) / w.config.slots, w.parked_until or None) for w in fit]

    def give(self, job: Job, agent: str) -> None:
        """Into its inbox: only to one that accepts the type, and at most CEILING times, whoever asked for it."""
        assert accepts(self.workers[agent].config, job.type)
        if job.agent:
            self.workers[job.agent].jobs.pop(job.number, None)
        job.agent, job.state, job.since, job.next = agent, "queued", self.wall, None
        job.given.append(agent)
        job.attempt = len(job.given)
        assert job.attempt <= CEILING
        self.workers[agent].jobs[job.number] = job

    def settle(self, job: Job) -> None:
        """The decision is made once and kept; a cancel is looked at before each attempt."""
        if job.cancelled:
            self.leaves(job, "cancelled")
            return
        if job.next is None:
            decision = decide(job.history, POLICY, self.able(job), self.wall, self.random.random())
            if not isinstance(decision, Again):
                self.leaves(job, "escalated" if isinstance(decision, Escalate) else "cancelled")
                if isinstance(decision, Escalate):
                    self.raise_(f"failed-{job.number}")
                return
            job.next = decision
            self.seen[decision.rule] += 1
        if job.next.at <= self.wall:
            self.give(job, job.next.agent)

    def supervise(self) -> None:
        """Whoever is judged down is really dead, and nobody is judged within a lease of a sleep."""
        assert self.mono - self.woke >= LEASE
        for name, worker in self.workers.items():
            if self.words[name] != "down":
                self.clear(f"down-{name}")
            elif worker.jobs:
                assert not worker.alive, "a live worker was judged"
                self.raise_(f"down-{name}")
                self.seen["judged down"] += 1
                for job in list(worker.jobs.values()):
                    self.rescued(job)
            else:
                assert not worker.alive, "a live worker was judged"

    def rescued(self, job: Job) -> None:
        to = rescue(job.agent, job.attempt, job.history, POLICY, self.able(job), self.wall)
        if to is None:
            return
        assert to.agent != job.agent
        self.seen["rescued"] += 1
        if job.state == "running":
            job.history = (*job.history, Past(job.attempt, job.agent, failure("lost", "its worker went down")))
        self.give(job, to.agent)

    def raise_(self, cause: str) -> None:
        old = self.up.get(cause)
        new = Alarm(cause, cause, cause, f"message {len(self.alerts)}", self.wall)
        self.up[cause] = alarm.raised(old, new)
        if self.up[cause] is new:
            self.alerts.append(new)
            lazy = self.random.random() < 0.2
            self.read_at[new.message] = self.wall + (TTL if lazy else self.random.expovariate(1 / (5 * HOUR)))

    def clear(self, cause: str) -> None:
        up = self.up.pop(cause, None)
        if up is not None and (stands := alarm.ended(up)) is not None:
            self.up[cause] = stands

    def ring(self) -> None:
        """Never at night, never twice within ten minutes, never for what a human knows or what is over."""
        minute = int(self.wall // 60) % 1440
        due = alarm.to_ring([*self.up.values()], self.last_ring, self.wall, minute, NIGHT)
        if not due:
            return
        assert not NIGHT.holds(minute)
        assert not 0 <= self.wall - self.last_ring < TOGETHER
        self.last_ring = self.wall
        self.seen["rang for many" if len(due) > 1 else "rang for one"] += 1
        for one in due:
            assert not one.acked
            assert not one.over
            self.rings[one.message] += 1
            self.up[one.cause] = alarm.rang(one, self.wall)


@pytest.fixture(scope="module", params=[1, 2], ids=["seed 1", "seed 2"])
def year(request: pytest.FixtureRequest) -> Year:
    """One year, lived once; what must hold at each moment was asserted on the way."""
    return Year(request.param, 365).run()


def test_the_year_had_all_that_it_is_about(year: Year) -> None:
    """Sleeps, deaths, limits, rescues, reroutes, digests and second rings did happen, else the rest proves nothing."""
    wanted = {
        "slept": 300, "set back": 3, "stood still": 3, "died": 1000, "judged down": 1000, "rescued": 300, "limit": 150,
        "retry": 500, "reroute": 150, "rang for one": 150, "rang for many": 10,
    }  # fmt: skip
    assert {what: year.seen[what] for what, least in wanted.items() if year.seen[what] < least} == {}
    assert len(year.jobs) > 6000
    assert sum(count == 2 for count in year.rings.values()) > 50


def test_every_task_ended_or_was_escalated(year: Year) -> None:
    """Nothing is open at the end, and of what can be done by trying again nearly all was done."""
    assert list(year.open) == []
    ends = Counter(job.state for job in year.jobs)
    assert set(ends) == {"done", "escalated", "cancelled"}
    assert ends["escalated"] < sum(bool(job.poison) for job in year.jobs) + 0.06 * len(year.jobs)


def test_no_task_was_started_more_often_than_the_policy_allows(year: Year) -> None:
    """Attempts that count are three at most, poison or not; with all limits and rescues nobody comes near the ceiling."""
    assert max(job.counted for job in year.jobs) == POLICY.attempts
    assert max(job.starts for job in year.jobs) <= CEILING
    ordinary = [job for job in year.jobs if job.poison != "limit"]
    assert max(job.starts for job in ordinary) <= POLICY.attempts + 4
    assert all(job.starts <= job.attempt for job in year.jobs)


def test_what_can_never_be_done_was_given_to_a_human_each_time_once(year: Year) -> None:
    """Each escalated task has exactly one alert, and no other task has one."""
    escalated = [f"failed-{job.number}" for job in year.jobs if job.state == "escalated"]
    assert Counter(up.cause for up in year.alerts if up.cause.startswith("failed-")) == Counter(escalated)
    assert not [job.number for job in year.jobs if job.poison and job.state == "done"]


def test_one_alarm_per_cause_and_two_rings_at_most(year: Year) -> None:
    """An agent that dies four times a day makes no more alerts than its human acks, and each rings twice at most."""
    assert max(year.rings.values()) == 2
    for agent in year.workers:
        mine = [up for up in year.alerts if up.cause == f"down-{agent}"]
        spans = [(up.raised, year.read_at[up.message]) for up in mine]
        assert all(sooner[1] <= later[0] + HOUR for sooner, later in pairwise(spans))


def test_the_same_seed_is_the_same_year() -> None:
    """Nothing looks at the real clock or at chance of its own."""
    first, again = (Year(3, 20).run() for _ in (1, 2))
    assert first.seen == again.seen
    assert [job.given for job in first.jobs] == [job.given for job in again.jobs]
