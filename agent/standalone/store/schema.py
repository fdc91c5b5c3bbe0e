"""The tables. Times are Unix seconds; names of columns are those of API v1 where it has them.

What changes here needs a step in `migrations`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Float, ForeignKey, Index, Integer, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from agent.standalone.store.sealed import Sealed

_NEVER_AGAIN = {"sqlite_autoincrement": True}
"""The id of a deleted row is not given to a new one: files, agents and callers may still speak of the old."""

_Id = BigInteger().with_variant(Integer, "sqlite")


_LONGEST_LEASE_SECONDS = 600.0


class Base(DeclarativeBase):
    """Base of the tables."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        int: BigInteger,
        float: Float,
        list[int]: JSON,
        dict[str, float]: JSON,
    }


class Meta(Base):
    """One row for each fact about the database itself: `schema` is its version."""

    __tablename__ = "meta"
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class Stamped:
    """When a row was made and last changed."""

    created: Mapped[float]
    updated: Mapped[float]


class School(Stamped, Base):
    """A school."""

    __tablename__ = "school"
    school_id: Mapped[int] = mapped_column(_Id, primary_key=True)
    name: Mapped[str]
    addr: Mapped[str] = mapped_column(default="")
    phone: Mapped[str] = mapped_column(default="")


class Subject(Stamped, Base):
    """A subject."""

    __tablename__ = "subject"
    subject_id: Mapped[int] = mapped_column(_Id, primary_key=True)
    subject_name: Mapped[str]


class Grade(Stamped, Base):
    """A grade of a kind of school."""

    __tablename__ = "grade"
    grade_id: Mapped[int] = mapped_column(_Id, primary_key=True)
    grade_type: Mapped[str]
    grade_name: Mapped[str]


class Teacher(Stamped, Base):
    """A teacher; `title_id` 0 (senior professor) to 4 (third grade)."""

    __tablename__ = "teacher"
    teacher_id: Mapped[int] = mapped_column(_Id, primary_key=True)
    teacher_name: Mapped[str]
    sex_name: Mapped[str] = mapped_column(default="")
    title_name: Mapped[str] = mapped_column(default="")
    title_id: Mapped[int] = mapped_column(default=0)
    detail_info: Mapped[str] = mapped_column(default="")


class Gather(Stamped, Base):
    """A recorder. `rev` counts the changes of what it should know; it is online until `lease_until`."""

    __tablename__ = "gather"
    __table_args__ = _NEVER_AGAIN
    gather_id: Mapped[int] = mapped_column(_Id, primary_key=True)
    agent_uid: Mapped[str] = mapped_column(unique=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    school_id: Mapped[int] = mapped_column(default=0)
    mac_addr: Mapped[str] = mapped_column(default="", index=True)
    ip_addr: Mapped[str] = mapped_column(default="")
    name_pc: Mapped[str] = mapped_column(default="")
    name_set: Mapped[str] = mapped_column(default="")
    os_name: Mapped[str] = mapped_column(default="")
    version: Mapped[str] = mapped_column(default="")
    main_rate: Mapped[int] = mapped_column(default=1024)
    sub_rate: Mapped[int] = mapped_column(default=512)
    auto_dvr: Mapped[int] = mapped_column(default=0)
    auto_fds: Mapped[int] = mapped_column(default=1)
    slice_val: Mapped[int] = mapped_column(default=0)
    inter_val: Mapped[int] = mapped_column(default=0)
    snap_val: Mapped[int] = mapped_column(default=2)
    rev: Mapped[int] = mapped_column(default=1)
    lease_until: Mapped[float] = mapped_column(default=0.0)
    queue_files: Mapped[int] = mapped_column(default=0)
    queue_bytes: Mapped[int] = mapped_column(default=0)
    disk_free: Mapped[int] = mapped_column(default=0)

    def is_online(self, now: float) -> bool:
        """Whether its lease holds. One that ends long after now was given before the clock was put back."""
        return now < self.lease_until < now + _LONGEST_LEASE_SECONDS


class Spool(Base):
    """What an agent last said of its uploads and its disk; what `gather` says of them stands there."""

    __tablename__ = "spool"
    gather_id: Mapped[int] = mapped_column(ForeignKey("gather.gather_id", ondelete="CASCADE"), primary_key=True)
    oldest: Mapped[float | None]
    error: Mapped[str] = mapped_column(default="")
    paused: Mapped[int] = mapped_column(default=0)
    disk_total: Mapped[int] = mapped_column(default=0)
    disk_state: Mapped[str] = mapped_column(default="well")


class Camera(Stamped, Base):
    """A channel. `status`, `recording` (ids of recordings that are on) and what follows is what the agent last said.

    An address may hold a password, too.
    """

    __tablename__ = "camera"
    __table_args__ = _NEVER_AGAIN
    camera_id: Mapped[int] = mapped_column(_Id, primary_key=True)
    gather_id: Mapped[int] = mapped_column(ForeignKey("gather.gather_id"), index=True)
    grade_id: Mapped[int] = mapped_column(default=0)
    camera_name: Mapped[str]
    stream_prop: Mapped[int]
    stream_url: Mapped[str] = mapped_column(Sealed, default="")
    stream_mp4: Mapped[str] = mapped_column(default="")
    device_ip: Mapped[str] = mapped_column(default="")
    device_user: Mapped[str] = mapped_column(default="")
    device_pass: Mapped[str] = mapped_column(Sealed, default="")
    device_cmd_port: Mapped[int] = mapped_column(default=0)
    device_mirror: Mapped[int] = mapped_column(default=0)
    device_osd: Mapped[int] = mapped_column(default=1)
    device_twice: Mapped[int] = mapped_column(default=0)
    device_show: Mapped[int] = mapped_column(default=1)
    clicks: Mapped[int] = mapped_column(default=0)
    snapshot_key: Mapped[str] = mapped_column(unique=True)
    status: Mapped[int] = mapped_column(default=-1)
    recording: Mapped[list[int]] = mapped_column(default=list)
    wanted: Mapped[int] = mapped_column(default=1)
    cause: Mapped[str] = mapped_column(default="")
    detail: Mapped[str] = mapped_column(default="")
    video: Mapped[str] = mapped_column(default="")
    audio: Mapped[str] = mapped_column(default="")
    courses: Mapped[list[Course]] = relationship(order_by="Course.course_id", cascade="all, delete-orphan")


class Course(Stamped, Base):
    """A weekly lesson: `start_sec` seconds after midnight of weekday `week_id` (0 Sunday), `elapse_sec` long."""

    __tablename__ = "course"
    __table_args__ = _NEVER_AGAIN
    course_id: Mapped[int] = mapped_column(_Id, primary_key=True)
    camera_id: Mapped[int] = mapped_column(ForeignKey("camera.camera_id"), index=True)
    subject_id: Mapped[int]
    teacher_id: Mapped[int]
    repeat_id: Mapped[int] = mapped_column(default=2)
    week_id: Mapped[int]
    start_sec: Mapped[int]
    elapse_sec: Mapped[int]


class Image(Stamped, Base):
    """A channel's current picture; one row a channel."""

    __tablename__ = "image"
    image_id: Mapped[int] = mapped_column(_Id, primary_key=True)
    camera_id: Mapped[int] = mapped_column(unique=True)
    file_src: Mapped[str]
    file_fdfs: Mapped[str]
    file_size: Mapped[int]
    taken: Mapped[float]


class Record(Stamped, Base):
    """An uploaded slice, known by `file_src`. `created` is when it began, so that lists sort by lesson time."""

    __tablename__ = "record"
    __table_args__ = (
        Index("record_by_start", "started", "record_id"),
        *(Index(f"record_by_{name}", f"{name}_id", "started", "record_id") for name in ("camera", "gather", "course")),
        Index("record_by_slice", "slice_id"),
        _NEVER_AGAIN,
    )
    record_id: Mapped[int] = mapped_column(_Id, primary_key=True)
    file_src: Mapped[str] = mapped_column(unique=True)
    file_fdfs: Mapped[str]
    image_fdfs: Mapped[str] = mapped_column(default="")
    file_size: Mapped[int]
    sha256: Mapped[str]
    duration: Mapped[float]
    overlap_sec: Mapped[float] = mapped_column(default=0.0)
    started: Mapped[float]
    gather_id: Mapped[int]
    camera_id: Mapped[int]
    course_id: Mapped[int]
    subject_id: Mapped[int] = mapped_column(default=0)
    teacher_id: Mapped[int] = mapped_column(default=0)
    slice_id: Mapped[int]
    slice_inx: Mapped[int]
    repaired: Mapped[int] = mapped_column(default=0)
    video: Mapped[str] = mapped_column(default="")
    audio: Mapped[str] = mapped_column(default="")
    clicks: Mapped[int] = mapped_column(default=0)


class Lesson(Stamped, Base):
    """A recording as the agent tells of it: a lesson's occurrence, or one by hand (`course_id` 0)."""

    __tablename__ = "lesson"
    __table_args__ = (UniqueConstraint("camera_id", "slice_id"), Index("lesson_by_start", "planned_start"))
    lesson_id: Mapped[int] = mapped_column(_Id, primary_key=True)
    gather_id: Mapped[int] = mapped_column(index=True)
    camera_id: Mapped[int]
    slice_id: Mapped[int]
    course_id: Mapped[int]
    subject_id: Mapped[int] = mapped_column(default=0)
    teacher_id: Mapped[int] = mapped_column(default=0)
    planned_start: Mapped[float]
    planned_end: Mapped[float | None]
    ended: Mapped[int] = mapped_column(default=0)
    coverage: Mapped[float | None]
    gaps: Mapped[list[Gap]] = relationship(order_by="Gap.since", cascade="all, delete-orphan")


class Gap(Base):
    """What a recording misses."""

    __tablename__ = "gap"
    gap_id: Mapped[int] = mapped_column(_Id, primary_key=True)
    lesson_id: Mapped[int] = mapped_column(ForeignKey("lesson.lesson_id", ondelete="CASCADE"), index=True)
    since: Mapped[float]
    until: Mapped[float]
    cause: Mapped[str]
    detail: Mapped[str] = mapped_column(default="")


class Alarm(Base):
    """What stands wrong about a channel, as its agent last said."""

    __tablename__ = "alarm"
    camera_id: Mapped[int] = mapped_column(ForeignKey("camera.camera_id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[float]
    detail: Mapped[str] = mapped_column(default="")
    why: Mapped[str] = mapped_column(default="")
    figures: Mapped[dict[str, float]] = mapped_column(default=dict)


class StoredFile(Base):
    """A finished upload: `path` below the data folder; a name belongs to the agent that brought it first."""

    __tablename__ = "stored_file"
    name: Mapped[str] = mapped_column(primary_key=True)
    gather_id: Mapped[int]
    camera_id: Mapped[int] = mapped_column(index=True)
    path: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[str]
    created: Mapped[float]


class Trash(Base):
    """A file that nothing speaks of any more and that is still to be deleted."""

    __tablename__ = "trash"
    path: Mapped[str] = mapped_column(primary_key=True)


class Account(Stamped, Base):
    """Who may sign in to the console: `role` "administrator" or "viewer". `key` is the name as it is compared."""

    __tablename__ = "account"
    __table_args__ = _NEVER_AGAIN
    account_id: Mapped[int] = mapped_column(_Id, primary_key=True)
    name: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    password_hash: Mapped[str]
    disabled: Mapped[int] = mapped_column(default=0)
    signed_in: Mapped[float] = mapped_column(default=0.0)


class ConsoleSession(Base):
    """A browser that is signed in; its cookie's value is kept as a hash only. `seen` is when it was last heard of."""

    __tablename__ = "console_session"
    __table_args__ = _NEVER_AGAIN
    session_id: Mapped[int] = mapped_column(_Id, primary_key=True)
    cookie_hash: Mapped[str] = mapped_column(unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.account_id", ondelete="CASCADE"), index=True)
    began: Mapped[float]
    seen: Mapped[float]
    address: Mapped[str] = mapped_column(default="")
    browser: Mapped[str] = mapped_column(default="")


class ApiToken(Base):
    """An access token of API v1 that is good until it ends or is revoked, which deletes its row. The token itself is
    not kept: it is signed, and names its row. `seen` is when it was last used.
    """

    __tablename__ = "api_token"
    __table_args__ = _NEVER_AGAIN
    token_id: Mapped[int] = mapped_column(_Id, primary_key=True)
    made: Mapped[float] = mapped_column(index=True)
    seen: Mapped[float]
    address: Mapped[str] = mapped_column(default="")
    program: Mapped[str] = mapped_column(default="")


class Audit(Base):
    """A change, and whose it was: a person's name or "API v1". `about` holds its parameters, without secrets."""

    __tablename__ = "audit"
    audit_id: Mapped[int] = mapped_column(_Id, primary_key=True)
    at: Mapped[float]
    who: Mapped[str]
    address: Mapped[str] = mapped_column(default="")
    what: Mapped[str]
    about: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
