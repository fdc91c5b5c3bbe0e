"""Whatever comes over the wire: a value of the models, or the documented error, and nothing else."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from agent.schedule.timetable import BadCourse, Course, course_from_wire
from agent.wire.commands import COMMANDS
from agent.wire.frames import FrameError, from_agent, from_server, to_text
from agent.wire.models import (
    Answer,
    Command,
    EventFrame,
    Hello,
    RegisterReply,
    Reply,
    StoredFile,
    Sync,
    WireCourse,
    WireModel,
)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["0", "-1", "1e9", "٣", "1" * 400, "24:00:00", "\x00", "\ud800"])
)
KEYS = st.sampled_from(
    [
        *("id", "cmd", "rev", "data", "sync", "hello", "event", "seq", "err_code", "err_msg", "gather", "cameras"),
        *("camera_id", "courses", "course_id", "week_id", "start_time", "elapse_sec", "is_delete", "gather_id"),
        *("stream_prop", "slice_val", "auto_fds", "auto_fdfs", "relay_url", "storage", "token", "timezone"),
    ]
) | st.text(max_size=5)
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4)
)
FRAMES = (
    st.binary(max_size=60)
    | st.text(max_size=60)
    | JSON.map(json.dumps)
    | st.dictionaries(KEYS, JSON, max_size=6).map(json.dumps)
    | st.integers(1, 3000).map(lambda deep: "[" * deep)
)


@given(FRAMES)
def test_a_server_s_frame_is_a_sync_a_command_or_a_frame_error(text: str | bytes) -> None:
    try:
        frame = from_server(text)
    except FrameError as error:
        str(error).encode(errors="replace")
        error.command_id.encode()
        return
    assert isinstance(frame, Sync | Command)
    assert from_server(to_text(frame)) == frame


@given(FRAMES)
def test_an_agent_s_frame_is_a_hello_an_answer_an_event_or_a_frame_error(text: str | bytes) -> None:
    try:
        frame = from_agent(text)
    except FrameError:
        return
    assert isinstance(frame, Hello | Answer | EventFrame)


@pytest.mark.parametrize("model", [*COMMANDS.values(), Reply, RegisterReply, StoredFile])
@settings(max_examples=25)
@given(body=st.dictionaries(KEYS, JSON, max_size=8) | JSON)
def test_a_body_is_its_model_or_a_validation_error(model: type[WireModel], body: Any) -> None:
    for read, value in ((model.model_validate, body), (model.model_validate_json, json.dumps(body))):
        with contextlib.suppress(ValidationError):
            assert isinstance(read(value), model)


@given(st.text(max_size=30) | st.from_regex(r"[0-9 T:-]{0,20}"), st.integers(0, 86_399), st.integers(0, 6))
def test_a_course_is_a_course_or_a_bad_course(start_time: str, elapse_sec: int, week_id: int) -> None:
    wire = WireCourse(course_id=1, start_time=start_time, elapse_sec=elapse_sec, week_id=week_id)
    try:
        course = course_from_wire(wire, 1)
    except BadCourse as error:
        assert "course 1" in str(error)
        return
    assert isinstance(course, Course)
    assert 0 <= course.start_sec < 86_400
    assert course.elapse_sec > 0
