"""What a recording is called on the disk of whoever downloads it (RFC 6266), without I/O."""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import quote

_UNFIT = re.compile(r'[\x00-\x1f\x7f\\/:*?"<>|]+')
"""What some file system refuses."""
_MOST_BYTES = 180
"""Of a part of a name: whole names stay below the 255 bytes that file systems take."""


def file_name(room: str, subject: str, begin: datetime, slice_inx: int, ending: str = ".mp4") -> str:
    """`<room> <subject> <date> <time>.mp4`, as people look for it; slices after the first have their number."""
    moment = begin.strftime("%Y-%m-%d %H-%M")
    number = f" ({slice_inx})" if slice_inx > 1 else ""
    words = [_fit(word, _MOST_BYTES // 2) for word in (room, subject)]
    return " ".join(filter(None, [*words, moment])) + number + ending


def attachment(name: str) -> str:
    """The `Content-Disposition` that has a browser save an answer under this name.

    `filename*` is UTF-8 (RFC 8187); `filename` before it is for clients that know only that, in ASCII.
    """
    plain = re.sub(r"[^ -~]+", "_", name).replace("%", "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _fit(text: str, most: int) -> str:
    """A part of a file name: without what file systems refuse, and not too long."""
    cleaned = " ".join(_UNFIT.sub(" ", text).split()).strip(". ")
    return cleaned.encode()[:most].decode(errors="ignore").rstrip()
