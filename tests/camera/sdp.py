"""The session description of a film (RFC 8866), with parameter sets where the script wants them."""

from __future__ import annotations

import base64

from tests.camera.film import Film, FilmTrack
from tests.camera.packetise import SetsIn

PAYLOAD_TYPES = {"pcm_mulaw": 0, "pcm_alaw": 8, "mp2": 14, "mjpeg": 26}
"""Static ones (RFC 3551); the others are 96 and 97."""


def payload_type(track: FilmTrack) -> int:
    """The number that the packets of a track bear."""
    return PAYLOAD_TYPES.get(track.codec, 96 if track.kind == "video" else 97)


def describe(film: Film, sets_in: SetsIn = "both", audio_first: bool = False) -> str:
    """What DESCRIBE answers; control addresses are `track0`, `track1`, in the order of the tracks."""
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=camera",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "a=control:*",
        "a=range:npt=now-",
    ]
    numbered = list(enumerate(film.tracks))
    for index, track in reversed(numbered) if audio_first else numbered:
        lines += _media(index, track, sets_in)
    return "\r\n".join(lines) + "\r\n"


def _media(index: int, track: FilmTrack, sets_in: SetsIn) -> list[str]:
    number = payload_type(track)
    lines = [f"m={track.kind} 0 RTP/AVP {number}"]
    if number not in (14, 26):
        lines.append(f"a=rtpmap:{number} {_rtpmap(track)}")
    if fmtp := _fmtp(track, sets_in):
        lines.append(f"a=fmtp:{number} {fmtp}")
    return [*lines, f"a=control:track{index}"]


def _rtpmap(track: FilmTrack) -> str:
    name = {
        "h264": "H264",
        "hevc": "H265",
        "av1": "AV1",
        "aac": "MPEG4-GENERIC",
        "pcm_alaw": "PCMA",
        "pcm_mulaw": "PCMU",
        "g726": "G726-32",
        "opus": "opus",
        "pcm_s16be": "L16",
    }[track.codec]
    channels = "/2" if track.codec == "opus" else f"/{track.channels}" if track.kind == "audio" else ""
    return f"{name}/{track.clock}{channels}"


def _fmtp(track: FilmTrack, sets_in: SetsIn) -> str:
    if track.codec == "aac":
        return (
            "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;"
            f"config={track.sets[0].hex()}"
        )
    if sets_in == "band":
        return "packetization-mode=1" if track.codec == "h264" else ""
    coded = [base64.b64encode(unit).decode() for unit in track.sets]
    if track.codec == "h264":
        return (
            f"packetization-mode=1;profile-level-id={track.sets[0][1:4].hex()};sprop-parameter-sets={','.join(coded)}"
        )
    if track.codec == "hevc":
        return "".join(f"sprop-{name}={value};" for name, value in zip(("vps", "sps", "pps"), coded, strict=True))[:-1]
    return ""
