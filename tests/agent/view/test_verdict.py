"""When all is well, when something is not, and when a lesson is being lost."""

from __future__ import annotations

from typing import Any

import pytest

from agent.spool.disk import DiskState
from agent.status import DaemonView, DiskView, QueueView
from agent.view.verdict import Health, judge, makes_progress
from tests.agent.views import NOW, alarm, channel, recording, view


@pytest.mark.parametrize(
    "well",
    [
        view(),
        view(channels=()),
        view(server="", link="offline"),
        view(channels=(channel(state="off", wanted=False, recordings=()),)),
        view(channels=(channel(state="connecting", recordings=(recording(began_at=None, planned_start=NOW - 9),)),)),
        view(channels=(channel(packet_age_sec=9.0),)),
        view(channels=(channel(packet_age_sec=29.0, heap_sec=30.0),)),
        view(queue=QueueView(recorded=3, waiting_bytes=9)),
    ],
)
def test_well(well: DaemonView) -> None:
    assert judge(well).health is Health.WELL


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"server": "", "link": "offline", "channels": ()},
            "there is no server and no camera: make this machine known with `gather-agent enrol URL KEY`",
        ),
        ({"link": "registered"}, "the server is not connected"),
        ({"channels": (channel(state="waiting", recordings=()),)}, "Room 101 is not available, tried again"),
        ({"alarms": (alarm(kind="black"),)}, "Room 101: the picture is black"),
        ({"queue": QueueView(error="503")}, "uploads fail"),
        ({"queue": QueueView(error="503", paused=True)}, "uploads are paused"),
    ],
)
def test_degraded(changes: dict[str, Any], reason: str) -> None:
    verdict = judge(view(**changes))
    assert (verdict.health, verdict.reasons) == (Health.DEGRADED, (reason,))


@pytest.mark.parametrize(
    "lost",
    [
        view(channels=(channel(recordings=(recording(began_at=None, planned_start=NOW - 11),)),)),
        view(channels=(channel(state="waiting"),)),
        view(channels=(channel(packet_age_sec=11.0),)),
        view(channels=(channel(), channel(state="down")), link="offline"),
        view(channels=(), alarms=(alarm(),)),
    ],
)
def test_not_recording_outranks_everything(lost: DaemonView) -> None:
    verdict = judge(lost)
    assert verdict.health is Health.NOT_RECORDING
    assert verdict.reasons == ("Room 101 records nothing",)


@pytest.mark.parametrize(("state", "told"), [("missing", True), ("read_only", True), ("short", False), ("well", False)])
def test_a_disk_that_takes_nothing_is_named_beside_what_it_costs(state: DiskState, told: bool) -> None:
    lost = view(channels=(channel(state="waiting", cause="disk"),), disk=DiskView(state=state))
    assert any("disk of the recordings" in reason for reason in judge(lost).reasons) is told


def test_the_watchdog_starves_only_for_a_recording_that_stands_still_without_saying_so() -> None:
    assert makes_progress(view())
    assert makes_progress(view(channels=(channel(packet_age_sec=None),)))
    assert makes_progress(view(channels=(channel(packet_age_sec=59.0),)))
    assert makes_progress(view(channels=(channel(state="waiting", packet_age_sec=600.0),)))
    assert makes_progress(view(channels=(channel(recordings=(), packet_age_sec=600.0),)))
    assert not makes_progress(view(channels=(channel(), channel(packet_age_sec=61.0))))
