"""A storage that is away is asked by one file at a time."""

from __future__ import annotations

from agent.storage.outage import FILES, Outage
from tests.agent.spool.filled import FakeClock, StillClock


def test_one_bad_file_is_no_outage() -> None:
    outage = Outage(FakeClock())
    for _ in range(100):
        outage.failed("bad")
    assert (outage.on, outage.at_most(4), outage.over()) == (False, 4, False)


def test_several_are_and_then_one_asks_at_a_time_until_one_arrives() -> None:
    clock = FakeClock()
    outage = Outage(clock)
    for number in range(FILES):
        outage.failed(f"{number}")
    assert (outage.on, outage.at_most(4)) == (True, 0)
    clock.ahead += 2.0
    assert outage.at_most(4) == 1
    for _ in range(20):
        outage.failed("0")
    assert outage.until - clock.monotonic() <= 30.0
    clock.ahead += 31.0
    assert outage.at_most(4) == 1
    outage.failed("0", rest_sec=600.0)
    clock.ahead += 500.0
    assert outage.at_most(4) == 0
    assert outage.over()
    assert outage.at_most(4) == 4


def test_the_next_outage_is_asked_as_often_as_the_first() -> None:
    outage = Outage(StillClock())
    for _ in range(2):
        for number in range(FILES):
            outage.failed(f"{number}")
        assert outage.until - StillClock().monotonic() <= 1.0
        for _ in range(20):
            outage.failed("0")
        assert outage.until - StillClock().monotonic() >= 15.0
        assert outage.over()
