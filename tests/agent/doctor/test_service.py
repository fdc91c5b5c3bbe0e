"""The unit: the project's own, and mistakes in it."""

from __future__ import annotations

import getpass
import shutil
from pathlib import Path

import pytest

from agent.config import Config, load_config
from agent.doctor.findings import Finding
from agent.doctor.service import Unit, check_service, check_unit, find_unit

OURS = Path(__file__).parents[3] / "systemd/gather-agent.service"
STATE, MEDIA = Path("/var/lib/gather-agent"), Path("/var/lib/gather-agent/media")


def config(media: Path = MEDIA, **more: object) -> Config:
    return load_config(overrides={"paths.state": STATE, "paths.media": media, **more}, search=()).config


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine on which the unit is installed as docs/installation.md says, for this user."""
    folder = tmp_path / "etc/systemd/system"
    folder.mkdir(parents=True)
    text = OURS.read_text().replace("User=gather-agent", f"User={getpass.getuser()}")
    (folder / OURS.name).write_text(text)
    program = tmp_path / "usr/bin/gather-agent"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return tmp_path


def drop_in(root: Path, text: str) -> None:
    folder = root / "etc/systemd/system" / f"{OURS.name}.d"
    folder.mkdir(exist_ok=True)
    (folder / "override.conf").write_text(text)


def look(root: Path, wanted: Config) -> list[Finding]:
    unit = find_unit(root)
    assert unit is not None
    return list(check_unit(unit, wanted, root))


def test_the_project_s_unit_has_nothing_wrong(root: Path) -> None:
    assert look(root, config()) == []
    unit = find_unit(root)
    assert unit is not None
    assert (unit.last("Type"), unit.last("WatchdogSec")) == ("notify", "30")
    assert unit.values["SystemCallFilter"] == ("@system-service", "~@privileged @resources")


def test_recordings_on_a_disk_that_the_sandbox_does_not_open(root: Path) -> None:
    big = Path("/srv/recordings/room1")
    (finding,) = look(root, config(big))
    assert (finding.code, finding.data["key"]) == ("unit_not_writable", "paths.media")
    assert "ReadWritePaths=/srv/recordings/room1" in finding.advice("en")
    drop_in(root, "[Service]\nReadWritePaths=-/srv/recordings\n")
    assert look(root, config(big)) == []
    (finding,) = look(root, config(big, **{"upload.folder": Path("/mnt/share")}))
    assert finding.data["key"] == "upload.folder"


def test_a_state_folder_that_is_a_link(root: Path) -> None:
    (root / "var/lib").mkdir(parents=True)
    (root / "var/lib/gather-agent").symlink_to("/data/recorder")
    (finding,) = look(root, config())
    assert (finding.code, "/data/recorder" in finding.advice("en")) == ("unit_state_link", True)


def test_mistakes_of_hand(root: Path) -> None:
    drop_in(
        root,
        "[Service]\nExecStart=\nExecStart=/usr/local/bin/gather-agent run\nType=simple\nUser=no-such-user\n"
        "LoadCredential=enrol_key:/etc/gather-agent/enrol_key\n",
    )
    found = {finding.code: finding for finding in look(root, config())}
    assert set(found) == {"unit_no_program", "unit_type", "unit_no_user", "unit_no_credential"}
    assert found["unit_no_program"].data["program"] == "/usr/local/bin/gather-agent"
    assert found["unit_no_credential"].data["file"] == "/etc/gather-agent/enrol_key"


def test_nothing_is_installed(tmp_path: Path) -> None:
    assert find_unit(tmp_path) is None
    assert [finding.code for finding in check_service(None, config())] == ["unit_none"]


@pytest.mark.integration
def test_what_systemd_itself_complains_of(root: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("apt-get install systemd")
    text = OURS.read_text()
    bad = tmp_path / OURS.name
    bad.write_text(text.replace("Restart=always", "Restart=sometimes"))
    program = root / "usr/bin/gather-agent"
    unit = Unit(bad, {"ExecStart": (str(program),), "Type": ("notify",)})
    found = {finding.code: finding for finding in check_service(unit, config())}
    assert "sometimes" in str(found["unit_verify"].data["why"])
