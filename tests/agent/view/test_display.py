"""What a person sees: on a terminal, in a pipe, in English and Chinese."""

from __future__ import annotations

import io
import re
import string
from pathlib import Path
from typing import get_args

import pytest
from rich.console import Console

from agent import words as words_module
from agent.status import Happening
from agent.view.board import Board, Stage
from agent.view.display import Lines, LivePage, Place, make_display
from agent.words import Words, clock, language_of, megabytes
from recorder.specs import Cause
from tests.agent.views import NOW, STEM, channel, recording, slice_news, view

PLACE = Place("http://127.0.0.1:8480/", "choose your password", Path("/srv/log"))


def test_both_languages_say_everything_with_the_same_values() -> None:
    for english, chinese in words_module._WORDS.values():
        names = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in (english, chinese)]
        assert names[0] == names[1]
        assert not re.search("[\u4e00-\u9fff]", english)
        assert re.search("[\u4e00-\u9fff]", chinese) or not re.search(r"\w", re.sub(r"{\w+}", "", chinese))


@pytest.mark.parametrize(
    ("env", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "de_DE", "LC_MESSAGES": "zh_TW"}, "zh"),
        ({}, "en"),
    ],
)
def test_the_language_is_the_locales(env: dict[str, str], language: str) -> None:
    assert language_of(env) == language


def test_lengths_and_sizes() -> None:
    assert [clock(seconds) for seconds in (-1, 59.9, 60, 3661)] == ["0:00", "0:59", "1:00", "1:01:01"]
    assert [megabytes(size) for size in (0, 4_249_000, 1_250_000_000)] == ["0.0 MB", "4.2 MB", "1.2 GB"]


def test_a_slice_goes_from_disk_to_storage_to_the_list() -> None:
    board = Board(Words())
    board.show(view())
    assert board.take(slice_news("upload"), NOW) == ""  # of an earlier run: not this display's
    assert board.take(slice_news("slice", seconds=60.2, size=4_200_000), NOW) == (
        "Room 101: slice 3 is finished, 1:00, 4.2 MB"
    )
    assert board.slices[STEM].stage is Stage.ON_DISK
    assert board.take(slice_news("upload"), NOW) == "Room 101: slice 3 is uploaded"
    assert board.totals().listed == 0
    assert "listed" in board.take(slice_news("report"), NOW)
    totals = board.totals()
    assert (totals.slices, totals.listed, totals.media_sec) == (1, 1, 60.2)


def test_a_recording_is_announced_once_it_has_begun_and_once_only() -> None:
    board = Board(Words())
    assert board.show(view(channels=(channel(recordings=(recording(began_at=None),)),))) == []
    (sentence,) = board.show(view())
    assert re.fullmatch(r"Now recording 数学 from Room 101, until \d\d:\d\d:00\.", sentence)
    assert board.show(view()) == []
    by_hand = recording(slice_id=43, course_id=0, title="", planned_end=None)
    assert board.show(view(channels=(channel(recordings=(by_hand,)),))) == [
        "Now recording by hand from Room 101, until stopped."
    ]


def test_gaps_and_states_are_told_with_their_cause() -> None:
    gap = Happening(kind="gap", text="", camera_id=1, data={"since": NOW, "until": NOW + 2.5, "cause": "stalled"})
    gone = Happening(kind="channel", text="x", camera_id=1, data={"state": "waiting", "cause": "unreachable"})
    back = Happening(kind="channel", text="x", camera_id=1, data={"state": "online", "cause": ""})
    ended = Happening(kind="recording", text="x", camera_id=1, data={"slice_id": 42, "ended": 1})
    board, chinese = Board(Words()), Board(Words("zh"))
    board.show(view())
    chinese.show(view())
    assert board.take(gap, NOW) == "Room 101: 2.5 s could not be recorded: the camera fell silent"
    assert chinese.take(gap, NOW) == "Room 101：缺失 2.5 秒：摄像机中断"
    assert board.take(gone, NOW) == "x"
    assert chinese.take(gone, NOW) == "Room 101：不可用，将重试：摄像机无法连接"
    assert chinese.take(back, NOW) == "Room 101：在线"
    registered = Happening(kind="link", text="x", data={"gather_id": 3})
    assert chinese.take(registered, NOW) == "已在服务器注册，采集端编号 3"
    assert board.take(ended, NOW) == "Room 101: the recording has ended"
    assert [text for _, text in board.news] == [
        "Room 101: 2.5 s could not be recorded: the camera fell silent",
        "x",
        "Room 101: the recording has ended",
    ]


def test_every_cause_of_the_recorder_has_its_words() -> None:
    assert {f"cause_{word}" for word in get_args(Cause)} == {
        key for key in words_module._WORDS if key.startswith("cause_")
    }


def test_lines_carry_the_time_of_day_and_no_escape_codes() -> None:
    out = io.StringIO()
    display = make_display(out, Words())
    assert isinstance(display, Lines)
    display.open(PLACE)
    display.show(view())
    display.take(Happening(kind="alarm", text="channel 1: the disk is slow", camera_id=1))
    display.take(slice_news("slice", seconds=60, size=10**6))
    display.take(slice_news("snapshot"))
    display.close()
    lines = out.getvalue().splitlines()
    assert [line[9:] for line in lines[:2]] == [
        "Console: http://127.0.0.1:8480/  (choose your password)",
        "Log: /srv/log",
    ]
    assert len(lines) == 5
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in lines)
    assert "\x1b" not in out.getvalue()


def render(display: LivePage, width: int) -> str:
    """The page as text."""
    out = Console(file=io.StringIO(), width=width)
    with out.capture() as captured:
        out.print(display._page())
    return captured.get()


def page(say: Words, width: int = 110, height: int = 40, slices: int = 1) -> str:
    """The page of a terminal of this size, with so many slices."""
    terminal = Console(file=io.StringIO(), force_terminal=True, width=width, height=height)
    display = LivePage(terminal, say)
    display.open(PLACE)
    display.show(view())
    for number in range(slices):
        stem = STEM.replace("_3_60", f"_{number}_60")
        about = {"stem": stem, "seconds": 60, "size": 4_200_000}
        display.take(Happening.model_validate({"kind": "slice", "text": "", "camera_id": 1, "data": about}))
        display.take(Happening(kind="upload", text="", camera_id=1, data={"stem": stem}))
    text = render(display, width)
    display.say("closing now")
    assert "closing now" in render(display, width)
    display.close()
    last = render(display, width)
    assert "Now recording" not in last
    assert "until" not in last
    return text


def test_the_page_says_what_is_recorded_where_and_how_far_it_is() -> None:
    text = page(Words())
    for expected in (
        "http://127.0.0.1:8480/",
        "choose your password",
        "connected. Everything recorded is with the server (slices: 2).",
        "Now recording 数学 from Room 101",
        "room.mp4  h264 640x360",
        "● REC 30:00 数学",
        "#0     Room 101    1:00  4.2 MB  uploaded",
    ):
        assert expected in text


def test_the_page_in_chinese_and_narrow() -> None:
    text = page(Words("zh"), width=60)
    assert "正在录制Room 101：数学" in text
    assert all(len(line) <= 60 for line in text.splitlines())


def test_a_long_night_does_not_outgrow_the_terminal() -> None:
    text = page(Words(), height=24, slices=50)
    assert len(text.splitlines()) <= 24
    assert "... and 45 more" in text
    assert "#49" in text


def test_names_from_the_server_are_not_read_as_markup() -> None:
    display = LivePage(Console(file=io.StringIO(), force_terminal=True, width=110), Words())
    display.show(view(channels=(channel(name="[red]101[/nothing]"),)))
    assert "[red]101[/nothing]" in render(display, 110)
