-- Made by the first version's own code; PRAGMA user_version is not part of a dump.
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE gap (
    slice_id INTEGER NOT NULL,
    since    REAL    NOT NULL,
    until    REAL    NOT NULL,
    cause    TEXT    NOT NULL,
    detail   TEXT    NOT NULL,
    PRIMARY KEY (slice_id, since, cause)
) STRICT;
INSERT INTO "gap" VALUES(1795391999000,1795392900.0,1795392903.5,'stalled','no packet for 5 s');
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
INSERT INTO "recording" VALUES(1795391999000,'lesson:7:1:2026-11-23',7,1,3,4,'语文',1795391999.0,1795394699.0,NULL,3,NULL,5,0);
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
INSERT INTO "slice" VALUES('00000000000000000000000000000001_7_1795391999_1_1795391999000_1_300',1795391999000,1,7,1,'/var/lib/gather-agent/media/slices/1795391999000_1.mp4',NULL,1795391999.0,300.0,0.0,1000,'0000000000000000000000000000000000000000000000000000000000000000','','',0,1,'','',NULL);
INSERT INTO "slice" VALUES('00000000000000000000000000000002_7_1795392299_1_1795391999000_2_300',1795391999000,2,7,1,'/var/lib/gather-agent/media/slices/1795391999000_2.mp4',NULL,1795392299.0,300.0,0.0,2000,'0000000000000000000000000000000000000000000000000000000000000000','','',0,1,'','',NULL);
INSERT INTO "slice" VALUES('00000000000000000000000000000003_7_1795392599_1_1795391999000_3_300',1795391999000,3,7,1,'/var/lib/gather-agent/media/slices/1795391999000_3.mp4',NULL,1795392599.0,300.0,0.0,3000,'0000000000000000000000000000000000000000000000000000000000000000','','',0,1,'','',NULL);
CREATE TABLE snapshot (
    camera_id INTEGER PRIMARY KEY,
    path      TEXT    NOT NULL,
    taken_at  REAL    NOT NULL,
    reported  REAL    NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX recording_unreported ON recording (slice_id) WHERE reported < revision;
CREATE INDEX recording_open ON recording (slice_id) WHERE ended_at IS NULL;
CREATE INDEX slice_by_state ON slice (state, started_at);
CREATE INDEX slice_by_recording ON slice (slice_id, slice_inx);
COMMIT;
