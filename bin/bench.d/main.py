"""Runs the benches inside the environment that bin/bench made, prints their tables, writes --json.

A bench is a file bench_NAME.py in this directory with a docstring (its first line heads the table), RANK (its place in the order)
and `run(context: Context) -> list[Row]`. Nothing else is to be registered.
"""

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import picture
import readme
from context import Context
from env import PACKAGES
from place import Place
from rows import LEVELS, Row, table


def benches() -> dict[str, object]:
    """{name: module} in order."""
    names = [p.stem for p in Path(__file__).parent.glob("bench_*.py")]
    modules = [importlib.import_module(name) for name in names]
    return {m.__name__.removeprefix("bench_"): m for m in sorted(modules, key=lambda m: m.RANK)}


def arguments(argv: list[str], known: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench", description="fsbus beside its peers and the raw limit, in one run, as ratios")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=known, default=known, help=f"of {', '.join(known)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds: shows that it works, not how fast")
    parser.add_argument("--json", metavar="FILE", help="write all figures, with every sample, to FILE")
    parser.add_argument("--svg", metavar="FILE", help="draw the ratios to the raw limit into FILE")
    parser.add_argument("--readme", action="store_true", help="put the table into README.md of this checkout")
    parser.add_argument("--from", metavar="FILE", dest="again", help="measure nothing: draw and write from what --json wrote")
    parser.add_argument("--dir", metavar="DIR", help="put the temp trees there, on the disk to be measured (default .bench/tmp)")
    parser.add_argument("--no-install", action="store_true", help="use .bench/ as it is; install nothing")
    parser.add_argument("--list", action="store_true", help="name the benches and exit")
    return parser.parse_args(argv)


def machine() -> dict[str, object]:
    """What the figures were measured on; no names of hosts or people."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "load": [round(x, 2) for x in os.getloadavg()],
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def versions() -> dict[str, str]:
    """Of every peer that is here."""
    found = {}
    for name in ("fsbus", *(requirement.partition("[")[0] for requirement in PACKAGES.values())):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            pass
    for program in ("redis-server", "nats-server", "beanstalkd"):
        if shutil.which(program):
            done = subprocess.run([program, "-v"], capture_output=True, text=True)
            found[program] = next((w.removeprefix("v=") for w in done.stdout.split() if any(c.isdigit() for c in w)), "?")
    return found


def run_one(name: str, module, context: Context) -> list[Row]:
    """One bench; its trouble is a row, not the end of the run."""
    context.say(f"{name}: {module.__doc__.splitlines()[0]}")
    start = time.monotonic()
    try:
        rows = module.run(context)
    except Exception as trouble:  # a benchmark of eight peers must outlive one of them
        rows = [Row(name, name, "", note=f"broke: {type(trouble).__name__}: {trouble}")]
    print(f"\n{name}: {module.__doc__.splitlines()[0]}  [{time.monotonic() - start:.0f} s]")
    print(table(rows), flush=True)
    return rows


def summary(rows: list[Row]) -> str:
    """The bars, counted and, where missed, named."""
    missed = [row for row in rows if row.met is False]
    judged = [row for row in rows if row.met is not None]
    unknown = [row for row in rows if row.target and row.met is None]
    lines = [f"targets: {len(judged) - len(missed)} met, {len(missed)} missed, {len(unknown)} not measured"]
    lines += [f"  MISSED {row.bench}: {row.name} {row.level} wants {row.target}" for row in missed]
    return "\n".join(lines)


def words(args: argparse.Namespace) -> str:
    """The run as one would type it."""
    only = " --only " + " ".join(args.only) if len(args.only) < len(benches()) else ""
    return f"bin/bench{' --quick' if args.quick else ''}{only}"


def caption(told: dict) -> str:
    """What was run, where, how busy it was."""
    m = told["machine"]
    where = f"{m['cpus']} cores, {told['disk'].split(';')[0]}, Python {m['python']}"
    return f"`{told['command']}` on {where}, load {m['load'][0]} before and {m['load after'][0]} after, {m['when'][:10]}."


def publish(args: argparse.Namespace, told: dict, rows: list[Row]) -> None:
    """Write what was asked for: the figures, the picture, the README."""
    if args.json:
        Path(args.json).write_text(json.dumps(told | {"rows": [r.as_data() for r in rows]}, indent=1) + "\n")
    if args.svg:
        Path(args.svg).write_text(picture.svg(rows, caption(told).replace("`", "")))
    if args.readme:
        readme.put(Path(os.environ["BENCH_CHECKOUT"], "README.md"), readme.table(rows, caption(told)))


def main(argv: list[str]) -> int:
    """Exit code 0 whatever the figures say: a benchmark is not a test."""
    known = benches()
    args = arguments(argv, list(known))
    if args.list:
        print("\n".join(f"{n:8} {m.__doc__.splitlines()[0]}" for n, m in known.items()))
        return 0
    if args.again:
        told = json.loads(Path(args.again).read_text())
        publish(args, told, [Row(**{f.name: row[f.name] for f in fields(Row)}) for row in told["rows"]])
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    place = Place(Path(args.dir or Path(os.environ["BENCH_CHECKOUT"], ".bench", "tmp")).resolve())
    context = Context(args.quick, place, json.loads(os.environ.get("BENCH_MISSING", "{}")))
    facts, have = machine(), versions()
    print(", ".join(f"{k} {v}" for k, v in (facts | have).items()))
    print("levels: " + "; ".join(f"{k} {v}" for k, v in LEVELS.items()))
    print("x raw: this row against the raw limit, over 1 is better; x fsbus: fsbus against this row, over 1 is fsbus better")
    rows: list[Row] = []
    try:
        for name in (n for n in known if n in args.only):
            rows += run_one(name, known[name], context)
    finally:
        remark = place.remark()
        place.close()
    print(f"\n{remark}\n{summary(rows)}")
    facts["load after"] = [round(x, 2) for x in os.getloadavg()]
    told = {"command": words(args), "machine": facts, "versions": have, "missing": context.missing, "disk": remark}
    publish(args, told, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
