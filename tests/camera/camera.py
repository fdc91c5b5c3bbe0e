"""The camera: listens, boots and reboots, keeps a log of what it sent."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType
from urllib.parse import quote

from tests.camera.auth import Guard
from tests.camera.boot import Boot, Habits, Sent
from tests.camera.faults import Fault
from tests.camera.film import Film
from tests.camera.requests import Request
from tests.camera.session import Session


class Camera:
    """An RTSP camera on loopback, from `with` to its end.

    `sent` is everything that left it, in order; `requests` what it was asked; `sessions` who came.
    """

    path = "/camera"

    def __init__(self, film: Film, habits: Habits | None = None, guard: Guard | None = None) -> None:
        self.guard = guard or Guard()
        self.sent: list[Sent] = []
        self.requests: list[Request] = []
        self.sessions: list[Session] = []
        self.connects: list[float] = []
        self.faults: tuple[Fault, ...] = ()
        self.boots: list[Boot] = []
        self._habits = habits or Habits()
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None
        self._closing = threading.Event()
        self._port = 0
        self._power_up(film)

    def __enter__(self) -> Camera:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.power_down()
        self._closing.set()

    def url(self, user: str = "", password: str = "") -> str:
        """Its address."""
        login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
        return f"rtsp://{login}127.0.0.1:{self._port}{self.path}"

    def inject(self, fault: Fault) -> None:
        """From now on this goes wrong."""
        fault.struck([session for session in self.sessions if session.playing])
        self.faults = (*self.faults, fault)

    def mend(self, fault: Fault) -> None:
        """It does not any more."""
        self.faults = tuple(one for one in self.faults if one is not fault)

    def hang_up(self) -> None:
        """All connections end in an orderly way."""
        for session in list(self.sessions):
            session.cut(reset=False)

    def power_down(self) -> None:
        """All connections are reset and the port is closed."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for session in list(self.sessions):
            session.cut(reset=True)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def reboot(self, film: Film | None = None, habits: Habits | None = None, *, down_sec: float = 0.0) -> None:
        """Power fails and comes back after a while: another film perhaps, other counters in any case."""
        self.power_down()
        self._closing.wait(down_sec)
        if habits is not None:
            self._habits = habits
        self._power_up(film or self.boots[-1].film)

    def has_room(self, newcomer: Session) -> bool:
        """Whether one more session may begin: those that ended without TEARDOWN live on until they expire."""
        alive = [one for one in self.sessions if one is not newcomer and self._alive(one)]
        return len(alive) < newcomer.boot.habits.sessions

    def _alive(self, session: Session) -> bool:
        if session.boot is not self.boots[-1] or session.torn_down or not session.was_set_up:
            return False
        expires = session.gone_at is not None and time.monotonic() - session.gone_at > session.boot.habits.session_sec
        return not expires

    def _power_up(self, film: Film) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        listener.listen()
        self._port = listener.getsockname()[1]
        self._listener = listener
        boot = Boot(len(self.boots), film, self._habits)
        self.boots.append(boot)
        self._run(self._accept, listener, boot)

    def _accept(self, listener: socket.socket, boot: Boot) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            session = Session(self, boot, sock, len(self.sessions))
            self.sessions.append(session)
            self.connects.append(time.monotonic())
            if self._listener is not listener:
                session.cut(reset=True)
            self._run(session.serve)

    def _run(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name="camera")  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()
