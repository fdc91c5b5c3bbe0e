"""FLV for tests: small tags whose bodies say which they are."""

from __future__ import annotations

from agent.standalone.live.flv import Kind, Tag, TagReader, file_head

AVC_HEADER = Tag(Kind.VIDEO, 0, b"\x17\x00\x00\x00\x00avcC")
AAC_HEADER = Tag(Kind.AUDIO, 0, b"\xaf\x00asc")
HEVC_HEADER = Tag(Kind.VIDEO, 0, b"\x90hvc1hvcC")
META = Tag(Kind.SCRIPT, 0, b"\x02\x00\x0aonMetaData")
HEADERS = (META, AVC_HEADER, AAC_HEADER)
FRAME_MS = 40
GOP = 5


def picture(number: int, *, size: int = 0, first: int = 0) -> Tag:
    """The picture of this number; every fifth is a key frame. `first` has time 0."""
    head = b"\x17" if number % GOP == 0 else b"\x27"
    return Tag(Kind.VIDEO, (number - first) * FRAME_MS, head + b"\x01\0\0\0" + number.to_bytes(4, "big") + bytes(size))


def sound(number: int) -> Tag:
    """A packet of sound beside the picture of this number."""
    return Tag(Kind.AUDIO, number * FRAME_MS, b"\xaf\x01" + number.to_bytes(4, "big"))


def number_of(tag: Tag) -> int:
    """Which picture it is."""
    return int.from_bytes(tag.body[5:9], "big")


def written(*tags: Tag) -> bytes:
    """A file of these tags at their own times."""
    return file_head(video=True, audio=True) + b"".join(tag.written(tag.at) for tag in tags)


def read(data: bytes) -> list[Tag]:
    """The tags of a file."""
    return list(TagReader().feed(data)) if data else []


def pictures(tags: list[Tag]) -> list[int]:
    """The numbers of the pictures among tags."""
    return [number_of(tag) for tag in tags if tag.kind is Kind.VIDEO and not tag.is_header]
