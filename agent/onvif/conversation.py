"""A conversation with one ONVIF device, in a process of its own.

    python -m agent.onvif.conversation          a `Question` on standard input, an `Answer` on standard output

The library behind it parses a camera's XML, takes the proxies out of the process environment, logs as it pleases and
needs 60 MB and a third of a second: none of that belongs into the daemon.  A device that answers nothing, too slowly
or nonsense costs this process, which the daemon ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import onvif
import zeep.exceptions
from lxml import etree
from onvif.exceptions import ONVIFError

from agent.onvif.messages import Answer, DeviceCause, Failure, Question, Streams
from agent.onvif.profiles import BadAddress, Profile, address, choose

_MOST_MEMORY = 512 << 20
_DENIED = ("notauthorized", "not authorized", "unauthorized", "sender not auth", "failedauthentication", "forbidden")


class _CallFailed(Exception):
    def __init__(self, cause: DeviceCause, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause


async def converse(question: Question) -> Answer:
    """Ask at each port until one answers; never raises for anything that a device does."""
    failure = Failure(cause="unusable", detail=f"{question.host}: no port to ask at")
    for port in question.ports:
        try:
            async with asyncio.timeout(question.limit_sec):
                return Answer(streams=await _Device(question, port).streams())
        except TimeoutError:
            detail = f"{question.host}:{port}: no answer over ONVIF within {question.limit_sec:.0f} s"
            failure = Failure(cause="timeout", detail=detail)
        except _CallFailed as error:
            failure = Failure(cause=error.cause, detail=str(error))
        if failure.cause not in ("unreachable", "timeout"):
            break
    return Answer(failure=failure)


class _Device:
    """One connection. Every call is named in what can go wrong with it."""

    def __init__(self, question: Question, port: int) -> None:
        self._question = question
        self._shown = f"{question.host}:{port}"
        self._camera = onvif.ONVIFCamera(
            question.host,
            port,
            question.user,
            question.password.get_secret_value(),
            adjust_time=True,  # a camera whose clock is off refuses any digest otherwise
            no_cache=True,
        )
        self._warnings: list[str] = []

    async def streams(self) -> Streams:
        try:
            return await self._ask()
        finally:
            await self._camera.close()

    async def _ask(self) -> Streams:
        question = self._question
        await self._call("GetServices", self._camera.update_xaddrs())
        if not self._camera.xaddrs:
            raise _CallFailed("unusable", f"{self._shown}: the device names no ONVIF services")
        model = await self._model()
        media = await self._call("the media service", self._camera.create_media_service())
        offered = await self._call("GetProfiles", media.GetProfiles())
        profiles = {one.token: one for one in map(_profile, offered or ()) if one is not None}
        if not profiles:
            raise _CallFailed("unusable", f"{self._shown}: GetProfiles: the device has no profile with a picture")
        main, sub = choose(list(profiles.values()))
        if not question.twice:
            sub = None
        elif sub is None:
            self._warnings.append(f"{self._shown}: the device has one stream only; it is recorded and shown")
        encoders = {one.token: one.VideoEncoderConfiguration for one in offered if one.token in profiles}
        if question.twice:
            await self._set_rate(media, encoders[main.token], question.main_rate, "main")
            if sub is not None:
                await self._set_rate(media, encoders[sub.token], question.sub_rate, "sub")
        sources = {one.token: one.VideoSourceConfiguration.token for one in offered if one.token in profiles}
        await self._set_osd(media, sources[main.token])
        if question.mirror:
            self._warnings.append(
                f"{self._shown}: ONVIF cannot mirror the picture; switch it on in the camera's own settings"
            )
        return Streams(
            main=await self._uri(media, main),
            sub=await self._uri(media, sub) if sub is not None else "",
            model=model,
            warnings=tuple(self._warnings),
        )

    async def _model(self) -> str:
        management = await self._call("the device service", self._camera.create_devicemgmt_service())
        told = await self._call("GetDeviceInformation", management.GetDeviceInformation())
        return " ".join(str(part) for part in (told.Manufacturer, told.Model) if part)

    async def _uri(self, media: Any, profile: Profile) -> str:
        setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
        told = await self._call(
            "GetStreamUri", media.GetStreamUri({"StreamSetup": setup, "ProfileToken": profile.token})
        )
        try:
            return address(str(told.Uri), self._question.host)
        except BadAddress as error:
            raise _CallFailed("unusable", f"{self._shown}: GetStreamUri: {error}") from error

    async def _set_rate(self, media: Any, encoder: Any, kbit: int, which: str) -> None:
        control = encoder.RateControl
        if not kbit or control is None or control.BitrateLimit == kbit:
            return
        before, control.BitrateLimit = control.BitrateLimit, kbit
        request = {"Configuration": encoder, "ForcePersistence": True}
        await self._try(
            lambda: self._call("SetVideoEncoderConfiguration", media.SetVideoEncoderConfiguration(request)),
            f"the {which} stream stays at {before} kbit/s instead of {kbit}",
        )

    async def _set_osd(self, media: Any, source: str) -> None:
        wanted = self._question.osd

        async def change() -> None:
            shown = await self._call("GetOSDs", media.GetOSDs({"ConfigurationToken": source})) or []
            if wanted and not shown:
                clock = {
                    "token": "",
                    "VideoSourceConfigurationToken": source,
                    "Type": "Text",
                    "Position": {"Type": "UpperLeft"},
                    "TextString": {"Type": "DateAndTime"},
                }
                await self._call("CreateOSD", media.CreateOSD({"OSD": clock}))
            for one in () if wanted else shown:
                await self._call("DeleteOSD", media.DeleteOSD({"OSDToken": one.token}))

        await self._try(change, f"the text in the picture cannot be switched {'on' if wanted else 'off'}")

    async def _try(self, work: Callable[[], Awaitable[Any]], otherwise: str) -> None:
        """A setting that the device refuses never costs the stream."""
        try:
            await work()
        except _CallFailed as error:
            self._warnings.append(f"{otherwise} ({error})")

    async def _call(self, name: str, pending: Awaitable[Any]) -> Any:
        try:
            return await pending
        except Exception as error:  # the library's boundary: odd answers raise IndexError, AttributeError, ...
            cause, words = _why(error)
            raise _CallFailed(cause, f"{self._shown}: {name}: {words}") from error


def _profile(offered: Any) -> Profile | None:
    """What of a profile decides; None where it has no picture, or does not say which."""
    encoder, source = offered.VideoEncoderConfiguration, offered.VideoSourceConfiguration
    if encoder is None or source is None or encoder.Resolution is None:
        return None
    size = encoder.Resolution
    return Profile(
        offered.token, str(source.SourceToken), encoder.token, str(encoder.Encoding), int(size.Width), int(size.Height)
    )


def _why(error: Exception) -> tuple[DeviceCause, str]:
    codes = getattr(error, "subcodes", None) or ()
    text = " ".join([str(error), *(str(getattr(code, "localname", code)) for code in codes)])
    if any(word in text.lower() for word in _DENIED):
        return "unauthorized", "the device refuses user or password"
    match error:
        case aiohttp.ClientConnectorError():
            return "unreachable", f"cannot be reached ({error.os_error.strerror or error.os_error})"
        case TimeoutError():
            return "timeout", "no answer in time"
        case aiohttp.ClientError():
            return "unreachable", f"the connection broke ({type(error).__name__})"
        case zeep.exceptions.Fault():
            words = f"the device refuses: {str(error)[:200]}"
        case zeep.exceptions.Error() | etree.Error() | ONVIFError():
            words = f"the answer is not ONVIF ({str(error)[:200]})"
        case _:
            words = f"the answer is not ONVIF ({type(error).__name__})"
    return "unusable", words


def main() -> None:
    """One question, one answer."""
    logging.disable(logging.CRITICAL)
    # The library reads whatever a device sends to its end.  A sandbox may forbid to set limits; then it sets its own.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (_MOST_MEMORY, _MOST_MEMORY))
    question = Question.model_validate_json(sys.stdin.buffer.read())
    sys.stdout.write(asyncio.run(converse(question)).model_dump_json())


if __name__ == "__main__":
    main()
