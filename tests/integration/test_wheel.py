"""What `pipx install` installs: an sdist of this tree, a wheel of nothing but that sdist, a server of that wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.ports import free_port

ROOT = Path(__file__).parents[2]
PACKAGES = ("agent", "recorder")
SDIST = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"

pytestmark = pytest.mark.integration


def run(*command: str | Path, cwd: Path, **env: str) -> None:
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=cwd, env=clean | env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    python = shutil.which("python3") or sys.executable
    tree = folder / "tree"
    shutil.copytree(
        ROOT,
        tree,
        ignore=lambda at, names: set(names) - {*PACKAGES, *kept(ROOT)} if Path(at) == ROOT else {"__pycache__"},
    )
    run(python, "-m", "pip", "install", "--quiet", "--target", folder / "tools", "setuptools>=77", cwd=folder)
    run(python, "-c", SDIST, folder, cwd=tree, PYTHONPATH=str(folder / "tools"))
    (sdist,) = folder.glob("gather_agent-*.tar.gz")
    shutil.rmtree(tree)
    run(python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, sdist, cwd=folder)
    (built,) = folder.glob("gather_agent-*.whl")
    return built


def kept(root: Path) -> list[str]:
    return [path.name for path in root.iterdir() if path.is_file() and not path.name.startswith(".")]


@pytest.fixture(scope="module")
def program(wheel: Path) -> Path:
    """The command in an environment with the wheel, and with the libraries that these tests run on."""
    home = wheel.parent / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", home, cwd=wheel.parent)
    (site,) = home.glob("lib/python*/site-packages")
    python = shutil.which("python3") or sys.executable
    run(
        python, "-m", "pip", "--python", home / "bin/python", "install", "--quiet", "--no-deps", wheel, cwd=wheel.parent
    )
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return home / "bin/gather-agent"


def test_every_file_of_the_packages_is_in_the_wheel(wheel: Path) -> None:
    there = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted <= there
    assert {Path(name).suffix for name in wanted} >= {".py", ".html", ".css", ".js", ".txt"}
    assert any(name.endswith("licenses/LICENSE") for name in there)
    assert not [name for name in there if name.startswith(("tests", "bench"))]


@pytest.fixture
def console(program: Path, tmp_path: Path) -> Iterator[str]:
    port = free_port()
    env = os.environ | {"GATHER__STANDALONE__PORT": str(port)}
    command: list[str | Path] = [program, "serve", "--home", tmp_path / "home", "--lang", "en"]
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert "listens on" in server.stdout.readline()
        yield f"http://127.0.0.1:{port}"
        server.terminate()


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as response:
        return bytes(response.read())


def test_the_wheel_s_server_has_its_pages(console: str) -> None:
    page = fetch(f"{console}/").decode()
    assets = re.findall(r'(?:href|src)="(/[^"]+\.(?:css|js)[^"]*)"', page)
    assert assets
    assert all(len(fetch(console + asset)) > 500 for asset in assets)
