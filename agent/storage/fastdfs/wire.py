"""FastDFS's frames: 10 bytes of header (length of the body, command, status), fixed fields, 64-bit big-endian numbers.

Plain functions. Source: the protocol as FastDFS 6.16 speaks it; the reply with a storage's place has two lengths, by
the tracker's `response_ip_addr_size`, of which most clients know one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import IntEnum

GROUP = 16
"""Bytes of a group's name."""


class Command(IntEnum):
    """The commands that are used here. Every reply has `REPLY`."""

    UPLOAD = 11
    DELETE = 12
    DOWNLOAD = 14
    FILE_INFO = 22
    UPLOAD_APPENDER = 23
    APPEND = 24
    TRUNCATE = 36
    REGENERATE = 38
    REPLY = 100
    QUERY_STORE = 101
    QUERY_UPDATE = 103
    QUERY_GROUP = 104


NO_FILE, INVALID, NO_SPACE = 2, 22, 28
"""Statuses: Linux's ENOENT, EINVAL and ENOSPC."""
SIZE_ONLY = 1
"""Flag of `FILE_INFO`: of an appender file no CRC32, for which the storage would read it whole. Since 6.15.1; it stands
where answers have their status, which older servers take for "do not log that there is no such file".
"""


class FdfsError(Exception):
    """The tracker or storage said no (`status`, 0 otherwise), or nothing that can be understood."""

    status = 0
    command: Command | None = None

    @classmethod
    def of(cls, command: Command, status: int) -> FdfsError:
        """What a status other than 0 means: a number of Linux."""
        of_tracker = command >= Command.REPLY
        known = {
            NO_FILE: "no such group, or no storage is active" if of_tracker else "no such file",
            INVALID: "an argument that it does not take",
            NO_SPACE: "every storage is below its reserved space" if of_tracker else "no space is left",
        }
        error = cls(f"{command.name.lower()}: {known.get(status) or os.strerror(status)} ({status})")
        error.status, error.command = status, command
        return error


@dataclass(frozen=True, slots=True)
class Place:
    """A storage that takes a file; `path_index` is which of its disks."""

    group: str
    host: str
    port: int
    path_index: int


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What a storage has under a name."""

    size: int
    crc: int


def u64(number: int) -> bytes:
    """A number on the wire."""
    return number.to_bytes(8, "big")


def header(command: Command, length: int, flags: int = 0) -> bytes:
    """A request's header; `length` bytes follow."""
    return u64(length) + bytes([command, flags])


def parse_header(command: Command, raw: bytes) -> int:
    """Bytes that follow the header of an answer. Raises `FdfsError` where that is a refusal, or no answer at all."""
    length, status = int.from_bytes(raw[:8], "big"), raw[9]
    if raw[8] != Command.REPLY or length >= 1 << 63:
        raise FdfsError(f"{command.name.lower()}: the reply is not of this protocol")
    if status:
        raise FdfsError.of(command, status)
    return length


def padded(text: str, width: int) -> bytes:
    """A fixed text field, NUL-padded on the right. `FdfsError` when it does not fit."""
    raw = text.encode()
    if len(raw) > width or b"\0" in raw:
        raise FdfsError(f"{text!r} does not fit into {width} bytes")
    return raw.ljust(width, b"\0")


def group_field(group: str) -> bytes:
    """A group's name as a field."""
    return padded(group, GROUP)


def name_of(name: str) -> bytes:
    """A remote name, without its group, as the rest of a body."""
    return name.encode()


def appended(name: str, size: int) -> bytes:
    """The head of an append of so many bytes."""
    raw = name.encode()
    return u64(len(raw)) + u64(size) + raw


def download(group: str, name: str) -> bytes:
    """The body of a request for a whole file."""
    return u64(0) + u64(0) + group_field(group) + name_of(name)


def file_id(group: str, name: str) -> str:
    """What a file is called everywhere: `group1/M00/00/00/...`."""
    return f"{group}/{name}"


def parse_place(body: bytes) -> Place:
    """Reply to 101 and 104: group 16, address 15 or 45 (or any other length), port 8, path index 1."""
    if len(body) < GROUP + 1 + 8 + 1:
        raise FdfsError("the tracker's reply is too short")
    host, port = _text(body[GROUP:-9]), int.from_bytes(body[-9:-1], "big")
    if not host or not 0 < port < 65536:
        raise FdfsError("the tracker names no storage")
    return Place(_text(body[:GROUP]), host, port, body[-1])


def parse_server(body: bytes) -> tuple[str, int]:
    """Reply to 102 and 103: group 16, address 15 or 45 (or any other length), port 8."""
    place = parse_place(body + b"\0")
    return place.host, place.port


def parse_name(body: bytes) -> tuple[str, str]:
    """Reply to an upload: the group, and the name in it."""
    group, name = _text(body[:GROUP]), _text(body[GROUP:])
    if not group or not name or ".." in name or "/" in group:
        raise FdfsError("the storage gives the file no name")
    return group, name


def parse_info(body: bytes) -> FileInfo:
    """Reply to 22: size 8, creation time 8, CRC32 8, source address 16 or 46.

    The server has the CRC as a signed `int` (`query_file_info_response`) and widens it: of every other file the upper
    four bytes are FF.
    """
    if len(body) < 24:
        raise FdfsError("the storage's reply is too short")
    return FileInfo(int.from_bytes(body[:8], "big"), int.from_bytes(body[20:24], "big"))


def _text(field: bytes) -> str:
    try:
        return field.split(b"\0", 1)[0].decode("ascii")
    except UnicodeDecodeError as error:
        raise FdfsError("a name that is no text") from error
