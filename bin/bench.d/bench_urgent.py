"""Microseconds of an urgent message, one way between two processes, parsed and claimed; 200 bytes, the receiver is blocked.

A message every 2 to 6 ms. Each round starts every peer anew in a fresh place, one after the other; a row is the median over the
rounds of a round's p50 (or p99). fsbus at P is judged against peers at P and M, at D against those at D.
"""

import importlib
import json
from pathlib import Path

from context import Context
from entrants import entrants
from procs import PYTHON, ask, running
from rows import Row, Target, ratio
from urgent import Entrant

RANK = 0
ENDS = str(Path(__file__).parent / "urgent" / "ends.py")
ORDER = {"raw": 0, "fsbus": 1, "peer": 2, "info": 3, "quiet": 4, "loaded": 5}
RAW_BAR = Target("fsbus <= 2x", 0.5)  # as x fsbus: raw against fsbus
LOAD_BAR = 1.2  # times the quiet figure, at most
TAIL_BAR = 3  # p99, times p50, at most

Pairs = list[tuple[str, Entrant, Row, Row]]  # (module, entrant, its p50, its p99)


def one_round(context: Context, module: str, entrant: Entrant, n: int) -> dict[str, float]:
    """{"p50": us, "p99": us} of one peer, started and stopped for it."""
    place = context.place.fresh(f"urgent-{module}")
    words = [module, entrant.setting, str(place), str(n)]
    serving = importlib.import_module(f"urgent.{module}").serve(place, entrant.setting)
    with serving as env, running([PYTHON, ENDS, "send", *words], place / "send.log", **env):
        return json.loads(ask([PYTHON, ENDS, "receive", *words], place / "receive.log", 60, **env))


def fill(context: Context, pairs: Pairs) -> None:
    """All rounds, interleaved. A peer that broke twice is left out of the rest."""
    broken = dict.fromkeys((id(p50) for _, _, p50, _ in pairs), 0)
    for turn in range(context.pick(5, 3)):
        for module, entrant, p50, p99 in pairs:
            if p50.note.startswith("skipped") or broken[id(p50)] > 1:
                continue
            context.say(f"urgent: round {turn + 1}, {p50.name} {p50.level}")
            try:
                got = one_round(context, module, entrant, context.pick(600, 150))
            except Exception as trouble:
                broken[id(p50)] += 1
                p50.note = f"broke in {broken[id(p50)]} round(s): {type(trouble).__name__}: {trouble}"
                continue
            p50.samples.append(got["p50"])
            p99.samples.append(got["p99"])


def compare(pairs: Pairs) -> None:
    """Ratios to raw and to fsbus, and the bars, per level."""
    for _, entrant, p50, p99 in pairs:
        group = "D" if entrant.level == "D" else "P"
        first = {e.role: r for _, e, r, _ in reversed(pairs) if (e.level == "D") == (group == "D")}
        p50.x_raw = ratio(first.get("raw"), p50) if entrant.role != "raw" else None
        if entrant.role in ("raw", "peer", "info"):
            p50.x_peer = ratio(p50, first.get("fsbus"))
        if entrant.role == "raw" and group == "P":
            p50.judge(RAW_BAR, p50.x_peer)
        if entrant.bar:
            p50.judge(Target(f"fsbus >= {entrant.bar:g}x", entrant.bar), p50.x_peer)
        if entrant.role == "fsbus" and group == "P":
            p99.judge(Target(f"<= {TAIL_BAR}x p50", TAIL_BAR, at_least=False), ratio(p99, p50))
        if entrant.role == "loaded":
            p50.judge(Target(f"<= {LOAD_BAR}x quiet", LOAD_BAR, at_least=False), ratio(p50, first.get("quiet")))


def run(context: Context) -> list[Row]:
    """See main.py."""
    listed = sorted(entrants("urgent"), key=lambda pair: (pair[1].level == "D", ORDER[pair[1].role]))
    pairs: Pairs = []
    for module, entrant in listed:
        lacks = context.lacks(*entrant.needs)
        note = f"skipped: {lacks}" if lacks else entrant.note
        rows = [Row("urgent", f"{entrant.name}{tail}", "us", level=entrant.level) for tail in ("", ", p99")]
        rows[0].note = note
        pairs.append((module, entrant, *rows))
    fill(context, pairs)
    compare(pairs)
    return [p50 for _, _, p50, _ in pairs] + [p99 for _, _, _, p99 in pairs if p99.samples]
