"""An RTSP camera read by ourselves: limits, redirections, and the words for what goes wrong."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from recorder.clocks import monotonic
from recorder.errors import RefusedUrl, SourceError
from recorder.packets import Packet, Track
from recorder.source import failures
from recorder.source.rtsp import outlets
from recorder.source.rtsp.auth import Login
from recorder.source.rtsp.dialogue import Dialogue, is_rtsp
from recorder.source.rtsp.messages import Malformed
from recorder.source.rtsp.problems import NotOurs, Redirected, Refused
from recorder.source.rtsp.session import Session
from recorder.source.rtsp.sockets import Stopped, Wake
from recorder.source.urls import Address, address_of
from recorder.specs import Limits, SourceSpec

MAX_REDIRECTIONS = 5
KEY_FRAME_SEC = 5.0

_left_open: dict[str, tuple[str, str]] = {}
"""Sessions of this process that no camera confirmed to have ended, by address: a camera with one place gets it back."""
_left_open_lock = threading.Lock()


class RtspSource:
    """`Source` for RTSP and RTSPS, over TCP or UDP. `watched`: somebody waits for each packet as it comes."""

    def __init__(self, spec: SourceSpec, limits: Limits, watched: Callable[[], bool] = lambda: False) -> None:
        """`spec` must be of kind "stream" with an RTSP address; raises `RefusedUrl`."""
        self._address = address_of(spec)
        self._udp = spec.transport == "udp"
        self._limits = limits
        self._watched = watched
        self.stall_sec = limits.stall_sec
        self._wake = Wake()
        self._session: Session | None = None
        self._dialogue: Dialogue | None = None
        self._ready: deque[Packet] = deque()
        self._dropped: tuple[str, ...] = ()

    @property
    def dropped(self) -> tuple[str, ...]:
        """Tracks that were left out, each with the reason."""
        return self._dropped

    def open(self) -> tuple[Track, ...]:
        """Connect, find the tracks, have them sent; see `Source.open`. Raises `NotOurs` where FFmpeg should try."""
        until = monotonic() + self._limits.connect_sec
        try:
            self._follow(until)
            return self._find_tracks(until)
        except Stopped:
            raise self._stopped() from None
        except Refused as refused:
            raise self._refused(refused) from None
        except Malformed as error:
            raise NotOurs(f"{self._address.shown}: {self._address.redact(str(error))}") from None
        except (EOFError, OSError) as error:
            raise failures.while_opening(self._address, error, isinstance(error, TimeoutError)) from None

    def read(self) -> Packet:
        """The next packet; see `Source.read`. Raises `NotOurs` where FFmpeg should try."""
        if not self._ready:
            self._fetch()
        return self._ready.popleft()

    def interrupt(self) -> None:
        """Make a blocked `open` or `read` raise at once."""
        self._wake.set()

    def close(self) -> None:
        """Give the session back, if the camera listens, and hang up; tracks and packets stay valid."""
        self._hang_up()
        self._wake.close()

    def _follow(self, until: float) -> None:
        """Connect to the address, or to the one that a camera points to instead."""
        target, login = self._address, Login(*_credentials(self._address))
        for _ in range(MAX_REDIRECTIONS + 1):
            try:
                self._connect(target, login, until)
            except Redirected as elsewhere:
                self._hang_up()
                host, target = (target.host, target.port), self._elsewhere(target, elsewhere.url)
                if (target.host, target.port) != host:
                    login.basic_allowed = False
            else:
                return
        raise SourceError("unusable", f"{self._address.shown}: redirected {MAX_REDIRECTIONS} times, and then again")

    def _connect(self, target: Address, login: Login, until: float) -> None:
        session = self._session = Session(
            self._wake, udp=self._udp, answer_sec=self._limits.stall_sec, watched=self._watched
        )
        patience = monotonic() + min(self._limits.connect_sec, self._limits.stall_sec)
        try:
            session.connect(target.host, target.port, target.scheme == "rtsps", min(until, patience))
        except OSError as error:
            raise failures.while_connecting(target, error) from None
        url = _without_login(target)
        dialogue = self._dialogue = Dialogue(url, login, _left_open.get(url))
        description = session.describe(dialogue, until)
        chosen, self._dropped = outlets.choose(description.media)
        if not chosen:
            reasons = "; ".join(self._dropped) or "it announces no track"
            raise SourceError("unusable", f"{self._address.shown}: nothing that can be recorded ({reasons})")
        self._dropped += session.play(chosen, until)

    def _elsewhere(self, here: Address, url: str) -> Address:
        """Where a redirection leads; never to another kind of address, never from TLS to none."""
        words = f"{self._address.shown}: redirects to an address that is never opened"
        if not is_rtsp(url) or (here.scheme == "rtsps" and urlsplit(url).scheme != "rtsps"):
            raise SourceError("refused_url", words)
        try:
            return address_of(SourceSpec("stream", url))
        except RefusedUrl:
            raise SourceError("refused_url", words) from None

    def _find_tracks(self, until: float) -> tuple[Track, ...]:
        """The tracks, as soon as a packet has come, and a key frame: without one nothing can be recorded.

        A key frame is waited for no longer than `KEY_FRAME_SEC`; some cameras send one in half a minute.
        """
        session = self._session
        assert session is not None
        patience = min(until, monotonic() + min(KEY_FRAME_SEC, self._limits.connect_sec / 2))
        keyed = all(chosen.media.kind != "video" for chosen in session.chosen)
        while True:
            found = bool(self._ready) and all(chosen.outlet.track is not None for chosen in session.chosen)
            if found and (keyed or monotonic() >= patience):
                return tuple(chosen.outlet.track for chosen in session.chosen if chosen.outlet.track is not None)
            try:
                packets = session.pump(patience if found else until)
            except TimeoutError:
                if not self._ready:
                    raise
                self._drop_silent(session)
            else:
                keyed = keyed or any(packet.is_key and packet.track.kind == "video" for packet in packets)
                self._ready.extend(packets)

    def _drop_silent(self, session: Session) -> None:
        """The sound comes, but no picture that could be decoded."""
        for number, chosen in reversed(list(enumerate(session.chosen))):
            if chosen.outlet.track is None:
                self._dropped += (f"{chosen.media.kind} {chosen.media.encoding}: no picture came in time",)
                session.drop(number)

    def _fetch(self) -> None:
        session = self._session
        assert session is not None
        began = monotonic()
        try:
            while not self._ready:
                self._ready.extend(session.pump(began + self.stall_sec))
        except Stopped:
            raise self._stopped() from None
        except Refused as refused:
            raise SourceError("ended", f"{self._address.shown}: {self._address.redact(str(refused))}") from None
        except Malformed as error:
            raise NotOurs(f"{self._address.shown}: {self._address.redact(str(error))}") from None
        except (EOFError, OSError) as error:
            raise failures.while_reading(self._address, error, self.stall_sec, stalled=False) from None

    def _hang_up(self) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        url = _without_login(self._address)
        address = self._dialogue.session_address if self._dialogue is not None else None
        ended = session.farewell()
        session.close()
        with _left_open_lock:
            if ended:
                _left_open.pop(url, None)
            elif address is not None:
                _left_open[url] = address

    def _stopped(self) -> SourceError:
        return SourceError("stopped", f"{self._address.shown}: stopped")

    def _refused(self, refused: Refused) -> SourceError:
        shown = self._address.shown
        if refused.status in (401, 403, 407):
            return SourceError("unauthorized", f"{shown}: the camera refuses user or password")
        if refused.status in (404, 410):
            return SourceError("not_found", f"{shown}: the camera knows no such stream")
        words = self._address.redact(str(refused))
        if refused.status in (453, 503):
            return SourceError(
                "unusable", f"{shown}: the camera has no stream left ({words}); an old session may not have ended yet"
            )
        if refused.status == 461:
            other = "tcp" if self._udp else "udp"
            return SourceError("unusable", f"{shown}: not over this transport ({words}); set it to {other}")
        return NotOurs(f"{shown}: {words}")


def _without_login(address: Address) -> str:
    parts = urlsplit(address.url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _credentials(address: Address) -> tuple[str, str]:
    user, _, password = urlsplit(address.url).netloc.rpartition("@")[0].partition(":")
    return unquote(user), unquote(password)
