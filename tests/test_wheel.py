"""The wheel, built and installed into an empty environment, does what the checkout does, and brings nothing else along."""
from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.kit import clean_env

REPO = Path(__file__).parent.parent
SOURCES = ("fsbus", "skel", "bin", "tests", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy, so that the checkout stays clean; without a network."""
    copy, out = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("dist")
    for name in SOURCES:
        source = REPO / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__", ".bench"))
        else:
            shutil.copy(source, copy / name)
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(copy)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    return next(out.glob("*.whl"))


class Installed:
    """An environment that has the wheel, and of this one's packages only what stands beside it."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder = folder
        venv.create(folder, with_pip=False, symlinks=True)
        self.python = folder / "bin/python"
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "install", "--no-deps", "--no-index", "-q", str(wheel)]
        done = subprocess.run(pip, capture_output=True, text=True, check=False, env=clean_env(PIP_DISABLE_PIP_VERSION_CHECK="1"))
        assert done.returncode == 0, done.stderr
        inside = next((folder / "lib").glob("python*/site-packages"))
        # A path in a .pth file is only added: the .pth files that lie there, such as that of this checkout, do not count.
        (inside / "borrowed.pth").write_text("\n".join(site.getsitepackages()) + "\n")

    def run(self, *words: str, cwd: Path, code: int = 0) -> str:
        """Run one of its programs; its stdout."""
        env = {k: v for k, v in clean_env(PATH=f"{self.folder}/bin:{os.environ['PATH']}").items() if not k.startswith("PYTHON")}
        done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("env"), wheel)


def test_the_wheel_holds_the_package_the_skeletons_and_the_script_and_no_more(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0].split("-")[0] for name in names}
    assert tops == {"fsbus"}
    assert not [name for name in names if "test" in name.split("/")[0] or "/tests/" in name or "__pycache__" in name]
    ours = {f"fsbus/{path.relative_to(REPO / 'fsbus')}" for path in (REPO / "fsbus").rglob("*.py")}
    skel = {f"fsbus/_skel/{path.relative_to(REPO / 'skel')}" for path in (REPO / "skel").rglob("*") if path.is_file()}
    inside = {name for name in names if name.startswith("fsbus/")}
    assert inside == ours | skel | {"fsbus/py.typed"}
    assert [name for name in names if ".data/" in name] == [f"{wheel.name.split('-py3')[0]}.data/scripts/fsbus-drop"]
    assert any(name.endswith("/LICENSE") for name in names)


def test_it_runs_from_the_environment_and_not_from_the_checkout(installed: Installed, tmp_path: Path) -> None:
    where = installed.run("python", "-c", "import fsbus.bus; print(fsbus.bus.__file__)", cwd=tmp_path).strip()
    assert where.startswith(str(installed.folder))
    installed.run("python", "-c", "import tests", cwd=tmp_path, code=1)
    assert shutil.which("fsbus", path=f"{installed.folder}/bin") == f"{installed.folder}/bin/fsbus"


def test_a_bus_made_by_it_works(installed: Installed, tmp_path: Path) -> None:
    root = tmp_path / "bus"
    installed.run("fsbus", "init", str(root), "--host", "here", cwd=tmp_path)
    assert (root / "README.md").read_text() == (REPO / "skel/README.md").read_text()
    assert (root / "agents/echo/inbox/README.md").read_text().startswith("<!-- fsbus")
    key = installed.run("fsbus", "submit", "--to", "echo", "hello", cwd=root).strip()
    path = installed.run("fsbus-drop", "echo", "dropped", cwd=root).strip()
    assert Path(path).read_text() == "dropped\n"
    installed.run("fsbus", "tick", cwd=root)
    assert installed.run("fsbus", "result", key, cwd=root) == "hello\n"
    ended = sorted(p.name.split("-", 4)[4] for p in (root / "agents/dispatch/outbox").glob("*.done.*"))
    assert ended == ["dropped.a1.done.md", "hello.a1.done.yaml"]
    says = "import fsbus; print(fsbus.Bus().result('" + key + "')['state'])"
    assert installed.run("python", "-c", says, cwd=root) == "done\n"


def test_help_and_version_come_out_of_it(installed: Installed, tmp_path: Path) -> None:
    assert installed.run("fsbus", "--version", cwd=tmp_path).startswith("fsbus ")
    assert "fsbus submit" in installed.run("fsbus", "submit", "--help", cwd=tmp_path)
