"""What is said to a camera and what its answers mean: OPTIONS, DESCRIBE, SETUP, PLAY, keep-alive, TEARDOWN.

Without I/O: each conversation is a generator that yields the next `Request` and is sent the `Message` that answers it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from recorder.source.rtsp.auth import Login
from recorder.source.rtsp.messages import Message, Request
from recorder.source.rtsp.problems import Redirected, Refused
from recorder.source.rtsp.sdp import Description, Media, base_of, joined, parse

USER_AGENT = "gather-agent"
SESSION_SEC = 60.0
"""How long a session lives without a word when the camera names no `timeout` (RFC 2326, 12.37)."""
_REDIRECTIONS = frozenset((301, 302, 303, 305, 307, 308))
_UNAUTHORIZED = 401
_BUSY = frozenset((453, 503))

Conversation = Generator[Request, Message, None]


@dataclass(slots=True)
class Way:
    """How the packets of a track come: by these channels of the connection, or from these ports of `source`."""

    channels: tuple[int, int] | None = None
    server_ports: tuple[int, int] | None = None
    source: str = ""
    ssrc: int | None = None


@dataclass(slots=True)
class Leg:
    """A track that is asked for: what is announced of it, how it comes, and the RTP stamp at which PLAY begins."""

    media: Media
    way: Way = field(default_factory=Way)
    url: str = ""
    first_stamp: int | None = None


class Dialogue:
    """One connection's conversation with a camera at `url`, which holds no user and password.

    `old_session` is a session of ours that was never torn down: a camera that has no stream left gets it back first.
    """

    def __init__(self, url: str, login: Login, old_session: tuple[str, str] | None = None) -> None:
        self._url = url
        self._login = login
        self._old_session = old_session
        self._base = url
        self._aggregate = url
        self._methods: set[str] = set()
        self._get_parameter_works = True
        self.session = ""
        self.session_sec = SESSION_SEC
        self.legs: list[Leg] = []
        self.playing = False

    @property
    def session_address(self) -> tuple[str, str] | None:
        """What would tear this session down from another connection."""
        return (self._aggregate, self.session) if self.session else None

    def describe(self) -> Generator[Request, Message, Description]:
        """Find out what the camera sends. Raises `Refused` or `Redirected`."""
        answer = yield from self._ask(Request("OPTIONS", self._url), bear=True)
        self._methods = {one.strip().upper() for one in answer.get("public").split(",") if one.strip()}
        answer = yield from self._ask(Request("DESCRIBE", self._url, {"Accept": "application/sdp"}))
        self._base = base_of(self._url, answer.get("content-base"), answer.get("content-location"))
        description = parse(answer.body)
        self._aggregate = joined(self._base, description.control)
        return description

    def set_up(
        self, media: Sequence[Media], transport: Callable[[int], str]
    ) -> Generator[Request, Message, dict[int, Refused]]:
        """Ask for these, the most wanted first; `transport` gives the `Transport` header of each by its number.

        Those that the camera refuses, by their numbers: nobody misses the picture because it will not give the sound.
        Raises `Refused` where it gives not even the first, or wants a login.
        """
        refused: dict[int, Refused] = {}
        for number, one in enumerate(media):
            leg = Leg(one, url=joined(self._base, one.control))
            request = Request("SETUP", leg.url, {"Transport": transport(number)})
            try:
                answer = yield from self._set_up(request)
            except Refused as error:
                if not self.legs or error.status == _UNAUTHORIZED:
                    raise
                refused[number] = error
                continue
            self._take_session(answer)
            leg.way = transport_of(answer.get("transport"))
            self.legs.append(leg)
        return refused

    def _set_up(self, request: Request) -> Generator[Request, Message, Message]:
        try:
            return (yield from self._ask(request))
        except Refused as refused:
            if refused.status not in _BUSY or self._old_session is None:
                raise
            yield from self._return_old_session()
            return (yield from self._ask(request))

    def play(self) -> Conversation:
        """Have the packets come."""
        answer = yield from self._ask(Request("PLAY", self._aggregate, {"Range": "npt=0.000-"}))
        self._take_session(answer)
        self.playing = True
        stamps = first_stamps(",".join(answer.headers.get("rtp-info", [])))
        for leg in self.legs:
            leg.first_stamp = _stamp_for(leg, stamps, alone=len(self.legs) == 1)

    def keep_alive(self) -> Conversation:
        """Tell the camera that we are still there.

        What it answers decides nothing.  Cameras refuse GET_PARAMETER, or say that they know no such session, and send
        on: the clients that they are tried with do not listen.  Whether a session has ended, its packets tell.
        """
        with suppress(Redirected):
            if self._get_parameter_works and (not self._methods or "GET_PARAMETER" in self._methods):
                answer = yield from self._ask(Request("GET_PARAMETER", self._aggregate), bear=True)
                if answer.status < 400:
                    return
                self._get_parameter_works = False
            yield from self._ask(Request("OPTIONS", self._aggregate), bear=True)

    def tear_down(self) -> Conversation:
        """Give the session back."""
        if self.session:
            yield from self._ask(Request("TEARDOWN", self._aggregate), bear=True)
            self.session = ""

    def _return_old_session(self) -> Conversation:
        assert self._old_session is not None
        (url, session), self._old_session = self._old_session, None
        yield from self._ask(Request("TEARDOWN", url, {"Session": session}), bear=True)

    def _ask(self, request: Request, *, bear: bool = False) -> Generator[Request, Message, Message]:
        """One request, with what the login needs; an error answer is raised, or with `bear` given back."""
        while True:
            headers = {"User-Agent": USER_AGENT, **request.headers}
            if self.session and "Session" not in headers:
                headers["Session"] = self.session
            if authorization := self._login.header(request.method, request.url):
                headers["Authorization"] = authorization
            answer = yield Request(request.method, request.url, headers)
            if answer.status == _UNAUTHORIZED:
                if self._login.refused(answer.headers.get("www-authenticate", [])):
                    continue
                if bear and request.method != "TEARDOWN":
                    # The request that counts will be refused as well, or it needs no login.
                    return answer
            elif answer.status < 400:
                self._login.accepted()
            if answer.status in _REDIRECTIONS and answer.get("location"):
                raise Redirected(urljoin(request.url, answer.get("location")))
            if not bear and not 200 <= answer.status < 300:
                raise Refused(request.method, answer.status, answer.reason)
            return answer

    def _take_session(self, answer: Message) -> None:
        identifier, _, rest = answer.get("session").partition(";")
        if not identifier.strip():
            return
        self.session = identifier.strip()
        for part in rest.split(";"):
            name, _, value = part.strip().partition("=")
            if name.strip().lower() == "timeout" and value.strip().isascii() and value.strip().isdigit():
                self.session_sec = float(min(int(value.strip()[:6]), 86_400)) or SESSION_SEC


def transport_of(header: str) -> Way:
    """`Transport` of an answer (RFC 2326, 12.39)."""
    way = Way()
    for part in header.split(",", maxsplit=1)[0].split(";")[1:]:
        name, _, value = part.strip().partition("=")
        name = name.strip().lower()
        if name == "interleaved":
            pair = _pair(value, 255)
            way.channels = pair or way.channels
        elif name == "server_port":
            way.server_ports = _pair(value, 65_535)
        elif name == "source":
            way.source = value.strip()
        elif name == "ssrc":
            way.ssrc = _hexadecimal(value)
    return way


def first_stamps(header: str) -> list[tuple[str, int]]:
    """The address and `rtptime` of each part of `RTP-Info` (RFC 2326, 12.33) that names both."""
    found = []
    for part in header.split(","):
        fields = {}
        for one in part.split(";"):
            name, _, value = one.strip().partition("=")
            fields[name.strip().lower()] = value.strip().strip('"')
        stamp = fields.get("rtptime", "")
        if stamp.isascii() and stamp.isdigit() and len(stamp) <= 10:
            found.append((fields.get("url", ""), int(stamp) & 0xFFFFFFFF))
    return found


def _stamp_for(leg: Leg, stamps: list[tuple[str, int]], alone: bool) -> int | None:
    """By the address, or its end where the camera writes another host or a bare control."""
    exact = [stamp for url, stamp in stamps if url == leg.url]
    tail = leg.media.control.rsplit("/", 1)[-1]
    similar = [stamp for url, stamp in stamps if tail and url.endswith(tail)]
    for found in (exact, similar):
        if len(found) == 1:
            return found[0]
    return stamps[0][1] if alone and len(stamps) == 1 else None


def is_rtsp(url: str) -> bool:
    """Whether a redirection leads to an address that this reader may follow."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("rtsp", "rtsps") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _pair(text: str, most: int) -> tuple[int, int] | None:
    first, _, second = text.strip().partition("-")
    if not (first.isascii() and first.isdigit() and len(first) < 6):
        return None
    low = int(first)
    high = int(second) if second.isascii() and second.isdigit() and len(second) < 6 else low + 1
    return (low, high) if low <= most and high <= most else None


def _hexadecimal(text: str) -> int | None:
    try:
        return int(text.strip(), 16) & 0xFFFFFFFF
    except ValueError:
        return None
