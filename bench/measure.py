"""CPU time and memory of processes, as the kernel counts them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_CLOCK_SCHED = 2


def cpu_sec(pid: int) -> float:
    """User and system time of a living process with all its threads, the ended ones too, in nanosecond steps.

    The clock of another process: `clock_getcpuclockid(3)`.
    """
    return time.clock_gettime((~pid << 3) | _CLOCK_SCHED)


def reaped_sec(pid: int) -> float:
    """User and system time of the ended children that this process has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / 100


def children(pid: int) -> list[int]:
    """The living children of a process."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def memory(pids: Iterable[int]) -> tuple[float, float]:
    """PSS and private memory of all of them, MiB."""
    pss = private = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]:
            name, size, _ = line.split()
            if name == "Pss:":
                pss += int(size)
            elif name.startswith("Private_"):
                private += int(size)
    return pss / 1024, private / 1024


class Busy:
    """How much of the machine's cores was in use meanwhile, 0 to 1."""

    share = 0.0


@contextmanager
def machine() -> Iterator[Busy]:
    """While inside, all cores are watched: a figure from a crowded machine is to be known as such."""
    busy = Busy()
    before = _jiffies()
    yield busy
    after = _jiffies()
    busy.share = 1 - (after[0] - before[0]) / max(1, after[1] - before[1])


def _jiffies() -> tuple[int, int]:
    fields = [int(one) for one in Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]]
    return fields[3] + fields[4], sum(fields)
