"""How long a source of heaps may be silent."""

from __future__ import annotations

import pytest

from recorder.source.heaps import PAUSE_SEC, SILENT_HEAPS, SILENT_SEC, Heaps


def took(heaps: Heaps, arrival: float, since: float, until: float) -> None:
    for n in range(round((until - since) * 25) + 1):
        heaps.took(arrival, since + n / 25)


def test_nothing_is_known_before_the_first() -> None:
    assert Heaps().silence_sec == 0.0


def test_the_longest_of_the_last_heaps_counts() -> None:
    heaps = Heaps()
    took(heaps, 0.0, 100.0, 130.0)  # three segments, which lay there when it was opened
    assert heaps.silence_sec == pytest.approx(30.0 * SILENT_HEAPS)
    for n in range(1, 4):
        took(heaps, 10.0 * n, 120.0 + 10 * n, 130.0 + 10 * n)
    assert heaps.silence_sec == pytest.approx(30.0 * SILENT_HEAPS)
    took(heaps, 40.0, 160.0, 170.0)
    assert heaps.silence_sec == pytest.approx(10.0 * SILENT_HEAPS)


def test_a_heap_that_a_slow_line_tears_to_pieces_is_no_short_one() -> None:
    heaps = Heaps()
    took(heaps, 0.0, 0.0, 60.0)
    took(heaps, 60.0, 60.0, 118.0)
    took(heaps, 60.1 + PAUSE_SEC, 118.0, 120.0)
    assert heaps.silence_sec == pytest.approx(60.0 * SILENT_HEAPS)


def test_packets_that_come_steadily_are_no_heap() -> None:
    heaps = Heaps()
    for n in range(100_000):
        heaps.took(n / 25, 5.0 + n / 25)
    assert heaps.silence_sec == pytest.approx(0.0, abs=0.1)


def test_stamps_that_are_set_make_no_endless_heap() -> None:
    heaps = Heaps()
    took(heaps, 0.0, 5000.0, 5004.0)
    took(heaps, 0.3, 0.0, 3.0)
    assert heaps.silence_sec == pytest.approx(4.0 * SILENT_HEAPS)
    heaps.took(0.5, 9000.0)
    assert heaps.silence_sec == SILENT_SEC
