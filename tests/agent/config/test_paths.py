"""Folders by systemd and XDG, and a control socket whose address always fits."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from agent.config import paths


def test_systemds_folders_outrank_xdgs() -> None:
    env = {"HOME": "/h", "XDG_STATE_HOME": "/xs", "XDG_RUNTIME_DIR": "/xr"}
    assert paths.default_state(env) == Path("/xs/gather-agent")
    assert paths.default_runtime(Path("/s"), env) == Path("/xr/gather-agent")
    env |= {"STATE_DIRECTORY": "/var/lib/a:/var/lib/b", "RUNTIME_DIRECTORY": "/run/a"}
    assert paths.default_state(env) == Path("/var/lib/a")
    assert paths.default_runtime(Path("/s"), env) == Path("/run/a")


def test_relative_xdg_folders_do_not_count() -> None:
    assert paths.default_state({"HOME": "/h", "XDG_STATE_HOME": "x"}) == Path("/h/.local/state/gather-agent")
    assert paths.default_runtime(Path("/s"), {"XDG_RUNTIME_DIR": "x"}) == Path("/s/run")


@pytest.mark.parametrize("home", [{}, {"HOME": ""}])
def test_without_a_home_variable_the_users_entry_counts(home: dict[str, str]) -> None:
    assert paths.default_state(home).is_absolute()


def test_a_short_runtime_folder_holds_the_socket_itself(tmp_path: Path) -> None:
    assert paths.control_socket(Path("/run/x")) == Path("/run/x/control.sock")
    exact = Path("/" + "r" * (paths.SOCKET_PATH_MAX - 1 - len("/control.sock")))
    assert paths.control_socket(exact) == exact / "control.sock"


def test_a_long_one_gets_a_short_name_of_its_own_that_can_be_bound(tmp_path: Path) -> None:
    long = tmp_path / ("课" * 40)
    first = paths.control_socket(long, {})
    assert first == paths.control_socket(long, {})
    assert first != paths.control_socket(long / "b", {})
    assert first.parent.parent != tmp_path
    session = paths.control_socket(long, {"XDG_RUNTIME_DIR": "/run/user/1"})
    assert session.parent.parent == Path("/run/user/1")
    assert not paths.control_socket(long, {"XDG_RUNTIME_DIR": str(long)}).is_relative_to(long)
    paths.private_folder(first.parent)
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(first))
    finally:
        first.unlink(missing_ok=True)
        first.parent.rmdir()


def test_a_private_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a/b"
    assert paths.private_folder(folder) == folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o755)
    paths.private_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_planted_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = tmp_path / "link"
    link.symlink_to(elsewhere)
    with pytest.raises(PermissionError):
        paths.private_folder(link)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(PermissionError):
        paths.private_folder(elsewhere)
