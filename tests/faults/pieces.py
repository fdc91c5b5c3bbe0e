"""Stored slices, fetched and played as a player would."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass
from pathlib import Path

import av

from recorder.names import parse_stem
from recorder.slices.slice_meta import read_comment
from tests.faults.school import School


@dataclass(frozen=True)
class Piece:
    """A stored slice, as its file tells it."""

    began: float
    ended: float
    packets: int


def piece_of(school: School, record: dict[str, object], folder: Path) -> Piece:
    """Fetch the file as a player would, play it through."""
    address = f"{school.url}{record['file_fdfs']}"
    path = folder / Path(str(record["file_fdfs"])).name
    with urllib.request.urlopen(address, timeout=10) as answer:
        path.write_bytes(answer.read())
    assert path.stat().st_size == record["file_size"]
    name = parse_stem(path.stem)
    assert name is not None
    with av.open(str(path)) as file:
        meta = read_comment(file.metadata.get("comment", ""), name)
        packets = sum(1 for frame in file.decode(video=0))
        assert file.duration is not None
        length = file.duration / av.time_base
    return Piece(meta.started_at, meta.started_at + length, packets)
