"""What the benchmark counts is what is missing."""

from __future__ import annotations

from bench.streams import missing

FILM = [f"{number:03d}" for number in range(100)]


def test_a_whole_piece_of_the_film_misses_nothing_however_often_it_repeats() -> None:
    assert missing(FILM, [*FILM[30:], *FILM, *FILM[:20]], 150) == 0


def test_each_packet_that_is_not_where_it_belongs_is_missing() -> None:
    assert missing(FILM, [*FILM[:40], "noise", *FILM[41:80]], 80) == 1
    assert missing(FILM, FILM[:50], 80) == 30
    assert missing(FILM, [], 80) == 80
    assert missing(FILM, ["noise"], 80) == 80
