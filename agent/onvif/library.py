"""The second opinion: onvif-zeep-async is asked about a device whose answers our own conversation cannot use.

It knows odd devices from years of reports, and the first media service only; it brings 60 MB and a third of a second,
so it is imported when it is needed. Nothing is set through it: a device that is that odd keeps its settings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from agent.onvif.messages import Question, Streams
from agent.onvif.profiles import BadAddress, Profile, address, choose


class NoOpinion(Exception):
    """The library does not get the streams out of the device either."""


def ask_again(question: Question, port: int, limit_sec: float) -> Streams:
    """Addresses as `agent.onvif.streams.find_streams` gives them, with a warning that nothing was set.

    Raises `NoOpinion`.
    """
    try:
        return asyncio.run(_within(question, port, limit_sec))
    except Exception as error:  # the library's boundary: odd answers raise IndexError, AttributeError, ...
        raise NoOpinion(f"{type(error).__name__}: {error}") from error


async def _within(question: Question, port: int, limit_sec: float) -> Streams:
    import onvif  # noqa: PLC0415 - 60 MB that hardly any device needs

    async with asyncio.timeout(limit_sec):
        camera = onvif.ONVIFCamera(
            question.host,
            port,
            question.user,
            question.password.get_secret_value(),
            adjust_time=True,  # a camera whose clock is off refuses any digest otherwise
            no_cache=True,
            nat_override=True,  # at the configured host and nowhere else
        )
        try:
            await camera.update_xaddrs()
            return await _streams(question, await camera.create_media_service(), f"{question.host}:{port}")
        finally:
            await camera.close()


async def _streams(question: Question, media: Any, shown: str) -> Streams:
    profiles = [one for one in map(_profile, await media.GetProfiles() or ()) if one is not None]
    if not profiles:
        raise NoOpinion("no profile with a picture")
    main, sub = choose(profiles)
    warnings = [f"{shown}: an odd device: its rates and the text in its picture are left as they are"]
    if question.twice and sub is None:
        warnings.append(f"{shown}: the device has one stream only; it is recorded and shown")
    return Streams(
        main=await _uri(media, main, question.host),
        sub=await _uri(media, sub, question.host) if question.twice and sub is not None else "",
        encoding=main.encoding,
        warnings=tuple(warnings),
    )


async def _uri(media: Any, profile: Profile, host: str) -> str:
    setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
    pending: Awaitable[Any] = media.GetStreamUri({"StreamSetup": setup, "ProfileToken": profile.token})
    try:
        return address(str((await pending).Uri), host)
    except BadAddress as error:
        raise NoOpinion(str(error)) from error


def _profile(offered: Any) -> Profile | None:
    """What of a profile decides; None where it has no picture, or does not say which."""
    encoder, source = offered.VideoEncoderConfiguration, offered.VideoSourceConfiguration
    if encoder is None or source is None or encoder.Resolution is None:
        return None
    size = encoder.Resolution
    return Profile(
        offered.token, str(source.SourceToken), encoder.token, str(encoder.Encoding), int(size.Width), int(size.Height)
    )
