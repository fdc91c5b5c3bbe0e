"""What goes on being wrong is told once, and every hour."""

from __future__ import annotations

from agent.reminders import AGAIN_SEC, Reminders


def test_the_same_words_are_news_once_an_hour() -> None:
    now = 0.0
    reminders = Reminders(lambda: now)
    assert reminders.is_news("camera 1", "away")
    assert not reminders.is_news("camera 1", "away")
    assert reminders.is_news("camera 2", "away")
    assert reminders.is_news("camera 1", "wrong password")
    now = AGAIN_SEC - 1
    assert not reminders.is_news("camera 1", "wrong password")
    now = AGAIN_SEC
    assert reminders.is_news("camera 1", "wrong password")


def test_what_was_over_is_news_again() -> None:
    reminders = Reminders(lambda: 0.0)
    assert not reminders.over("camera 1")
    reminders.is_news("camera 1", "away")
    assert reminders.knows("camera 1")
    assert reminders.over("camera 1")
    assert not reminders.knows("camera 1")
    assert reminders.is_news("camera 1", "away")
