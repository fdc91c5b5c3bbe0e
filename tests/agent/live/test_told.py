"""What people are told of a push, in both languages: where, what is the case, what to do, when it is tried again."""

from __future__ import annotations

import pytest

from agent.cli.status import channel_lines
from agent.doctor.examine import Daemon, _pushes
from agent.standalone.console.sentences import of_answer
from agent.status import LiveView
from agent.wire.codes import Code
from agent.wire.live_causes import LIVE_CAUSES
from agent.wire.models import Answer
from agent.words import Language, Words
from tests.agent.views import NOW, channel, push, view

REFUSED = push(state="waiting", cause="refused", detail="rtmp://school/live/***: taken already", retry_at=NOW + 7)
ENHANCED = push(state="live", cause="enhanced", detail="H.265")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("live", [REFUSED, ENHANCED])
def test_status_and_doctor_say_what_is_the_case_and_what_to_do(language: Language, live: LiveView) -> None:
    column = ("en", "zh").index(language)
    what, advice = LIVE_CAUSES[live.cause][column], LIVE_CAUSES[live.cause][2 + column]
    status = "\n".join(channel_lines(channel(live=live), NOW, Words(language)))
    (finding,) = _pushes(Daemon(view(channels=(channel(live=live),))))
    for said in (status, f"{finding.what(language)} {finding.advice(language)}"):
        assert what in said
        assert advice in said
    assert finding.severity == ("warning" if live is REFUSED else "note")
    assert ("taken already" in status) == (Words(language).time(NOW + 7) in status) == (live is REFUSED)


def test_what_needs_nobody_is_no_finding() -> None:
    channels = tuple(channel(live=one) for one in (None, push(state="waiting", cause="no_picture")))
    assert not list(_pushes(Daemon(view(channels=channels))))
    assert not list(_pushes(Daemon()))


@pytest.mark.parametrize(("language", "sentence"), [("en", "not there: look"), ("zh", "不在：请看")])
def test_the_console_speaks_the_language_of_its_reader(language: str, sentence: str) -> None:
    data = {"en": "not there: look", "zh": "不在：请看", "detail": "port 1935"}
    said = of_answer(Answer(id="", err_code=Code.PUSH_FAILED, err_msg="elsewhere", data=data), language)["sentence"]
    assert sentence in said
    assert "port 1935" in said
    assert "elsewhere" not in said
