"""Which reader takes a camera, and that the choice does not flap."""

from __future__ import annotations

import pytest

from recorder.errors import SourceError
from recorder.source.choice import STRIKES, AutoSource, Choice, Memory
from recorder.source.rtsp.problems import NotOurs


def test_our_own_comes_first_and_stays_once_it_has_worked() -> None:
    choice = Choice()
    assert choice.next == "own"
    choice.opened("own")
    for _ in range(10):
        choice.failed("own", SourceError("timeout", "t"))
        assert choice.next == "own"
    assert choice.tell("own") == ""


def test_what_it_does_not_understand_is_the_other_ones_for_ever_and_told_once() -> None:
    choice = Choice()
    choice.failed("own", NotOurs("VP9 is not ours"))
    assert choice.next == "libav"
    choice.opened("libav")
    choice.failed("libav", SourceError("stalled", "s"))
    assert choice.next == "libav"
    assert "VP9" in choice.tell("libav")
    assert choice.tell("libav") == ""


def test_failures_without_a_telling_reason_give_the_other_one_a_try_now_and_then() -> None:
    choice = Choice()
    tried = []
    for _ in range(6):
        tried.append(choice.next)
        choice.failed(choice.next, SourceError("timeout", "no answer"))
    assert tried == ["own", "own", "libav", "own", "own", "libav"]


def test_a_camera_that_was_only_starting_is_not_left_to_the_other_one() -> None:
    """School and cameras get their power back together; only who cannot be read a second time is left to it."""
    choice = Choice(doubts=2)
    choice.opened("libav")
    assert choice.tell("libav")
    assert choice.next == "own"
    choice = Choice(doubts=2, helped=True)
    assert choice.next == "libav"
    choice.opened("libav")
    assert choice.next == "libav"
    starting = Choice(doubts=2)
    starting.opened("libav")
    starting.opened("own")
    starting.failed("own", SourceError("timeout", "it is switched off"))
    assert starting.next == "own"


@pytest.mark.parametrize("cause", ["unreachable", "unauthorized", "not_found", "stopped"])
def test_a_camera_that_is_away_or_locked_says_nothing_about_readers(cause: str) -> None:
    choice = Choice()
    for _ in range(5):
        choice.failed("own", SourceError(cause, "x"))
    assert choice.next == "own"


class Played:
    """A source that opens, or raises."""

    def __init__(self, error: SourceError | None = None) -> None:
        self.error = error
        self.closed = self.interrupted = 0
        self.stall_sec = 5.0
        self.dropped: tuple[str, ...] = ("a track",)

    def open(self) -> tuple[()]:
        if self.error:
            raise self.error
        return ()

    def read(self) -> None:
        raise self.error or SourceError("ended", "e")

    def interrupt(self) -> None:
        self.interrupted += 1

    def close(self) -> None:
        self.closed += 1


def test_the_other_reader_takes_over_in_the_same_attempt() -> None:
    memory = Memory()
    choice = memory.of("rtsp://x", "tcp")
    made = {"own": Played(NotOurs("odd")), "libav": Played()}
    source = AutoSource(choice, lambda name: made[name])  # type: ignore[arg-type,return-value]
    source.open()
    assert "odd" in source.dropped[0]
    assert source.dropped[1:] == ("a track",)
    source.close()
    assert (made["own"].closed, made["libav"].closed) == (1, 1)
    again = AutoSource(memory.of("rtsp://x", "tcp"), lambda name: made[name])  # type: ignore[arg-type,return-value]
    again.open()
    assert again.dropped == ("a track",), "told once"
    assert memory.of("rtsp://x", "udp").next == "own"


def test_what_turns_up_again_and_again_decides_the_next_connection() -> None:
    """Once may be a torn packet."""
    choice = Choice()
    choice.opened("own")
    source = AutoSource(choice, lambda _: Played(NotOurs("torn")))  # type: ignore[arg-type,return-value]
    for _ in range(STRIKES):
        assert choice.next == "own"
        with pytest.raises(NotOurs):
            source.read()
    assert choice.next == "libav"


def test_an_interrupt_reaches_the_reader_that_takes_over() -> None:
    made = {"own": Played(NotOurs("odd")), "libav": Played()}
    source = AutoSource(Choice(), lambda name: made[name])  # type: ignore[arg-type,return-value]
    source.interrupt()
    source.open()
    assert made["libav"].interrupted == 1
