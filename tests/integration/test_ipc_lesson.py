"""An IPC channel all the way: added on the server by address, user and password, its streams told over ONVIF, its
camera turned to the lesson's preset, the lesson recorded from the main stream in H.265, uploaded and listed.
"""

from __future__ import annotations

import base64
import urllib.request
from pathlib import Path

import av
import pytest

from tests.camera.auth import Guard
from tests.camera.camera import Camera
from tests.camera.film import FilmSpec, make_film
from tests.faults.school import School, until
from tests.servers.onvif_device import Device, Stream
from tests.servers.proxy import threaded

pytestmark = pytest.mark.integration

USER, PASSWORD = "admin", "p@ss:/#1"
INSIDE = "192.168.99.3"
"""Where the device believes to be."""


def test_a_lesson_of_a_camera_that_is_known_by_address_user_and_password(tmp_path: Path) -> None:
    guard = Guard("digest", USER, PASSWORD)
    main_film = make_film(FilmSpec(seconds=20, video="hevc", audio="aac", width=640, height=360))
    sub_film = make_film(FilmSpec(seconds=20, video="h264", audio="", width=320, height=180))
    with Camera(main_film, guard=guard) as main, Camera(sub_film, guard=guard) as sub:
        streams = [
            Stream("s1", 320, 180, 1024, sub.url().replace("127.0.0.1", INSIDE), "H264"),
            Stream("m1", 640, 360, 8192, main.url().replace("127.0.0.1", INSIDE), "H265"),
        ]
        device = Device(streams, USER, PASSWORD, address=f"http://{INSIDE}")
        with threaded(device):
            config = tmp_path / "agent/config.toml"
            config.parent.mkdir()
            config.write_text('[record]\npresets = { 1 = "讲台 & <Audience>" }\n', encoding="utf-8")
            school = School(tmp_path)
            try:
                camera = {"stream_prop": 0, "device_ip": f"127.0.0.1:{device.port}", "device_user": USER}
                camera |= {"device_pass": base64.b64encode(PASSWORD.encode()).decode(), "device_twice": 1}
                camera_id, _ = school.lesson_now_from(camera, minutes=0.4)
                until("the recording", school.recording)
                until("the camera turns", lambda: device.looks_at == "讲台 & <Audience>")
                (channel,) = (until("the status", school.status))["channels"]
                assert channel["video"].startswith("hevc 640x360")
                until("the sub stream", lambda: (school.status() or {})["channels"][0]["sub_video"] == "h264 320x180")
                (record,) = until("the record", school.records)
                assert record["camera_id"] == camera_id
                listed = school.api("list_record")
                with urllib.request.urlopen(listed["storage_addr"] + record["file_fdfs"], timeout=10) as answer:
                    (tmp_path / "lesson.mp4").write_bytes(answer.read())
            finally:
                school.close()
    with av.open(str(tmp_path / "lesson.mp4")) as lesson:
        assert lesson.streams.video[0].codec_context.name == "hevc"
        assert lesson.streams.video[0].width == 640
    for log in ("run.log", "serve.log"):
        assert PASSWORD not in (tmp_path / log).read_text()
