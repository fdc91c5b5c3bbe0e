"""Metrics: what stands in them, as a scraper reads it, and that the documentation lists just these."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain_text

from agent.monitoring.metrics import Exposition
from agent.monitoring.tally import Tally
from agent.status import QueueView
from agent.vitals import LoopLag, consumption
from tests.agent.monitoring.test_tally import gap
from tests.agent.views import NOW, alarm, channel, push, recording, view

ROOT = Path(__file__).parents[3]
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def scrape(tally: Tally | None = None, accept: str = "", **changes: Any) -> dict[tuple[str, str], float]:
    """Sample name and label values → value."""
    exposition = Exposition(view(**changes), tally or Tally(), consumption(), LoopLag(), clock_steps=2, is_ready=True)
    body, content_type = exposition.text(accept)
    assert content_type.startswith("application/openmetrics-text" if accept else "text/plain")
    families = (openmetrics if accept else plain_text)(body.decode())
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_lesson_that_is_recorded_and_one_that_is_not() -> None:
    found = scrape(
        channels=(
            channel(due=1),
            channel(camera_id=2, due=1, recordings=()),
            channel(camera_id=3, due=1, recordings=(recording(began_at=None),), packet_age_sec=None, state="waiting"),
            channel(camera_id=4, due=2, recordings=(recording(), recording(slice_id=43))),
            channel(camera_id=5, due=0, recordings=(), state="off", wanted=False, restarts=3),
        ),
        alarms=(alarm(camera_id=3), alarm(camera_id=4)),
    )
    expected = {camera: found["gather_recording_expected", str(camera)] for camera in range(1, 6)}
    active = {camera: found["gather_recording_active", str(camera)] for camera in range(1, 6)}
    assert expected == {1: 1, 2: 1, 3: 1, 4: 2, 5: 0}
    assert active == {1: 1, 2: 0, 3: 0, 4: 1, 5: 0}
    assert ("gather_last_packet_age_seconds", "3") not in found
    assert found["gather_camera_online", "3"] == found["gather_camera_wanted", "5"] == 0
    assert found["gather_recorder_restarts_total", "5"] == 3
    assert found["gather_alarms", "not_recording"] == 2


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_losses_queue_disk_and_link(accept: str) -> None:
    tally = Tally()
    tally.take(gap(1012.5))
    queue = QueueView(recorded=3, uploaded=1, waiting_bytes=5000, oldest=NOW - 60, error="503", paused=True)
    found = scrape(tally, accept, queue=queue, disk_free=7, link="registered")
    assert found["gather_gap_seconds_total", "stalled"] == 12.5
    assert found["gather_gap_seconds_total", "disk"] == 0, "there before the first gap, so that it has a rate"
    assert found["gather_upload_backlog_files", "recorded"] == 3
    assert found["gather_upload_backlog_bytes", ""] == 5000
    assert found["gather_upload_oldest_seconds", ""] == 60
    assert found["gather_upload_paused", ""] == found["gather_upload_failing", ""] == 1
    assert found["gather_disk_free_bytes", ""] == 7
    assert (found["gather_link_state", "registered"], found["gather_link_state", "connected"]) == (1, 0)
    assert found["gather_clock_step_total", ""] == 2
    assert found["gather_process_cpu_seconds_total", ""] > 0


def test_who_watches() -> None:
    found = scrape(channels=(channel(live=push(skipped=7)), channel(camera_id=2)))
    assert (found["gather_live_state", "1,live"], found["gather_live_state", "1,waiting"]) == (1, 0)
    assert (found["gather_live_seconds", "1"], found["gather_live_skipped_packets", "1"]) == (90, 7)
    assert ("gather_live_seconds", "2") not in found


def test_documentation_lists_all_of_them_and_no_other() -> None:
    tally = Tally()
    tally.take(gap(1001.0))
    text = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(gather_\w+)` \|", text, re.MULTILINE))
    alerting = set(re.findall(r"\bgather_\w+", text.split("## Alerts")[1]))
    shown = {name for name, _ in scrape(channels=(channel(live=push()),))} | {"gather_alarms_raised_total"}
    assert listed == shown
    assert alerting <= listed


def test_no_title_and_no_path_is_a_label() -> None:
    body, _ = Exposition(
        view(channels=(channel(source="/films/secret.mp4"),), alarms=(alarm(title="数学"),)),
        Tally(),
        consumption(),
        LoopLag(),
        clock_steps=0,
        is_ready=False,
    ).text("")
    text = body.decode()
    assert "secret" not in text and "数学" not in text and "Room 101" not in text
    assert "gather_ready 0.0" in text
