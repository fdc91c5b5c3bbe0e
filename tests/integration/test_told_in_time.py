"""A camera that falls silent in a lesson, and when who knows: log, status, page, metrics, MQTT, server.

The promise is ten seconds from the last packet; what it took is printed (`pytest -s`) and stands in docs/benchmarks.md.
"""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.school import School, until
from tests.media import MakeSample
from tests.servers.mosquitto import PASSWORD, USER, Broker, broker
from tests.servers.ports import free_port
from tests.servers.rtsp_gst import file_stream, rtsp_server

pytestmark = pytest.mark.integration

LIMIT_SEC = 60.0


class Told:
    """Asks everybody at once, until each knows."""

    def __init__(self, asked: dict[str, Callable[[], bool]]) -> None:
        self.after: dict[str, float] = {}
        self._began = time.monotonic()
        self._threads = [threading.Thread(target=self._ask, args=one) for one in asked.items()]
        for thread in self._threads:
            thread.start()

    def _ask(self, who: str, knows: Callable[[], bool]) -> None:
        while not knows():
            if time.monotonic() - self._began > LIMIT_SEC:
                return
            time.sleep(0.05)
        self.after[who] = time.monotonic() - self._began

    def wait(self) -> dict[str, float]:
        """Seconds until each knew."""
        for thread in self._threads:
            thread.join()
        return self.after


@pytest.fixture
def mosquitto() -> Iterator[Broker]:
    with broker() as found:
        yield found


def test_everybody_is_told_and_told_again_when_it_is_over(
    tmp_path: Path, sample: MakeSample, mosquitto: Broker
) -> None:
    port = free_port()
    env = {"GATHER__LOCAL__PORT": port, "GATHER__MQTT__HOST": "127.0.0.1", "GATHER__MQTT__PORT": mosquitto.port}
    env |= {"GATHER__MQTT__USER": USER, "GATHER__MQTT__PASSWORD": PASSWORD}
    school = School(tmp_path, **{key: str(value) for key, value in env.items()})

    def log() -> str:
        return (tmp_path / "run.log").read_text()

    def page(path: str) -> str:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Accept-Language": "en"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.read().decode())

    def server_alarms() -> list[str]:
        with contextlib.closing(sqlite3.connect(tmp_path / "server/server/server.sqlite")) as db:
            return [kind for (kind,) in db.execute("SELECT kind FROM alarm")]

    film = sample(seconds=180)
    try:
        with rtsp_server({"/camera": file_stream(film)}) as camera, mosquitto.listener("gather/+/event") as listener:
            school.lesson_now_from({"stream_prop": 2, "stream_url": camera.url()})
            until("the recording", school.recording)
            until("the local page", lambda: "Recording now" in page("/live"))
            heard: list[str] = []

            def hears(state: str) -> bool:
                while f"not_recording {state}" not in heard:
                    _, event = listener.next()
                    heard.append(f"{event.get('alarm')} {event.get('state')}")
                return True

            camera.process.send_signal(signal.SIGSTOP)
            try:
                told = Told(
                    {
                        "log": lambda: "should be recording and is not" in log(),
                        "status": lambda: bool((school.status() or {}).get("alarms")),
                        "local page": lambda: "should be recorded and is not" in page("/live"),
                        "/metrics": lambda: 'gather_alarms{alarm="not_recording"} 1.0' in page("/metrics"),
                        "MQTT": lambda: hears("raised"),
                        "server": lambda: server_alarms() == ["not_recording"],
                    }
                ).wait()
                active = page("/metrics")
            finally:
                camera.process.send_signal(signal.SIGCONT)
            print(*(f"{who}: {seconds:.1f} s" for who, seconds in told.items()), sep="\n")
            assert told.keys() == {"log", "status", "local page", "/metrics", "MQTT", "server"}
            assert 'gather_recording_active{camera_id="1"} 0.0' in active
            assert 'gather_recording_expected{camera_id="1"} 1.0' in active
            over = Told(
                {
                    "log": lambda: "over after" in log(),
                    "status": lambda: (school.status() or {}).get("alarms") == [],
                    "local page": lambda: "should be recorded and is not" not in page("/live"),
                    "/metrics": lambda: 'gather_recording_active{camera_id="1"} 1.0' in page("/metrics"),
                    "MQTT": lambda: hears("cleared"),
                    "server": lambda: server_alarms() == [],
                }
            ).wait()
            assert over.keys() == told.keys()
            assert log().count("should be recording and is not") == 2, "one line a change"
    finally:
        school.close()
