"""The names of slices: the key by which a recording is known everywhere.

A finished slice is `<stem>.mp4`, its thumbnail `<stem>.jpg`, and `<stem>` is what the server knows as `file_src`:

    <uid>_<camera_id>_<unix start>_<course_id>_<slice_id>_<slice_inx>_<seconds>

An open slice lacks the seconds, which nobody knows yet, and ends in `.mp4.part`.  The order of the fields is that of
the first implementation's later release, which its sites parse.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace

OPEN_SUFFIX = ".mp4.part"
CLOSED_SUFFIX = ".mp4"

_OPEN = re.compile(r"([0-9a-f]{32})_(\d{1,18})_(\d{1,18})_(\d{1,18})_(\d{1,18})_(\d{1,9})")
_CLOSED = re.compile(_OPEN.pattern + r"_(\d{1,9})")


@dataclass(frozen=True, slots=True)
class SliceName:
    """What a slice's name says.

    `uid` is 128 random bits: nobody can guess the address of a recording.  `start` is the wall clock (Unix seconds)
    of the slice's first packet, `course_id` 0 stands for a recording by hand, `slice_id` groups the slices of one
    recording, `slice_inx` counts them from 1, `seconds` is the media length in whole seconds, None while the slice is
    open.
    """

    uid: str
    camera_id: int
    start: int
    course_id: int
    slice_id: int
    slice_inx: int
    seconds: int | None = None

    @property
    def stem(self) -> str:
        """The name without suffix."""
        fields = [self.uid, self.camera_id, self.start, self.course_id, self.slice_id, self.slice_inx]
        if self.seconds is not None:
            fields.append(self.seconds)
        return "_".join(map(str, fields))

    @property
    def filename(self) -> str:
        """The name with the suffix of its state."""
        return self.stem + (OPEN_SUFFIX if self.seconds is None else CLOSED_SUFFIX)

    def closed(self, seconds: int) -> SliceName:
        """The same slice, finished with this media length."""
        return replace(self, seconds=seconds)


def new_uid() -> str:
    """128 random bits in hex."""
    return secrets.token_hex(16)


def parse(filename: str) -> SliceName | None:
    """The slice that a file name stands for, open or closed; None for any other file."""
    if filename.endswith(OPEN_SUFFIX):
        match = _OPEN.fullmatch(filename.removesuffix(OPEN_SUFFIX))
    else:
        match = _CLOSED.fullmatch(filename.removesuffix(CLOSED_SUFFIX))
        if not filename.endswith(CLOSED_SUFFIX):
            return None
    if match is None:
        return None
    uid, *numbers = match.groups()
    return SliceName(uid, *map(int, numbers))


def parse_stem(stem: str) -> SliceName | None:
    """The finished slice that a `file_src` stands for; None when it is none."""
    return parse(stem + CLOSED_SUFFIX)
