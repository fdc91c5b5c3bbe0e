"""The house rules that no other tool checks: quiet imports, short files, complete import contracts."""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import agent
import recorder

ROOT = Path(__file__).parents[1]
LONGEST_FILE = 450  # lines
SOURCES = [path for room in ("agent", "recorder", "tests") for path in sorted((ROOT / room).rglob("*.py"))]
MODULES = sorted(
    found.name
    for package in (agent, recorder)
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
)

# Imports everything named in argv while any act upon the world outside the process raises.
QUIET_IMPORT = """
import importlib, sys, threading

LOUD = {"os.chmod", "os.exec", "os.fork", "os.mkdir", "os.posix_spawn", "os.putenv", "os.remove", "os.rename",
        "os.symlink", "os.system", "os.truncate", "shutil.rmtree", "socket.bind", "socket.connect",
        "socket.getaddrinfo", "sqlite3.connect", "subprocess.Popen"}

def watch(event, arguments):
    writing = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if event in LOUD or writing:
        raise RuntimeError(f"import does {event} {arguments}")

sys.addaudithook(watch)
for name in sys.argv[1:]:
    importlib.import_module(name)
assert threading.enumerate() == [threading.main_thread()], threading.enumerate()
print("\\n".join(sorted(sys.modules)))
"""


def quiet_import(modules: list[str], folder: Path) -> set[str]:
    """Import in a process without any configuration; the names of everything that is loaded then."""
    env = {"HOME": str(folder), "PATH": os.defpath, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-W", "error", "-c", QUIET_IMPORT, *modules]
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []
    return set(done.stdout.splitlines())


def test_every_module_can_be_imported_and_does_nothing_by_that(tmp_path: Path) -> None:
    assert {"agent.cli.entry", "agent.config.load", "recorder.names"} <= set(MODULES)
    assert set(MODULES) <= quiet_import(MODULES, tmp_path)


def test_nothing_native_comes_into_the_daemon(tmp_path: Path) -> None:
    loaded = quiet_import([name for name in MODULES if name.startswith("agent.")], tmp_path)
    assert "av" not in loaded


def test_asking_for_the_status_loads_neither_the_daemon_nor_the_server(tmp_path: Path) -> None:
    loaded = quiet_import(["agent.cli", "agent.cli.status"], tmp_path)
    assert loaded.isdisjoint({"agent.daemon", "agent.standalone", "aiohttp", "sqlalchemy", "rich", "av"})


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_too_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


def test_the_recorder_measures_with_one_clock() -> None:
    """Arrivals, gaps and limits are compared with each other, and an hour of suspend must not be missing from them."""
    others = {"time.monotonic", "time.perf_counter", "import monotonic"}
    for path in (ROOT / "recorder").rglob("*.py"):
        text = path.read_text(encoding="utf-8").replace("from recorder.clocks import monotonic", "")
        if path.name != "forkserver.py":  # knows no packets
            assert not [other for other in others if other in text], f"{path.name}: use recorder.clocks.monotonic"


def test_nothing_waits_with_a_function_that_swallows_a_cancellation() -> None:
    """`asyncio.wait_for` does so before Python 3.12, when both come at once; `asyncio.timeout` does not."""
    for path in (ROOT / "agent").rglob("*.py"):
        if path.name != "background.py":  # says why
            assert "asyncio.wait_for(" not in path.read_text(encoding="utf-8"), path


def test_every_room_of_the_agent_is_shut_off_from_the_embedded_server() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    (contract,) = [one for one in contracts if "agent.standalone" in one.get("source_modules", ())]
    rooms = {found.name for found in pkgutil.iter_modules(agent.__path__, "agent.")}
    assert set(contract["forbidden_modules"]) == {"recorder"} | rooms - {"agent.standalone", "agent.web", "agent.wire"}


def test_the_import_contracts_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    package = (ROOT / "debian/changelog").read_text(encoding="utf-8").partition("(")[2].partition(")")[0]
    assert {project, package} == {agent.__version__}
