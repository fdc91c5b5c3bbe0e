"""A school year on a simulated clock: every lesson is recorded, or what is missing of it is named.

A whole year of 40 rooms, 83,200 lessons, with its ledger:
`GATHER_SCHOOL_WEEKS=52 pytest -s -m faults tests/agent/test_school_year.py` (`GATHER_SCHOOL_SEEDS=3`: three of them;
`GATHER_SCHOOL_AGENTS=2`: two agents with half of the rooms each, side by side in processes of their own).
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.agent.school.agent import no_error_in_the_log, rare_looks
from tests.agent.school.ledger import Ledger
from tests.agent.school.year import FIRST_DAY, SchoolYear
from tests.agent.simulated import SimulatedClock, SimulatedLoop, scheduler_on


def simulate(folder: Path, seed: int, *, weeks: int, rooms: int, restarts: int, begin: float = FIRST_DAY) -> Ledger:
    """A school's weeks; prints the ledger."""
    clock = SimulatedClock(begin)
    loop = SimulatedLoop(clock)
    started = time.process_time()
    with scheduler_on(clock), rare_looks(), no_error_in_the_log(), nothing_collected():
        year = SchoolYear(folder, clock, seed=seed, weeks=weeks, rooms=rooms, lessons=40, restarts=restarts)
        try:
            ledger = loop.run_until_complete(year.run())
        finally:
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.wait(left))
            loop.close()
    took = time.process_time() - started
    print(f"\nseed {seed}: {weeks} weeks, {rooms} rooms, {took:.1f} s of processor time", ledger, sep="\n")
    return ledger


@contextmanager
def nothing_collected() -> Iterator[None]:
    """What was promised and what came of it only grows: the collector would go through all of it again and again."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def test_simulated_time_goes_on_after_half_a_year() -> None:
    clock = SimulatedClock(FIRST_DAY)
    clock.pass_(2.0**24)
    loop = SimulatedLoop(clock)
    loop.run_until_complete(asyncio.sleep(0.1))
    loop.close()
    assert clock.monotonic() == pytest.approx(2.0**24 + 0.1, abs=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_a_few_weeks_of_a_small_school(tmp_path: Path, seed: int) -> None:
    # With the change to winter time, or to summer time.
    begin = FIRST_DAY + (7 if seed % 2 else 29) * 7 * 86_400
    ledger = simulate(tmp_path, seed, weeks=2, rooms=3, restarts=6, begin=begin)
    assert ledger.lessons >= 230
    assert ledger.unaccounted == 0
    assert ledger.whole
    assert ledger.in_part


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(int(os.environ.get("GATHER_SCHOOL_SEEDS", "1"))))
def test_forty_rooms(tmp_path: Path, seed: int) -> None:
    weeks, agents = (
        int(os.environ.get(f"GATHER_SCHOOL_{name}", few)) for name, few in (("WEEKS", "5"), ("AGENTS", "1"))
    )
    one = partial(simulate, weeks=weeks, rooms=40 // agents, restarts=max(1, 30 * weeks // 52))
    folders, seeds = (
        [tmp_path / str(number) for number in range(agents)],
        [seed + 100 * number for number in range(agents)],
    )
    for folder in folders:
        folder.mkdir()
    with ProcessPoolExecutor(agents, get_context("spawn")) as side_by_side:
        ledgers = list((side_by_side.map if agents > 1 else map)(one, folders, seeds))
    assert sum(ledger.lessons for ledger in ledgers) > 1500 * weeks
    assert not any(ledger.unaccounted for ledger in ledgers)
