"""`kill -9` of the daemon while it records, uploads and reports, at moments that a seed draws, over a line that breaks,
and is silent after each start: nothing is lost but the seconds that are named, nothing arrives twice.
"""

from __future__ import annotations

import os
import random
import signal
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.schedule.ledger import TOLERANCE_SEC
from tests.faults.pieces import Piece, piece_of
from tests.faults.school import School, until
from tests.media import MakeSample
from tests.servers.ports import free_port
from tests.servers.proxy import CLEAN, Line, Proxy, threaded

KILLS = int(os.environ.get("GATHER_DAEMON_KILLS", "8"))
SEED = int(os.environ.get("GATHER_SEED", "1"))
BOUND_SEC = 2.0
"""What a kill may cost beside the time until somebody records again, which is the machine's: a fragment that was not on
disk yet (1 s), and the wait for a key frame.
"""
PHASES = ("recording", "upload", "report", "answer")


@dataclass
class Trigger:
    """Kills at a moment of the conversation: so many bytes into an upload, when a report comes by, or its answer.

    `pid` is whom; `armed` is the phase waited for, "" for none.
    """

    pid: int = 0
    armed: str = ""
    after: int = 0
    fired: threading.Event = field(default_factory=threading.Event)
    killed_at: float = 0.0
    _left: int = -1
    _answer: bool = False

    def arm(self, phase: str, pid: int, after: int) -> None:
        """Wait for the phase."""
        self.fired.clear()
        self.pid, self.after, self._left, self._answer = pid, after, -1, False
        self.armed = phase

    def watch(self, way: str, piece: bytes) -> None:
        """One piece passes the proxy."""
        if not self.armed:
            return
        if way == "down":
            if self._answer and self.armed == "answer":
                self.fire()
            return
        if self.armed == "upload":
            if piece.startswith((b"PUT /gather/v1/files/", b"PATCH /gather/v1/files/")):
                self._left = self.after if self._left < 0 else self._left
            if self._left >= 0:
                self._left -= len(piece)
                if self._left < 0:
                    self.fire()
        elif piece.startswith(b"POST /gather/v1/records"):
            if self.armed == "report":
                self.fire()
            self._answer = True

    def fire(self) -> None:
        """Now."""
        self.armed = ""
        self.killed_at = time.time()
        os.kill(self.pid, signal.SIGKILL)
        self.fired.set()


@dataclass(frozen=True)
class Kill:
    """One kill: during what, when, and the seconds until packets of the recording came in again."""

    phase: str
    moment: float
    away_sec: float


def worst(random_: random.Random) -> Line:
    """Every fourth connection has something."""
    if random_.random() < 0.75:
        return CLEAN
    return random_.choice(
        [
            Line(refuse=True),
            Line(cut_up=random_.randrange(1, 200_000)),
            Line(cut_down=random_.randrange(1, 1000)),
            Line(flip_up=random_.randrange(1, 200_000)),
            Line(delay_sec=0.02),
        ]
    )


@pytest.fixture
def line(tmp_path: Path) -> Iterator[tuple[School, Proxy, Trigger, object]]:
    port, random_, trigger = free_port(), random.Random(SEED + 1), Trigger()
    proxy = Proxy(("127.0.0.1", port), lambda _: worst(random_))
    proxy.watch = trigger.watch
    with threaded(proxy) as call:
        school = School(
            tmp_path,
            agent_url=proxy.url,
            GATHER__STANDALONE__PORT=str(port),
            GATHER__STANDALONE__PUBLIC_URL=proxy.url,
            GATHER__UPLOAD__RETRY_MAX_SEC="5",
        )
        try:
            yield school, proxy, trigger, call
        finally:
            school.close()


@pytest.mark.faults
def test_the_daemon_is_killed_while_it_records_uploads_and_reports(
    line: tuple[School, Proxy, Trigger, object], sample: MakeSample, tmp_path: Path
) -> None:
    school, proxy, trigger, call = line
    assert callable(call)
    _, course_id = school.lesson_now(sample(), minutes=600)
    until("the recording", school.recording)
    lesson_began, random_ = time.time(), random.Random(SEED)
    kills: list[Kill] = []
    for number in range(KILLS):
        phase = PHASES[number % len(PHASES)]
        pause = random_.uniform(0.3, 3.0)
        trigger.arm(phase, school.daemon.pid, random_.randrange(60_000))
        call(proxy.thaw)
        # While recording, the moment is one of time; else one of the conversation, of time where that is not had.
        if not trigger.fired.wait(pause if phase == "recording" else 12.0):
            phase = "recording"
            trigger.fire()
        call(proxy.freeze)
        school.killed_daemon()
        until(f"the recording after kill {number + 1} ({phase}), with no network", school.recording)
        kills.append(Kill(phase, trigger.killed_at, time.time() - trigger.killed_at))
    call(proxy.thaw)
    proxy.plan = None
    time.sleep(2.0)
    lesson_ended = time.time()
    school.api("del_course", course_id=course_id)
    until("everything being listed", school.all_listed, 120)
    until("the ledger's confirmation", school.ledger_confirmed, 120)
    school.stop()

    records = school.records()
    listed = Counter(Path(str(record["file_fdfs"])).stem for record in records)
    stored = Counter(path.stem for path in (tmp_path / "server/server/recordings").rglob("*.mp4"))
    on_disk = Counter(path.stem for path in school.slices.glob("*.mp4"))
    assert listed == stored == on_disk
    assert set(listed.values()) == {1}
    assert list((tmp_path / "server/server/incoming").iterdir()) == []
    assert len(listed) > KILLS

    pieces = sorted((piece_of(school, record, tmp_path) for record in records), key=lambda piece: piece.began)
    assert all(piece.packets > 0 for piece in pieces)
    lost = costs(kills, pieces, school.gaps(), (lesson_began, lesson_ended))
    print(table(lost))
    assert [one for one in lost if one[1] > one[0].away_sec + BOUND_SEC] == []
    covered = sum(piece.ended - piece.began for piece in pieces)
    assert covered > (lesson_ended - lesson_began) - sum(seconds for _, seconds in lost) - 2.0


def costs(
    kills: list[Kill],
    pieces: list[Piece],
    named: list[tuple[float, float, str]],
    lesson: tuple[float, float],
) -> list[tuple[Kill, float]]:
    """What each kill cost, in seconds; each loss is held against what the server was told."""
    lost = []
    for kill in kills:
        before = max((piece.ended for piece in pieces if piece.began < kill.moment), default=lesson[0])
        after = min((piece.began for piece in pieces if piece.began > kill.moment), default=lesson[1])
        lost.append((kill, after - before))
        if after - before > TOLERANCE_SEC:
            holds = [gap for gap in named if abs(gap[0] - before) < 0.1 and abs(gap[1] - after) < 0.1]
            assert [gap[2] for gap in holds] == ["restart"], (kill, before, after, named)
    return lost


def table(lost: list[tuple[Kill, float]]) -> str:
    """The kill table."""
    rows = [
        f"{len(lost)} kills of the daemon, seed {SEED}; seconds lost",
        "| killed during | kills | least | median | most | until it was seen to record again, median |",
        "|---|---|---|---|---|---|",
    ]
    for phase in PHASES:
        seconds = [one for kill, one in lost if kill.phase == phase]
        if seconds:
            away = statistics.median(kill.away_sec for kill, _ in lost if kill.phase == phase)
            figures = f"{min(seconds):.2f} | {statistics.median(seconds):.2f} | {max(seconds):.2f} | {away:.2f}"
            rows.append(f"| {phase} | {len(seconds)} | {figures} |")
    return "\n" + "\n".join(rows)
