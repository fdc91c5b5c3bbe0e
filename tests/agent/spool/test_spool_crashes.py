"""The spool crashed between any two steps, with a server that loses, lies and goes away: one record each, no loss."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.journal import SliceState
from agent.link.failure import ServerError
from agent.reports import Reports
from agent.schedule.reconciler import Due
from agent.spool.disk import remove_files
from agent.spool.uploads import Uploads
from agent.storage.base import StorageError
from agent.wire.models import RecordReport, StatusReport, StoredFile, WireModel
from recorder.names import SliceName
from recorder.specs import SliceFacts
from tests.agent.school.agent import InlineJournal, no_error_in_the_log, rare_looks
from tests.agent.school.server import Client, Server, Store
from tests.agent.simulated import SimulatedClock, SimulatedLoop

NOW = 1_800_000_000.0


class SlowJournal(InlineJournal):
    """A crash may come before an operation is carried out, and after it before anybody knows."""

    async def do(self, operation: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0.01)
        done = await super().do(operation, *args, **kwargs)
        await asyncio.sleep(0.01)
        return done


class Liar(Server):
    """`faults`: what goes wrong with the next requests, one each; then all is well."""

    def __init__(self) -> None:
        super().__init__(0, losing=0)
        self.faults: list[str] = []
        self.content: dict[str, str] = {}

    async def take_file(self, name: str, sha256: str) -> StoredFile:
        fault = self.faults.pop(0) if self.faults else ""
        await asyncio.sleep(0.05)
        if fault == "away":
            raise StorageError("not there", down=True)
        if fault == "cut":
            raise StorageError("the line broke in the middle")
        self.content[name] = sha256
        if fault == "lose":
            raise StorageError("the answer got lost")
        if fault == "vanish":  # says yes and has it no more a moment later
            del self.content[name]
        await asyncio.sleep(0.05)
        return StoredFile(file=f"/files/{name}", size=1, sha256=sha256)

    async def take_report(self, body: WireModel) -> None:
        fault = self.faults.pop(0) if self.faults else ""
        await asyncio.sleep(0.05)
        if fault in ("away", "cut"):
            raise ServerError("not there")
        if isinstance(body, RecordReport):
            if self.content.get(f"{body.file_src}.mp4") != body.sha256:
                raise ServerError("no such file is stored here; upload it first", rejected=True, conflict=True)
            assert self.records.get(body.file_src, body).sha256 == body.sha256
            self.records[body.file_src] = body
        if fault == "lose":
            raise ServerError("the answer got lost")
        if fault == "vanish" and not isinstance(body, RecordReport):
            raise ServerError("no", rejected=True)
        await asyncio.sleep(0.05)


class Spool:
    """Journal, uploads and reports over one folder, started and crashed."""

    def __init__(self, folder: Path, clock: SimulatedClock, server: Liar) -> None:
        self.folder, self.clock, self.server = folder, clock, server
        self.made: dict[str, Path] = {}

    async def start(self) -> None:
        self.journal = SlowJournal(self.folder / "journal.sqlite")
        store = Store(self.server)
        self.reports = Reports(
            self.journal,
            Client(self.server),
            lambda: store,
            self.clock,
            status=StatusReport,
            on_confirmed=lambda: None,
            on_lost=lambda: self.uploads.wake(),  # noqa: PLW0108 - made below
            tell=lambda _: None,
        )
        self.uploads = Uploads(
            self.journal,
            lambda: store,
            self.clock,
            parallel=2,
            retry_max_sec=60.0,
            keep_trying=lambda: True,
            on_uploaded=self.reports.wake,
            tell=lambda _: None,
            gave_up=lambda: "",
            give_up=lambda _: None,
        )
        self.tasks = [asyncio.create_task(job()) for job in (self.uploads.run, self.reports.run)]

    async def crash(self) -> None:
        self.journal.die()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def record(self) -> None:
        """A slice is finished; it is in the journal before anybody speaks of it."""
        number = len(self.made) + 1
        row = self.journal.inline.open_recording(Due(f"lesson:{number}", 1, 5, NOW, NOW + 60), NOW)
        name = SliceName(f"{number:032x}", 1, int(NOW), 5, row.slice_id, 1, 60)
        path = self.folder / name.filename
        path.write_bytes(name.stem.encode())
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        facts = SliceFacts(name.stem, str(path), None, 1, 5, row.slice_id, 1, NOW + number, 60.0, 0.0, 97, digest)
        self.journal.inline.add_slice(facts)
        self.journal.inline.end_recording(row.slice_id, NOW + 60)
        self.made[name.stem] = path
        self.uploads.wake()

    def make_room(self) -> None:
        """The disk is full: whatever may go goes."""
        _, confirmed = self.journal.inline.on_disk()
        for stem in remove_files(confirmed)[0]:
            self.journal.inline.advance(stem, SliceState.REMOVED)

    def check(self) -> None:
        for stem, path in self.made.items():
            if not path.exists():
                assert stem in self.server.records, "deleted, and the server has never confirmed it"
                assert f"{stem}.mp4" in self.server.content


STEPS = st.lists(
    st.one_of(
        st.just(("record", 0.0)),
        st.tuples(st.just("pass"), st.floats(0.001, 3.0) | st.floats(10, 600)),
        st.just(("crash", 0.0)),
        st.just(("make room", 0.0)),
        st.tuples(st.sampled_from(["away", "cut", "lose", "vanish"]), st.integers(1, 3).map(float)),
    ),
    max_size=30,
)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_any_crash_between_any_two_steps_leads_to_one_record_each(steps: list[tuple[str, float]]) -> None:
    random.seed(0)
    clock, server = SimulatedClock(NOW), Liar()
    loop = SimulatedLoop(clock)

    async def life(folder: Path) -> None:
        spool = Spool(folder, clock, server)
        await spool.start()
        for what, amount in steps:
            match what:
                case "record":
                    spool.record()
                case "pass":
                    await asyncio.sleep(amount)
                case "crash":
                    await spool.crash()
                    await spool.start()
                case "make room":
                    spool.make_room()
                case _:
                    server.faults += [what] * int(amount)
            spool.check()
        server.faults.clear()
        await asyncio.sleep(8 * 3600.0)
        spool.make_room()
        spool.check()
        counts = spool.journal.inline.counts()
        assert counts.get(SliceState.REMOVED, 0) == len(spool.made), counts
        assert set(server.records) == set(spool.made)
        assert {f"{stem}.mp4" for stem in spool.made} <= server.content.keys()
        assert not any(path.exists() for path in spool.made.values())
        await spool.crash()

    with tempfile.TemporaryDirectory() as folder, rare_looks(900.0), no_error_in_the_log():
        try:
            loop.run_until_complete(life(Path(folder)))
        finally:
            loop.close()
