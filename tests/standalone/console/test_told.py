"""What a change was about, as people say it."""

from __future__ import annotations

from agent.standalone.console.pages.server.told import WORDS, Told
from agent.standalone.console.words import Words

NAMES = {"camera_id": {3: "301"}, "subject_id": {1: "语文"}, "record_id": {}}


def test_ids_are_names_and_numbers_words() -> None:
    given = {
        "camera_id": "3,4",
        "subject_id": "1",
        "week_id": "0",
        "elapse_sec": "2700",
        "auto_fdfs": "1",
        "stream_prop": "2",
        "what_is_new": "x",
    }
    english = Told(Words("en", WORDS), NAMES).about(given)
    assert english == (
        "channel 301 + #4, subject 语文, every Sun, length 45:00, upload again after a failure yes, source stream, "
        "what_is_new x"
    )
    assert Told(Words("zh", WORDS), NAMES).about({"week_id": "1", "role": "viewer"}) == "每周 星期一、角色 只读用户"


def test_what_nobody_expects_is_told_as_it_came() -> None:
    given = {"camera_id": "x", "week_id": "٣", "elapse_sec": "-1", "stream_prop": "9", "role": "", "record_id": "7"}
    assert Told(Words("en", WORDS), NAMES).about(given) == (
        "channel #x, every ٣, length -1, source 9, role , parts of recordings #7"
    )
