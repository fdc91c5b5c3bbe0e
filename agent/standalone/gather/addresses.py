"""The addresses (`file_fdfs`, `image_fdfs`) that an agent may report: they are shown, played, and joined to
`storage_addr` by whoever reads them, so none may mean anything but the file it is about.
"""

from __future__ import annotations

import re

from agent.standalone.files import STORAGE_PREFIX
from agent.standalone.gather.http import Refused

_NO_PATH = re.compile(r"[\x00-\x1f\x7f\\?#]|//|/\.{1,2}(?:/|$)")
"""What browsers and clients read as another host (`//host`, `\\`), another folder, or the end of a path."""


def check_address(name: str, given: str, own: re.Pattern[str]) -> None:
    """Refuse (400) what is no plain path below a storage's root, and below this server's storage any but `own`."""
    if not given.startswith("/"):
        raise Refused(400, f"{name}: must begin with /")
    if _NO_PATH.search(given):
        raise Refused(400, f"{name}: must be a plain path, without //, .., ?, # and control characters")
    if given.startswith(STORAGE_PREFIX) and own.fullmatch(given) is None:
        raise Refused(400, f"{name}: another file of this server than the one it is about")


def picture_of(stem: str) -> re.Pattern[str]:
    """Where this server keeps the picture of a finished slice."""
    return re.compile(rf"{STORAGE_PREFIX}recordings/[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}/{re.escape(stem)}\.jpg", re.ASCII)


def exactly(path: str) -> re.Pattern[str]:
    """The one address of a file at this path of the storage."""
    return re.compile(re.escape(STORAGE_PREFIX + path))
