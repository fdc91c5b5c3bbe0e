"""The systemd unit, judged by systemd's own tools."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "systemd/gather-agent.service"
EXPOSURE_MAX = 15  # tenths; 100 is a service without any sandbox


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """systemd-analyze works without a running systemd."""
    command = ["systemd-analyze", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.integration
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    text = UNIT.read_text(encoding="utf-8")
    assert "ExecStart=/usr/bin/gather-agent run" in text
    unit.write_text(text.replace("/usr/bin/gather-agent", "/bin/true"), encoding="utf-8")
    done = analyze("verify", "--man=no", unit)
    about_unit = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert (done.returncode, about_unit) == (0, [])


@pytest.mark.integration
def test_the_sandbox_is_tight() -> None:
    done = analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", UNIT)
    assert done.returncode == 0, done.stdout
