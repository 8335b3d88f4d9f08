"""The benchmark's own environment: a venv in .bench/ and system programs.

Owns .bench/ (git-ignored). Installs what is missing, one package at a time, so that a peer that cannot be had costs only itself.
Never starts a system service and never writes down where packages come from.
"""

import functools
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

PACKAGES = {  # module: requirement
    "huey": "huey",
    "rq": "rq",
    "redis": "redis",
    "celery": "celery[redis]",
    "dirq": "dirq",
    "litequeue": "litequeue",
    "persistqueue": "persist-queue",
    "nats": "nats-py",
    "greenstalk": "greenstalk",
    "mcp": "mcp",
}
PROGRAMS = {  # program: Debian package
    "redis-server": "redis-server",
    "nq": "nq",
    "nats-server": "nats-server",
    "beanstalkd": "beanstalkd",
    "strace": "strace",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "rsync": "rsync",
}
LOOK_IN = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin:/opt/homebrew/bin"


def say(text: str) -> None:
    """Talk goes to stderr; stdout is for the tables."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def hand_over(checkout: str, argv: list[str]) -> int:
    """Make the environment, then become bench.d/main.py inside it. Returns only on failure."""
    home = Path(checkout, ".bench")
    python = home / "venv" / "bin" / "python"
    quiet = bool({"-h", "--help", "--list", "--from"} & set(argv))
    if not python.exists():
        say("making the environment in .bench/venv (once)")
        venv.create(home / "venv", with_pip=True)
        pip(python, "--upgrade", "pip")  # scripts made by pip before 25 import `re`, which a third of a cold start goes into
    missing = {} if quiet else prepare(Path(checkout), python, install="--no-install" not in argv)
    environ = dict(os.environ, BENCH_CHECKOUT=checkout, BENCH_MISSING=json.dumps(missing), PYTHONDONTWRITEBYTECODE="1")
    environ["PATH"] = f"{home / 'venv' / 'bin'}:{os.environ.get('PATH', '')}:{LOOK_IN}"
    main = str(Path(__file__).with_name("main.py"))
    os.execve(python, [str(python), main, *argv], environ)


def prepare(checkout: Path, python: Path, *, install: bool) -> dict[str, str]:
    """Install what is missing. Returns {peer or program: why it is not here}."""
    missing = {}
    for module, requirement in PACKAGES.items():
        if not importable(python, module):
            reason = pip(python, requirement) if install else "not installed"
            if reason:
                missing[module] = reason
    for program, package in PROGRAMS.items():
        if not shutil.which(program, path=os.environ.get("PATH", "") + ":" + LOOK_IN):
            reason = apt(package) if install else "not installed"
            if reason:
                missing[program] = reason
    reason = install_fsbus(checkout, python) if install else ""
    if not install and not python.with_name("fsbus").exists():
        reason = "not installed"
    if reason:
        missing["fsbus"] = reason
    for name, why in missing.items():
        say(f"{name} is missing, its rows are skipped: {why}")
    return missing


def importable(python: Path, module: str) -> bool:
    """Whether the venv has this module (asked without importing it)."""
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    return subprocess.run([python, "-c", code], cwd="/").returncode == 0


def pip(python: Path, *args: str) -> str:
    """pip install; the empty string, or the last line of what went wrong without any address in it."""
    say(f"pip install {' '.join(a for a in args if not a.startswith('-'))}")
    done = subprocess.run([python, "-m", "pip", "install", "-q", *args], capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.strip() and "://" not in line]
    errors = [line for line in lines if "Error: " in line or line.startswith("ERROR: ")]
    return (errors or lines or ["pip failed"])[0].strip()[:200]


def install_fsbus(checkout: Path, python: Path) -> str:
    """Install this checkout as a user would (a built wheel), again only when its files changed."""
    stamp = checkout / ".bench" / "fsbus.stamp"
    now = fingerprint(checkout)
    if stamp.exists() and stamp.read_text() == now and importable(python, "fsbus"):
        return ""
    reason = pip(python, str(checkout))
    if not reason:
        reason = pip(python, "--no-deps", "--force-reinstall", str(checkout))
    if not reason:
        stamp.write_text(now)
    return reason and f"this checkout does not install: {reason}"


def fingerprint(checkout: Path) -> str:
    """Changes whenever a file that goes into the wheel does."""
    paths = [checkout / "pyproject.toml", *(p for top in ("fsbus", "skel") for p in sorted((checkout / top).rglob("*")))]
    facts = [(str(p.relative_to(checkout)), p.stat().st_mtime_ns) for p in paths if p.is_file() and "__pycache__" not in p.parts]
    return json.dumps(facts)


@functools.cache
def refresh() -> None:
    """The lists of packages, once: an old list brings old programs (an rsync that fsbus does not use)."""
    subprocess.run(["apt-get", "update", "-q"], capture_output=True)


def apt(package: str) -> str:
    """apt-get install, only where that is ours to do: as root, and where no service manager would start what it installs."""
    if not shutil.which("apt-get"):
        return f"no {package} here and no apt-get; install it by hand"
    if os.geteuid() != 0 or os.path.isdir("/run/systemd/system"):
        return f"install it by hand: sudo apt-get install {package}"
    refresh()
    say(f"apt-get install {package}")
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", package]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"))
    return "" if done.returncode == 0 else f"apt-get install {package} failed with exit code {done.returncode}"
