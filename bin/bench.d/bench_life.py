"""Tasks per second through submit, ack, run, done, collected: one producer, one worker, a no-op task with 200 bytes of text.

fsbus against raw files, Celery and RQ on a real Redis, and huey without a server. Each round starts every peer anew in a
fresh place, one after the other; the figure is N / (first submit .. last result collected).
"""

import importlib
import json
import shutil
from pathlib import Path

from context import Context
from entrants import entrants
from life import Entrant
from procs import PYTHON, ask, barriers
from produce import WARM
from rows import Row, Target, ratio

RANK = 1
HERE = Path(__file__).parent
GROUP = {"M": "P", "P": "P", "D": "D"}  # peers at M are compared with fsbus at P: fsbus promises more there


def one_round(context: Context, module: str, entrant: Entrant, n: int) -> float:
    """Tasks per second of one peer, started and stopped for it; all n are submitted before the first result is waited for."""
    place = context.place.fresh(f"life-{module}")
    tasks = max(20, int(n * entrant.share))
    with importlib.import_module(f"life.{module}").serve(place, entrant.setting) as env:
        command = [PYTHON, str(HERE / "produce.py"), module, entrant.setting, str(place), str(tasks)]
        return tasks / json.loads(ask(command, place / "produce.log", **env))["seconds"]


def fill(context: Context, pairs: list[tuple[str, Entrant, Row]]) -> None:
    """All rounds, interleaved. A peer that broke twice is left out of the rest."""
    broken = dict.fromkeys((id(row) for _, _, row in pairs), 0)
    for turn in range(context.pick(5, 3)):
        for module, entrant, row in pairs:
            if row.note.startswith("skipped") or broken[id(row)] > 1:
                continue
            context.say(f"life: round {turn + 1}, {row.name} {row.level}")
            try:
                row.samples.append(one_round(context, module, entrant, context.pick(1000, 200)))
            except Exception as trouble:
                broken[id(row)] += 1
                row.note = f"broke in {broken[id(row)]} round(s): {type(trouble).__name__}: {trouble}"


def counted(context: Context, module: str, entrant: Entrant, timed: Row) -> list[Row]:
    """fsyncs per task of everybody at level D, in a round of its own under strace: a figure that no machine's disk changes."""
    if entrant.level != "D" or not timed.samples or not shutil.which("strace"):
        return []
    row, n = Row("life", f"barriers: {entrant.name}", "fsyncs/task", level="D"), 100
    try:
        with barriers(context.place.fresh("strace") / "calls") as calls:
            one_round(context, module, entrant, n)
        row.samples.append(calls[0] / (n + WARM))
    except Exception as trouble:
        row.note = f"broke: {type(trouble).__name__}: {trouble}"
    if entrant.role == "fsbus":
        row.judge(Target("<= 4", 4.05, at_least=False), row.value)
        row.note = row.note or ("under 2: batched, or not at level D at all" if calls[0] < 2 * n else "")
    return [row]


def with_a_backlog(context: Context, pairs: list[tuple[str, Entrant, Row]]) -> list[Row]:
    """fsbus and the other queue in files once more, with so many tasks waiting as shows whose work grows with them."""
    n = context.pick(5000, 400)
    files = [(m, e) for m, e, row in pairs if e.level == "P" and row.samples and (e.role == "fsbus" or e.setting == "file")]
    rows = [Row("life", f"{entrant.name}, {n:,} at once", "tasks/s", level="P") for _, entrant in files]
    for turn in range(context.pick(3, 1)):
        for (module, entrant), row in zip(files, rows, strict=True):
            context.say(f"life: round {turn + 1}, {row.name}")
            try:
                row.samples.append(one_round(context, module, entrant, n))
            except Exception as trouble:
                row.note = f"broke: {type(trouble).__name__}: {trouble}"
    for row in rows[1:]:
        row.x_peer = ratio(rows[0], row)
    return rows


def compare(pairs: list[tuple[str, Entrant, Row]]) -> None:
    """Ratios to raw and to fsbus, and the bars, per level."""
    for _, entrant, row in pairs:
        level = GROUP[entrant.level]
        first = {e.role: r for _, e, r in reversed(pairs) if GROUP[e.level] == level}
        row.x_raw = ratio(row, first.get("raw"))
        if entrant.role == "fsbus":
            continue
        row.x_peer = ratio(first.get("fsbus"), row)
        if entrant.bar:
            row.judge(Target(f"fsbus >= {entrant.bar:g}x", entrant.bar), row.x_peer)


def run(context: Context) -> list[Row]:
    """See main.py."""
    order = {"raw": 0, "fsbus": 1, "peer": 2, "info": 3}
    listed = sorted(entrants("life"), key=lambda pair: (GROUP[pair[1].level] == "D", order[pair[1].role]))
    pairs = []
    for module, entrant in listed:
        lacks = context.lacks(*entrant.needs)
        row = Row("life", entrant.name, "tasks/s", level=entrant.level, note=f"skipped: {lacks}" if lacks else entrant.note)
        pairs.append((module, entrant, row))
    fill(context, pairs)
    compare(pairs)
    counts = [count for pair in pairs for count in counted(context, *pair)]
    return [row for _, _, row in pairs] + with_a_backlog(context, pairs) + counts
