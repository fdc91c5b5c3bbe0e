"""What a downloaded recording is called, and how HTTP says it (RFC 6266, RFC 8187)."""

from __future__ import annotations

import re
from urllib.parse import quote

_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f"*/:<>?\\|]+')
"""What Windows, macOS or a shell does not take in a file's name."""
LONGEST = 120
"""Characters; file systems take 255 bytes, and a Chinese character is three."""
_PLAIN = "!#$&+-.^_`|~"


def file_name(day: str, time: str, *parts: str, inx: int, of: int) -> str:
    """`2026-11-24 08-00 语文 301 王老师 (2).mp4`; the number only where there are several."""
    text = " ".join(filter(None, (day, time.replace(":", "-"), *parts)))
    text = _FORBIDDEN.sub("-", text)
    number = f" ({inx})" if of > 1 else ""
    while len(text) > 1 and len(f"{text}{number}.mp4".encode()) > 2 * LONGEST:
        text = text[:-1]
    return f"{text.strip(' .')}{number}.mp4"


def attachment(name: str) -> str:
    """The value of `Content-Disposition`: the name as it is, and for old clients one of ASCII."""
    plain = re.sub(r"[^ ().0-9A-Z_a-z-]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_PLAIN)}"
