"""A conversation with a device double, as the tests of this folder hold it."""

from __future__ import annotations

import asyncio

from pydantic import SecretStr

from agent.onvif import conversation
from agent.onvif.messages import Answer, Question
from tests.servers.onvif_device import Device, Stream


async def converse(question: Question) -> Answer:
    """Beside the device's event loop; in the daemon it is a process of its own."""
    return await asyncio.to_thread(conversation.converse, question)


def device(**change: object) -> Device:
    """A camera with a main stream in H.265 and a sub stream, which believes to be elsewhere."""
    streams = [
        Stream("sub", 640, 360, 512, "rtsp://192.168.99.3:8554/sub"),
        Stream("main", 1920, 1080, 4096, "rtsp://192.168.99.3:8554/main?x=1&amp;y=2", "H265"),
    ]
    return Device(streams, **change)  # type: ignore[arg-type]


def question(port: int, **change: object) -> Question:
    """What is asked of the device at this port, with its own password."""
    told = {"host": "127.0.0.1", "ports": (port,), "user": "admin", "password": SecretStr("p@ss:/#1")}
    return Question.model_validate({**told, **change})
