"""The shape of the code: who may import whom, where each package has its home, how long a module may be, who touches the disk."""
from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).parent.parent
CODE = REPO / "fsbus"
LONGEST = 250  # lines of a module

# faces -> bus -> talk -> duties -> views, adapters, link -> spool -> core: imports only run to the right.
# Neighbours are strangers.
LAYERS = (("__main__",), ("faces",), ("bus",), ("talk",), ("duties",), ("views", "adapters", "link"), ("spool",), ("core",))
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}

HOMES = {  # third-party package -> the one place that knows it
    "yaml": "core/gate.py",
    "watchfiles": "spool/fsevents.py",
    "filelock": "spool/locks.py",
    "typer": "faces/cli/",
    "paramiko": "link/",
    "jsonschema": "core/schema.py",
    "referencing": "core/schema.py",  # jsonschema's own registry of schemas
}
SUPPLIED_BY = {"pyyaml": "yaml"}  # distribution -> package, where the names differ

# What changes the disk. All of it is in spool/atomic.py, so that a test can count it and die at each.
TOUCHES = {
    "os": {
        "rename", "renames", "replace", "link", "symlink", "unlink", "remove", "removedirs", "rmdir", "mkdir", "makedirs",
        "mkfifo", "mknod", "truncate", "ftruncate", "fsync", "fdatasync", "sync", "chmod", "fchmod", "chown", "utime",
        "sendfile", "copy_file_range",
    },
    "shutil": {"move", "rmtree", "copy", "copy2", "copyfile", "copytree", "copyfileobj"},
    "tempfile": {"TemporaryDirectory", "NamedTemporaryFile", "mkdtemp", "mkstemp"},
}  # fmt: skip
PATH_TOUCHES = {"write_text", "write_bytes", "touch", "symlink_to", "hardlink_to"}  # of pathlib
EXCEPT = {
    ("duties/command.py", "os.open"): "a command's stdout and stderr go straight into its case folder, without us",
    ("faces/cli/edge.py", "open"): "/dev/null, for whoever closed stdout",
    ("duties/rehearse.py", "tempfile.TemporaryDirectory"): "`agent test` runs in a folder of its own, outside of every bus",
}


def modules() -> list[Path]:
    """All modules of the package."""
    return sorted(CODE.rglob("*.py"))


def place(path: Path) -> str:
    """A module's path below the package."""
    return path.relative_to(CODE).as_posix()


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported anywhere in this one, in functions and under TYPE_CHECKING, too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written out"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer(name: str) -> str:
    """`fsbus.spool.tree.Tree` lies in `spool`; '' for the package itself (its version, `Bus`)."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in RANK else ""


def wrong_import(path: str, name: str) -> str:
    """What is wrong with an import of our own, '' if nothing."""
    here, there = layer("fsbus." + path.removesuffix(".py").replace("/", ".")), layer(name)
    if name in ("fsbus.__version__", "fsbus.Bus") or here == there:
        return ""
    if not there:
        return f"{path}: {name} is no layer"
    if here and RANK[there] <= RANK[here]:
        return f"{path} imports {name}: {there} does not lie below {here}"
    return ""


def wrong_home(path: str, name: str) -> str:
    """What is wrong with an import of somebody else's, '' if nothing."""
    package = name.split(".")[0]
    if package in sys.stdlib_module_names or package == "fsbus":
        return ""
    home = HOMES.get(package)
    return "" if home and path.startswith(home) else f"{path} imports {package}, which has its home in {home}"


def touches(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every call that changes the disk: its name and line."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        module, _, name = called.rpartition(".")
        opened = (called == "open" and _writes(node)) or (called == "os.open" and "O_CREAT" in ast.unparse(node))
        if opened or name in TOUCHES.get(module, ()) or name in PATH_TOUCHES:
            yield called, node.lineno


def _writes(call: ast.Call) -> bool:
    mode = [*call.args[1:2], *(word.value for word in call.keywords if word.arg == "mode")]
    return bool(mode) and bool(set("wax+") & set(ast.unparse(mode[0])))


@pytest.mark.parametrize("path", modules(), ids=place)
def test_a_module_imports_only_what_lies_below_it(path: Path) -> None:
    names = list(imports(ast.parse(path.read_text())))
    ours = [name for name in names if name.split(".")[0] == "fsbus"]
    assert [wrong for name in ours if (wrong := wrong_import(place(path), name))] == []
    assert [wrong for name in names if (wrong := wrong_home(place(path), name))] == []


@pytest.mark.parametrize("path", modules(), ids=place)
def test_a_module_is_short_and_says_what_it_is(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST
    assert not text or ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("path", modules(), ids=place)
def test_one_module_touches_the_disk(path: Path) -> None:
    if place(path) == "spool/atomic.py":
        return
    found = [(name, line) for name, line in touches(ast.parse(path.read_text())) if (place(path), name) not in EXCEPT]
    assert found == []


def test_every_exception_is_still_one() -> None:
    for path, name in EXCEPT:
        assert name in [called for called, _ in touches(ast.parse((CODE / path).read_text()))]


def test_every_layer_has_its_folder_and_every_folder_its_layer() -> None:
    there = {path.stem for path in CODE.iterdir() if path.name not in ("__init__.py", "py.typed", "__pycache__", "_skel")}
    assert there <= set(RANK)
    assert set(RANK) - there <= {"link"}, "link comes with the second host"


def test_every_dependency_has_a_home_and_no_other_is_imported() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[^\w-]", line)[0].lower() for line in project["dependencies"]}
    assert {SUPPLIED_BY.get(name, name) for name in wanted} == set(HOMES) - {"referencing"}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("core/task.py", "fsbus.spool.tree"), ("spool/tree.py", "fsbus.duties.node.Node"), ("duties/node.py", "fsbus.bus.Bus"),
        ("views/story.py", "fsbus.duties.ending.end"), ("views/story.py", "fsbus.adapters.plain"), ("bus.py", "fsbus.faces.cli"),
        ("adapters/plain.py", "fsbus.link.ssh"), ("core/task.py", "fsbus.helpers.x"),
    ],
)  # fmt: skip
def test_a_wrong_import_is_found(path: str, name: str) -> None:
    assert wrong_import(path, name)


def test_a_package_far_from_home_is_found() -> None:
    assert wrong_home("core/task.py", "yaml")
    assert wrong_home("core/task.py", "requests.sessions")
    assert not wrong_home("core/gate.py", "yaml")


@pytest.mark.parametrize(
    "line",
    [
        "os.rename(a, b)", "os.fsync(fd)", "shutil.rmtree(p)", "Path(p).write_text('')", "open(p, 'w')", "open(p, mode='ab')",
        "os.open(p, os.O_WRONLY | os.O_CREAT)", "tempfile.mkdtemp()",
    ],
)  # fmt: skip
def test_a_touch_of_the_disk_is_found(line: str) -> None:
    assert list(touches(ast.parse(line)))


@pytest.mark.parametrize("line", ["open(p)", "open(p, 'rb')", "os.open(p, os.O_RDONLY)", "text.replace('a', 'b')"])
def test_what_only_reads_is_left_alone(line: str) -> None:
    assert not list(touches(ast.parse(line)))
