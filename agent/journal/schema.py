"""The journal's tables. States only move forward; every step may be done twice."""

from __future__ import annotations

VERSION = 2

TABLES = """
CREATE TABLE recording (
    slice_id      INTEGER PRIMARY KEY,
    key           TEXT    NOT NULL UNIQUE,
    camera_id     INTEGER NOT NULL,
    course_id     INTEGER NOT NULL,
    subject_id    INTEGER NOT NULL,
    teacher_id    INTEGER NOT NULL,
    title         TEXT    NOT NULL,
    planned_start REAL    NOT NULL,
    planned_end   REAL,
    began_at      REAL,
    last_inx      INTEGER NOT NULL DEFAULT 0,
    ended_at      REAL,
    revision      INTEGER NOT NULL DEFAULT 1,
    reported      INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX recording_unreported ON recording (slice_id) WHERE reported < revision;
CREATE INDEX recording_open ON recording (slice_id) WHERE ended_at IS NULL;

CREATE TABLE slice (
    stem         TEXT    PRIMARY KEY,
    slice_id     INTEGER NOT NULL,
    slice_inx    INTEGER NOT NULL,
    camera_id    INTEGER NOT NULL,
    course_id    INTEGER NOT NULL,
    path         TEXT    NOT NULL,
    thumbnail    TEXT,
    started_at   REAL    NOT NULL,
    media_sec    REAL    NOT NULL,
    overlap_sec  REAL    NOT NULL,
    size         INTEGER NOT NULL,
    sha256       TEXT    NOT NULL,
    video        TEXT    NOT NULL,
    audio        TEXT    NOT NULL,
    repaired     INTEGER NOT NULL,
    state        INTEGER NOT NULL,
    file_fdfs    TEXT    NOT NULL DEFAULT '',
    image_fdfs   TEXT    NOT NULL DEFAULT '',
    confirmed_at REAL
) STRICT;
CREATE INDEX slice_by_state ON slice (state, started_at);
CREATE INDEX slice_by_recording ON slice (slice_id, slice_inx);

CREATE TABLE gap (
    slice_id INTEGER NOT NULL,
    since    REAL    NOT NULL,
    until    REAL    NOT NULL,
    cause    TEXT    NOT NULL,
    detail   TEXT    NOT NULL,
    PRIMARY KEY (slice_id, since, cause)
) STRICT;

CREATE TABLE life (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    alive_at REAL NOT NULL
) STRICT;

CREATE TABLE snapshot (
    camera_id INTEGER PRIMARY KEY,
    path      TEXT    NOT NULL,
    taken_at  REAL    NOT NULL,
    reported  REAL    NOT NULL DEFAULT 0
) STRICT;
"""

STEPS = {
    # The first journals had no mark of what is accounted for; those after them had it, and the same number.
    1: """
CREATE TABLE IF NOT EXISTS life (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    alive_at REAL NOT NULL
) STRICT;
"""
}
"""What makes a journal of one version one of the next."""

LATER_INDEXES = """
CREATE INDEX IF NOT EXISTS recording_by_start ON recording (planned_start);
CREATE INDEX IF NOT EXISTS slice_sizes ON slice (state, size);
"""
"""Made at every start where they are missing: an index changes what is fast, not what is there. A day's lessons, and
all recordings of one lesson, are found by when they were due.
"""
