"""The .deb in a clean Debian that is booted: installed without a network, enrolled, killed, upgraded, removed, purged,
with a lesson going on. Takes minutes: GATHER_PACKAGE=1 (make soak); GATHER_TRANSCRIPT=FILE keeps what was typed and
said.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.config.toml_edit import with_key
from recorder.sample import make_sample
from tests.faults.school import until
from tests.integration.debian import school
from tests.integration.debian.booted import Booted, booted, make_root, obstacle

ROOT = Path(__file__).parents[2]
PYTHON = "/usr/lib/gather-agent/bin/python3"
STATE = "/var/lib/gather-agent"
BURST = 8
"""Kills in quick succession: more than systemd's own limit of five in ten seconds."""

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not os.environ.get("GATHER_PACKAGE"), reason="minutes: GATHER_PACKAGE=1"),
    pytest.mark.skipif(bool(obstacle()), reason=obstacle()),
]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    subprocess.run(["make", "deb"], cwd=ROOT, check=True, capture_output=True, timeout=900)
    (built,) = (ROOT / "dist").glob("gather-agent_*_amd64.deb")
    return Path(shutil.copy(built, folder))


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, package: Path) -> Iterator[Booted]:
    """A booted Debian with a film and the package file in it, and nothing installed."""
    root = tmp_path_factory.mktemp("debian")
    make_root(root)
    make_sample(root / "srv/film.mp4", seconds=20, width=320, height=180)
    shutil.copy(package, root / "root/gather-agent.deb")
    shutil.copy(later_version(package), root / "root/later.deb")
    shutil.copy(school.__file__, root / "root/school.py")
    try:
        with booted(root) as machine:
            yield machine
            if keep := os.environ.get("GATHER_TRANSCRIPT"):
                Path(keep).write_text("\n".join(machine.transcript), encoding="utf-8")
    finally:
        shutil.rmtree(root)


def later_version(package: Path) -> Path:
    """The same program as the next version."""
    tree, later = package.parent / "tree", package.with_name("later.deb")
    subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
    with (tree / "usr/share/gather-agent/config.toml").open("a") as keys:
        keys.write("# A key that is new: what `enrol` wrote stays, and nobody is asked.\n")
    control = tree / "DEBIAN/control"
    version = next(line for line in control.read_text().splitlines() if line.startswith("Version: "))
    control.write_text(control.read_text().replace(version, f"{version}.1"))
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", tree, later], check=True, capture_output=True
    )
    return later


def lesson(machine: Booted) -> dict[str, Any]:
    """The one lesson, as `gather-agent lessons` has it."""
    said = machine.says("gather-agent", "lessons", "--json")
    lessons = json.loads(said)["lessons"] if said else []
    return dict(lessons[0]) if lessons else {"state": "", "slices": [], "gaps": []}


def recording(machine: Booted) -> bool:
    """Right now, whatever was before."""
    said = machine.says("gather-agent", "cameras", "--json")
    return bool(said) and any(camera["recordings"] for camera in json.loads(said)["cameras"])


def wait_for_recording(machine: Booted) -> None:
    until("a lesson is recorded", lambda: recording(machine) or None)


def known(machine: Booted) -> dict[str, Any]:
    return dict(json.loads((machine.root / STATE.lstrip("/") / "agent.json").read_text()))


def install(machine: Booted, file: str) -> None:
    """Without waiting for the test machine's disk after each of 3000 files."""
    machine.must("dpkg", "--force-unsafe-io", "-i", file)
    until("the service is up", lambda: machine.unit("ActiveState") == "active" or None)


def kill(machine: Booted) -> None:
    """The daemon, and wait for the next one."""
    before = machine.unit("MainPID")
    assert int(before) > 1  # 0 would be whoever kills
    machine.must("kill", "-9", before)
    until("another daemon is up", lambda: machine.unit("MainPID") not in ("0", before) or None)
    until("it is ready", lambda: machine.unit("ActiveState") == "active" or None)


def recordings_elsewhere(machine: Booted) -> None:
    """On another disk, with the drop-in that docs/installation.md shows."""
    machine.must("install", "-d", "-o", "gather-agent", "-g", "gather-agent", "/srv/recordings")
    config = machine.root / "etc/gather-agent/config.toml"
    config.write_text(with_key(config.read_text(), "paths", "media", "/srv/recordings"))
    drop_in = machine.root / "etc/systemd/system/gather-agent.service.d/disk.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[Unit]\nRequiresMountsFor=/srv/recordings\n[Service]\nReadWritePaths=/srv/recordings\n")
    machine.must("systemctl", "daemon-reload")
    machine.must("systemctl", "restart", "gather-agent")
    until("a slice lies there", lambda: list((machine.root / "srv/recordings/slices").glob("*.mp4*")))


def the_sandbox_finds_cameras(machine: Booted) -> None:
    """Multicast leaves and answers arrive inside just the unit's sandbox."""
    for command in (
        "link add cam0 type veth peer name cam1",
        "addr add 192.0.2.1/24 dev cam0",
        "link set cam0 up",
        "link set cam1 up",
        "route add 224.0.0.0/4 dev cam0",
    ):
        machine.must("ip", *command.split())
    machine.must("systemd-run", "--quiet", "--unit=camera", PYTHON, "/root/school.py", "camera", "192.0.2.1")
    words = "discover --seconds 2 --interface 192.0.2.1 --json"
    changes = {
        "gather-agent run": f"gather-agent {words}",
        "Type=notify": "Type=oneshot",
        "Restart=always": "StandardOutput=file:/var/tmp/found",
        "RuntimeDirectory=gather-agent": "RuntimeDirectory=probe",  # it goes with the service
    }
    text = (machine.root / "lib/systemd/system/gather-agent.service").read_text()
    for line, instead in changes.items():
        assert line in text
        text = text.replace(line, instead)
    (machine.root / "etc/systemd/system/probe.service").write_text(text)
    machine.must("systemctl", "daemon-reload")
    until("the camera is found", lambda: machine.run("systemctl", "start", "probe", quiet=True).returncode == 0 or None)
    assert "192.0.2.1" in machine.must("cat", "/var/tmp/found")


def start_school(machine: Booted) -> dict[str, str]:
    machine.must("systemd-run", "--quiet", "--unit=school", PYTHON, "/root/school.py", "serve", "/srv")
    keys = machine.root / "srv/keys.json"
    return dict(json.loads(until("the school's server is up", lambda: keys.read_text() if keys.exists() else None)))


def test_the_life_of_a_package(machine: Booted) -> None:
    # Installed with no network, the service runs at once, as its own user, and says that it has no server.
    install(machine, "/root/gather-agent.deb")
    assert machine.unit("User") == "gather-agent"
    unknown = machine.run("gather-agent", "status")
    assert (unknown.returncode, "gather-agent enrol" in unknown.stdout) == (1, True)
    assert machine.must("stat", "-c", "%U:%G %a", "/etc/gather-agent", STATE) == (
        "root:gather-agent 750\ngather-agent:gather-agent 750"
    )
    assert machine.says("grep", "-rlI", str(ROOT), "/usr/lib/gather-agent", "/usr/share/doc/gather-agent") == ""

    refused = machine.run("runuser", "-u", "nobody", "--", "gather-agent", "status")
    assert (refused.returncode, "sudo" in refused.stderr) == (77, True)

    keys = start_school(machine)
    assert machine.run("gather-agent", "enrol", keys["url"], "a-wrong-key").returncode == 1
    machine.must("gather-agent", "enrol", keys["url"], keys["enrol_key"])
    assert "Nothing was changed" in machine.must("gather-agent", "enrol", keys["url"], keys["enrol_key"])
    machine.must(PYTHON, "/root/school.py", "seed", "/srv", "/srv/film.mp4")
    wait_for_recording(machine)

    # Killed more often than systemd has patience by default, it comes back each time.
    for _ in range(BURST):
        kill(machine)
    wait_for_recording(machine)

    recordings_elsewhere(machine)
    wait_for_recording(machine)
    the_sandbox_finds_cameras(machine)

    # Upgraded in the lesson: another process, the same agent; the gap has its name.
    before, slices = known(machine), len(lesson(machine)["slices"])
    install(machine, "/root/later.deb")
    wait_for_recording(machine)
    assert known(machine)["agent_uid"] == before["agent_uid"]
    until("what the upgrade cut is there", lambda: len(lesson(machine)["slices"]) > slices or None)
    machine.run("gather-agent", "lessons")
    assert {gap["cause"] for gap in lesson(machine)["gaps"]} <= {"restart"}

    # The plug is pulled, and the machine boots again: nobody has to do anything.
    machine.pull_the_plug()
    machine.start()
    start_school(machine)
    wait_for_recording(machine)
    machine.run("systemctl", "--no-pager", "--lines=0", "status", "gather-agent")
    machine.must("systemctl", "stop", "gather-agent")
    assert machine.unit("Result") == "success"

    # Removed: everything that was recorded or decided stays. Installed again, the same agent goes on by itself.
    machine.must("dpkg", "--remove", "gather-agent")
    assert machine.run("systemctl", "status", "gather-agent").returncode == 4
    assert machine.run("find", "/usr/lib/gather-agent").stdout == ""
    machine.must("ls", "-A", "/etc/gather-agent", STATE, "/srv/recordings/slices")
    install(machine, "/root/later.deb")
    wait_for_recording(machine)
    assert (known(machine)["agent_uid"], known(machine)["gather_id"]) == (before["agent_uid"], 1)

    # Purged: nothing is left, but recordings on a disk of their own.
    machine.must("dpkg", "--purge", "gather-agent")
    left = machine.must("find", "/etc", "/usr", "/run", "/var/lib", "-name", "*gather-agent*")
    assert left == ""
    assert machine.run("getent", "passwd", "gather-agent").returncode == 2
    assert machine.run("getent", "group", "gather-agent").returncode == 2
    machine.must("dpkg", "--purge", "gather-agent")
