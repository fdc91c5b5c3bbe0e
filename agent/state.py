"""What the daemon knows across restarts, besides the journal: identity, the server's last word, what people want.

One JSON file, replaced as a whole, and the agent's token beside it (mode 0600). With both the timetable runs with no
server in reach.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from datetime import tzinfo
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent import logs
from agent.files import NewerFormat, replace_file, sync_directory
from agent.schedule.reconciler import ManualRecording
from agent.schedule.timetable import BadCourse, ChannelTimetable, Course, Timetable, course_from_wire
from agent.sources import secrets_of
from agent.wire.frames import PartialSync
from agent.wire.models import GatherSettings, RegisterReply, StorageTarget, Sync, WireCamera, WireCourse

log = logging.getLogger(__name__)


AGAIN_SEC = 10.0
"""After so long it is tried again to write what could not be written."""


class NewerState(NewerFormat):
    """A newer gather-agent has written it."""


class ManualEntry(BaseModel):
    """A recording by hand that is on."""

    camera_id: int
    begin: float
    end: float | None = None
    title: str = ""
    asked_at: float | None = None


class Known(BaseModel):
    """The content of the state file."""

    model_config = ConfigDict(extra="ignore")

    version: int = 1
    agent_uid: str = Field(default_factory=lambda: secrets.token_hex(16))
    gather_id: int = 0
    relay_url: str = ""
    timezone: str = ""
    storage: StorageTarget = StorageTarget()
    rev: int = 0
    gather: GatherSettings = GatherSettings()
    cameras: dict[int, WireCamera] = Field(default_factory=dict)
    wanted: dict[int, bool] = Field(default_factory=dict)
    manual: list[ManualEntry] = Field(default_factory=list)
    uploads_held: bool = False
    uploads_gave_up: str = ""
    media_apart: bool | None = None


def courses_of(known: Known) -> list[Course]:
    """Every course of every channel; one that makes no sense is left out and named in the log."""
    return [course for camera in known.cameras.values() for course in _read_courses(camera)]


def _read_courses(camera: WireCamera) -> list[Course]:
    found = []
    for wire in camera.courses:
        try:
            found.append(course_from_wire(wire, camera.camera_id))
        except BadCourse as error:
            log.warning("channel %d: %s; this course is not recorded", camera.camera_id, error)
    return found


class AgentState:
    """The state, in memory and on disk. Every change is durable before the method returns.

    `behind`: inside an event loop it is written in a thread instead, because a synced write takes as long as the disk
    likes; `durable` waits for it.
    """

    def __init__(self, folder: Path, *, behind: bool = False) -> None:
        self._behind = behind
        self.syncs = 0
        """How often the server has told its whole state since the start."""
        self._changes = self._written = 0
        self._writing: asyncio.Task[None] | None = None
        self.path = folder / "agent.json"
        self.token_path = folder / "token"
        folder.mkdir(parents=True, exist_ok=True)
        self._lines: dict[int, tuple[WireCamera, str]] = {}
        self.known = self._load()
        self._timetable: Timetable | None = None
        self._timed_at = -1
        self._read: dict[int, tuple[tuple[WireCourse, ...], tzinfo, ChannelTimetable]] = {}
        self.token = self._kept_token = self._read_token()
        self._conceal()

    def _read_token(self) -> str:
        """Empty where there is none, or one that no header can carry: that is set aside, and the enrol key is used."""
        try:
            token = self.token_path.read_bytes().decode("ascii", "replace").strip()
        except FileNotFoundError:
            return ""
        if re.fullmatch("[!-~]*", token):
            return token
        aside = _set_aside(self.token_path)
        log.error("%s is damaged and set aside as %s; this agent enrols anew", self.token_path, aside.name)
        return ""

    def _load(self) -> Known:
        """The content of the file, or where that is damaged, of the copy that the last good start has kept.

        Whoever waits here for a person loses the next lesson: damaged files are set aside, and the server tells again
        what stood in them. It is the daemon that keeps the copy.
        """
        known = self._read_file(self.path)
        if known is None:
            known = self._read_file(self._kept_path) or Known()
            replace_file(self.path, known.model_dump_json(indent=1).encode(), mode=0o600)
        if not self._behind:
            return known
        try:
            replace_file(self._kept_path, self._text(known).encode(), mode=0o600)
        except OSError as error:
            log.warning("no copy of %s is kept: %s", self.path, error)
        return known

    @property
    def _kept_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.kept")

    @staticmethod
    def _read_file(path: Path) -> Known | None:
        """None where there is none, or a damaged one, which is moved out of the way."""
        if not path.exists():
            return None
        try:
            known = Known.model_validate_json(path.read_bytes())
        except ValidationError as error:
            aside = _set_aside(path)
            log.error("%s is damaged (%s) and set aside as %s", path, error.errors()[0]["msg"], aside.name)
            return None
        if known.version > 1:
            raise NewerState(
                f"{path} was written by a newer gather-agent (state version {known.version})."
                " Install that version again, or move the file away."
            )
        return known

    def _write(self, known: Known, token: str) -> None:
        """The token first: what the server gave once must not be missing from a state that counts on it."""
        if token != self._kept_token:
            replace_file(self.token_path, token.encode(), mode=0o600)
            self._kept_token = token
        replace_file(self.path, self._text(known).encode(), mode=0o600)

    def _text(self, known: Known) -> str:
        """As JSON, each channel on a line of its own. The lines are kept: where one channel was switched off, the
        courses of all others stay as they were.
        """
        self._lines = {camera_id: self._line(camera) for camera_id, camera in known.cameras.items()}
        lines = ",\n".join(f'  "{camera_id}": {line}' for camera_id, (_, line) in self._lines.items())
        rest = known.model_dump_json(indent=1, exclude={"cameras"})
        return f'{{\n "cameras": {{\n{lines}\n }},{rest.removeprefix("{")}'

    def _line(self, camera: WireCamera) -> tuple[WireCamera, str]:
        before = self._lines.get(camera.camera_id)
        return before if before is not None and before[0] is camera else (camera, camera.model_dump_json())

    def _conceal(self) -> None:
        """What is secret here never stands in a log."""
        logs.conceal(self.token)
        for camera in self.known.cameras.values():
            for secret in secrets_of(camera):
                logs.conceal(secret)

    def save(self) -> None:
        """Make the present content durable."""
        self._conceal()
        self._changes += 1
        if not self._behind or asyncio._get_running_loop() is None:
            self._write(self.known, self.token)
            self._written = self._changes
        else:
            self._behind_again()

    def _behind_again(self) -> None:
        if self._written < self._changes and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(self._write_behind(), name="state")
            self._writing.add_done_callback(lambda task: task.cancelled() or task.exception())  # it is in the log

    async def durable(self) -> None:
        """Wait until every change so far is on disk. `OSError` when the disk does not take it."""
        while self._written < self._changes:
            self._behind_again()
            assert self._writing is not None
            await asyncio.shield(self._writing)

    async def _write_behind(self) -> None:
        while self._written < self._changes:
            changes, known, token = self._changes, self.known, self.token
            copies = {"cameras": dict(known.cameras), "wanted": dict(known.wanted), "manual": list(known.manual)}
            try:
                await asyncio.to_thread(self._write, known.model_copy(update=copies), token)
            except OSError as error:
                log.error("%s cannot be written: %s; it is tried again in %.0f s", self.path, error, AGAIN_SEC)
                asyncio.get_running_loop().call_later(AGAIN_SEC, self._behind_again)
                raise
            self._written = changes

    def set_token(self, token: str) -> None:
        """Keep the agent's own token."""
        self.token = token
        logs.conceal(token)
        self.save()

    @property
    def wanted(self) -> dict[int, bool]:
        """Every known channel and whether its owner wants it; a new channel is wanted."""
        return {camera_id: self.known.wanted.get(camera_id, True) for camera_id in self.known.cameras}

    @property
    def manual(self) -> list[ManualRecording]:
        """The recordings by hand that are on."""
        return [ManualRecording(**dict(entry)) for entry in self.known.manual]

    @property
    def revision(self) -> int:
        """Another number after each change."""
        return self._changes

    def timetable(self, zone: tzinfo) -> Timetable:
        """The courses of all channels in this zone; the same object until either changes, and of each channel the
        same one until its courses change.
        """
        same_zone = self._timetable is not None and self._timetable.zone == zone
        if self._timetable is None or not same_zone or self._timed_at != self.revision:
            read = {
                camera_id: self._channel_timetable(camera, zone) for camera_id, camera in self.known.cameras.items()
            }
            if self._timetable is None or not same_zone or read != self._timetable.channels:
                self._timetable = Timetable.of(read, zone)
            self._read = {camera_id: one for camera_id, one in self._read.items() if camera_id in read}
            self._timed_at = self.revision
        return self._timetable

    async def read_timetable(self, zone: tzinfo, now: float) -> None:
        """What `timetable` and the lessons around `now` need, with pauses: ten thousand courses take a tenth of a
        second, and the event loop has other things to do.
        """
        if self._timed_at == self.revision and self._timetable is not None and self._timetable.zone == zone:
            return
        for camera in list(self.known.cameras.values()):
            if (before := self._read.get(camera.camera_id)) is None or before[:2] != (camera.courses, zone):
                self._channel_timetable(camera, zone).next_start(now)
                await asyncio.sleep(0)

    def _channel_timetable(self, camera: WireCamera, zone: tzinfo) -> ChannelTimetable:
        before = self._read.get(camera.camera_id)
        if before is not None and before[:2] == (camera.courses, zone):
            return before[2]
        made = ChannelTimetable(_read_courses(camera), zone)
        self._read[camera.camera_id] = (camera.courses, zone, made)
        return made

    def put_camera(self, camera: WireCamera) -> None:
        """Add a channel or replace all that is known of it, courses included."""
        self.known.cameras[camera.camera_id] = camera
        self.save()

    def remove_camera(self, camera_id: int) -> None:
        """Forget a channel with everything wanted of it."""
        self.known.cameras.pop(camera_id, None)
        self.known.wanted.pop(camera_id, None)
        self.known.manual = [entry for entry in self.known.manual if entry.camera_id != camera_id]
        self.save()

    def take_sync(self, sync: Sync) -> None:
        """The whole state as the server wants it; what is wanted of channels that are gone is forgotten."""
        known = self.known
        self.syncs += 1
        known.rev, known.gather = sync.rev, sync.gather
        stay = {one: known.cameras[one] for one in _damaged(sync) if one in known.cameras}
        known.cameras = {camera.camera_id: camera for camera in sync.cameras} | stay
        known.wanted = {camera_id: wanted for camera_id, wanted in known.wanted.items() if camera_id in known.cameras}
        known.manual = [entry for entry in known.manual if entry.camera_id in known.cameras]
        self.save()

    def take_registration(self, reply: RegisterReply, relay_url: str) -> None:
        """What the server said at registration."""
        known = self.known
        known.gather_id, known.relay_url = reply.gather_id, relay_url
        known.timezone, known.storage, known.gather = reply.timezone, reply.storage, reply.gather
        if reply.token:
            self.set_token(reply.token)
        else:
            self.save()

    def start_manual(self, camera_id: int, begin: float, end: float | None, title: str) -> None:
        """Remember a recording by hand; those that are long over are forgotten."""
        self.known.manual = [entry for entry in self.known.manual if entry.end is None or entry.end > begin - 60]
        self.known.manual.append(ManualEntry(camera_id=camera_id, begin=begin, end=end, title=title))
        self.save()

    def lengthen_manual(self, camera_id: int, now: float, end: float | None) -> bool:
        """The channel's recording by hand goes on until `end` at least. False when none is on."""
        found = False
        for at, entry in enumerate(self.known.manual):
            if entry.camera_id == camera_id and (entry.end is None or entry.end > now):
                longer = None if end is None or entry.end is None else max(end, entry.end)
                self.known.manual[at] = entry.model_copy(update={"end": longer})
                found = True
        if found:
            self.save()
        return found

    def stop_manual(self, camera_id: int, now: float) -> bool:
        """Forget the recordings by hand of a channel, and those of any channel that are over. False when the channel
        had none.
        """
        running = [entry for entry in self.known.manual if entry.end is None or entry.end > now]
        self.known.manual = [entry for entry in running if entry.camera_id != camera_id]
        self.save()
        return len(self.known.manual) < len(running)

    def clock_was_set(self, by_sec: float, to: float) -> None:
        """Recordings by hand keep their length when the wall clock is set, by so many seconds, to this instant.

        One that lies ahead of the clock as it was, was asked for under another clock, before a restart: a machine that
        boots in 1970 and then learns the time comes back to it, and it stays where it is.
        """
        if not any(entry.begin <= to - by_sec for entry in self.known.manual):
            return
        self.known.manual = [
            entry
            if entry.begin > to - by_sec
            else ManualEntry(
                camera_id=entry.camera_id,
                begin=entry.begin + by_sec,
                end=None if entry.end is None else entry.end + by_sec,
                title=entry.title,
                asked_at=entry.begin if entry.asked_at is None else entry.asked_at,
            )
            for entry in self.known.manual
        ]
        self.save()

    def want(self, camera_id: int, wanted: bool) -> None:
        """Remember that a channel was started or stopped."""
        self.known.wanted[camera_id] = wanted
        self.save()

    def give_up_uploads(self, why: str) -> None:
        """Remember that the storage failed and `auto_fds` is 0, or with "" that uploads go on."""
        if self.known.uploads_gave_up != why:
            self.known.uploads_gave_up = why
            self.save()

    def remember_media(self, apart: bool) -> None:
        """Remember whether recordings lie on another disk than the system."""
        self.known.media_apart = apart
        self.save()

    def hold_uploads(self, held: bool) -> None:
        """Remember that somebody paused the uploads, or lets them go on."""
        self.known.uploads_held = held
        self.save()

    def change_courses(self, camera_id: int, items: list[WireCourse]) -> None:
        """Apply a `set_course`: `is_delete` 1 adds, 2 replaces, 3 deletes; all by `course_id`, so that a repeat
        changes nothing.
        """
        camera = self.known.cameras[camera_id]
        courses = {course.course_id: course for course in camera.courses}
        for item in items:
            if item.is_delete == 3:
                courses.pop(item.course_id, None)
            else:
                courses[item.course_id] = item
        self.known.cameras[camera_id] = camera.model_copy(update={"courses": tuple(courses.values())})
        self.save()


def _set_aside(path: Path) -> Path:
    """Move a damaged file out of the way; where it lies now."""
    aside = path.with_name(f"{path.name}.damaged-{int(time.time())}")
    path.replace(aside)
    sync_directory(path.parent)
    return aside


def _damaged(sync: Sync) -> tuple[int, ...]:
    return sync.damaged if isinstance(sync, PartialSync) else ()
