"""Files as they are sent to a storage."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

NAME = "0123456789abcdef0123456789abcdef_7_1800000000_5_11_1_60.mp4"


def noise(folder: Path, size: int, name: str = NAME) -> tuple[Path, str]:
    """A new file of so many bytes that nothing compresses, and its checksum."""
    path = folder / name
    path.write_bytes(random.Random(name).randbytes(size))
    return path, hashlib.sha256(path.read_bytes()).hexdigest()
