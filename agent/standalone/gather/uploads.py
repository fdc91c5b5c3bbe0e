"""`PUT`, `PATCH`, `HEAD`, `DELETE /gather/v1/files/{name}`: files come in whole, verified, durable, or not at all."""

from __future__ import annotations

import asyncio
import base64
import binascii
import errno
import re
from dataclasses import dataclass

from aiohttp import ClientPayloadError, web
from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.standalone.files import (
    STORAGE_PREFIX,
    BrokenOff,
    FileName,
    FileStore,
    NameBusy,
    parse_name,
    part_of,
)
from agent.standalone.gather.http import Caller, Refused, answer, caller
from agent.standalone.gather.landing import Landing
from agent.standalone.services import SERVICES
from agent.standalone.shelf import ShelfError
from agent.standalone.store.schema import Camera, Record
from agent.standalone.store.schema import StoredFile as StoredRow
from agent.standalone.store.trash import keep_after_all, throw_away
from agent.wire.models import Reply, StoredFile

CHUNK = 1 << 20
KEPT_FROM = 4 << 20
"""Bytes. Of a smaller upload that breaks off nothing is kept."""
CHUNK_SECONDS = 60.0
"""How long the next bytes of an upload may take."""

_DIGEST = re.compile(r"(?:^|,)\s*sha-256\s*=\s*:([A-Za-z0-9+/]{43}=):\s*(?:,|$)")
_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an upload will lie, and what already lies there under its name."""

    relative: str
    size: int = -1
    sha256: str = ""


async def put_file(request: web.Request) -> web.Response:
    """Take an upload. The same content again gets the same answer; other content under the same name is refused
    (409).
    """
    who = await caller(request)
    return await _take(request, who, _digest_in(request, "Content-Digest"), 0, request.content_length)


async def go_on(request: web.Request) -> web.Response:
    """Take the rest of an upload that broke off, from `Upload-Offset` on: exactly where it stopped, else 409."""
    who = await caller(request)
    offset, size = _count(request, "Upload-Offset"), _count(request, "Upload-Length")
    if request.content_length is not None and offset + request.content_length != size:
        raise Refused(400, "Upload-Offset, Content-Length and Upload-Length do not add up")
    return await _take(request, who, _digest_in(request, "Repr-Digest"), offset, size)


async def _take(request: web.Request, who: Caller, digest: bytes, offset: int, total: int | None) -> web.Response:
    services = request.app[SERVICES]
    name = _name(request)
    if request.content_length is None or total is None:
        raise Refused(411, "a Content-Length header is needed")
    place = await services.database.run(_find_place, who, name, services.files, for_writing=True)
    known = not name.live and (place.size, place.sha256) == (total, digest.hex())
    if known and await services.shelf.size(place.relative) >= 0:
        await _drain(request)
        return _stored(place.relative, place.size, place.sha256)
    if place.size >= 0 and not name.live and not known:
        raise Refused(409, "other content is stored under this name")
    part = part_of(who.gather_id, name, digest) if total >= KEPT_FROM and not name.live else ""
    if offset and services.files.busy(name.text):
        raise Refused(503, "this name is being uploaded by another request")
    if offset and (not part or services.files.held(part) != offset):
        raise Refused(409, "the upload does not go on where it stopped")
    if not services.files.has_room(total - offset):
        raise Refused(507, "the storage is full")
    try:
        with services.files.arriving(name.text, part) as (file, arrived):
            # Whoever had the name until now may have stored something since the look above.
            if not name.live and await services.database.run(_find_place, who, name, services.files) != place:
                raise Refused(503, "this name has been stored by another request meanwhile")
            file.truncate(offset)
            file.seek(offset)
            async with Landing(file, services.files.disk) as landing:
                size = await _receive(request, landing, digest, total)
            try:
                await services.shelf.keep(arrived, place.relative, digest.hex())
            except ShelfError as error:
                raise BrokenOff(503, f"the storage behind this server: {error}") from error
            row = StoredRow(name=name.text, gather_id=who.gather_id, camera_id=name.camera_id, path=place.relative)
            row.size, row.sha256, row.created = size, digest.hex(), services.clock()
            await services.database.run(_enter, row)
    except NameBusy as error:
        raise Refused(503, "this name is being uploaded by another request") from error
    except BrokenOff as error:
        raise Refused(error.status, str(error)) from error
    except OSError as error:
        if error.errno in _FULL:
            raise Refused(507, "the storage is full") from error
        raise
    return _stored(place.relative, size, digest.hex())


async def head_file(request: web.Request) -> web.Response:
    """Tell what is stored under a name: its size, and its checksum as `Repr-Digest`. Where nothing is, `Upload-Offset`
    tells how much came of the file whose `Repr-Digest` the request names.
    """
    services = request.app[SERVICES]
    who = await caller(request)
    name = _name(request)
    place = await services.database.run(_find_place, who, name, services.files)
    if place.size < 0 or await services.shelf.size(place.relative) != place.size:
        held = 0
        if "Repr-Digest" in request.headers:
            held = services.files.held(part_of(who.gather_id, name, _digest_in(request, "Repr-Digest")))
        return web.Response(status=404, headers={"Upload-Offset": str(held)})
    checksum = base64.b64encode(bytes.fromhex(place.sha256)).decode()
    headers = {"Content-Length": str(place.size), "Repr-Digest": f"sha-256=:{checksum}:"}
    return web.Response(headers=headers, content_type="application/octet-stream")


async def delete_file(request: web.Request) -> web.Response:
    """Take back what the agent itself has stored and no record refers to; none is there is as good."""
    services = request.app[SERVICES]
    who = await caller(request)
    name = _name(request)
    if name.live:
        raise Refused(405, "a channel's picture is replaced, not deleted")
    await services.database.run(_take_back, who, name)
    services.sweeper.wake()
    return answer(Reply())


def _take_back(session: Session, who: Caller, name: FileName) -> None:
    stem = name.text.rpartition(".")[0]
    if session.scalar(select(Record.record_id).where(Record.file_src == stem)) is not None:
        raise Refused(409, "this file belongs to a record; the server deletes it with that (del_record)")
    throw_away(session, (StoredRow.name == name.text) & (StoredRow.gather_id == who.gather_id))


def _name(request: web.Request) -> FileName:
    name = parse_name(request.match_info["name"])
    if name is None:
        raise Refused(400, "name: neither a finished slice, nor its thumbnail, nor live_<camera_id>.jpg")
    return name


def _digest_in(request: web.Request, header: str) -> bytes:
    match = _DIGEST.search(request.headers.get(header, ""))
    if match is None:
        raise Refused(400, f"a {header} header with sha-256 (RFC 9530) is needed")
    try:
        return base64.b64decode(match[1], validate=True)
    except binascii.Error as error:
        raise Refused(400, f"{header}: not base64") from error


def _count(request: web.Request, header: str) -> int:
    text = request.headers.get(header, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise Refused(400, f"a {header} header with a number of bytes is needed")
    return int(text)


def _find_place(
    session: Session, who: Caller, name: FileName, files: FileStore, *, for_writing: bool = False
) -> _Place:
    camera = session.get(Camera, name.camera_id)
    if camera is not None and camera.gather_id != who.gather_id:
        raise Refused(409, f"channel {name.camera_id} is another agent's")
    if camera is None and name.live:
        raise Refused(404, f"there is no channel {name.camera_id}")
    row = session.get(StoredRow, name.text)
    if row is None:
        relative = files.place(name, camera.snapshot_key if camera else "")
        if for_writing:
            keep_after_all(session, relative)
        return _Place(relative)
    if row.gather_id != who.gather_id:
        raise Refused(409, "this file is another agent's")
    return _Place(row.path, row.size, row.sha256)


async def _receive(request: web.Request, landing: Landing, digest: bytes, total: int) -> int:
    """The body on disk, verified; refused when it is not what its headers say."""
    while pieces := await _next_bytes(request, CHUNK):
        await landing.take(pieces)
    size, checksum = await landing.end()
    if size != total:
        raise Refused(422, f"{size} bytes came, {total} were announced")
    if checksum != digest:
        raise Refused(422, "the content does not match its Content-Digest")
    return size


async def _drain(request: web.Request) -> None:
    """Read what the caller sends although it is here already, so that it comes to reading the answer."""
    try:
        while await _next_bytes(request, CHUNK):
            pass
    except BrokenOff as error:
        raise Refused(error.status, str(error)) from error


async def _next_bytes(request: web.Request, most: int) -> list[bytes]:
    """Some `most` bytes of the body, gathered so that the disk gets many at once; nothing at its end."""
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(CHUNK_SECONDS):
            while size < most and (piece := await request.content.readany()):
                pieces.append(piece)
                size += len(piece)
    except TimeoutError as error:
        if not pieces:
            raise BrokenOff(408, f"no more bytes came within {CHUNK_SECONDS:.0f} s") from error
    except (ClientPayloadError, ConnectionError) as error:
        if not pieces:  # what came is kept; the next call meets the same error
            raise BrokenOff(422, "the upload broke off") from error
    return pieces


def _enter(session: Session, row: StoredRow) -> None:
    session.merge(row)


def _stored(relative: str, size: int, sha256: str) -> web.Response:
    return answer(StoredFile(file=STORAGE_PREFIX + relative, size=size, sha256=sha256))
