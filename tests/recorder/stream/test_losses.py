"""Lost packets are told at once, and then not too often."""

from __future__ import annotations

from recorder.stream.losses import TELL_SEC, Losses


def test_told_at_once_and_then_once_a_minute() -> None:
    losses = Losses()
    assert "3 of the picture" in losses.add("video", 3, 100.0)
    assert losses.add("video", 2, 101.0) == ""
    assert losses.add("audio", 1, 102.0) == ""
    assert "1 of the sound and 6 of the picture" in losses.add("video", 4, 100.0 + TELL_SEC)
    assert losses.packets == 10
    assert losses.tell(200.0) == ""


def test_what_was_not_told_yet_is_told_at_the_end() -> None:
    losses = Losses()
    losses.add("video", 1, 0.0)
    losses.add("video", 7, 1.0)
    assert "7 of the picture" in losses.tell(2.0)
