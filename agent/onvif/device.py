"""One ONVIF device: its services, its clock, and calls that are named in whatever goes wrong with them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from agent.onvif import soap
from agent.onvif.line import Line, Unreachable
from agent.onvif.messages import DeviceCause, Question
from agent.onvif.soap import DEVICE, MEDIA, MEDIA2, PTZ, Fault, Login, NotOnvif

_ENTRY = "/onvif/device_service"
"""ONVIF Core 5.1.1: where every device has its first service."""
_NOT_FOUND = 404
_UNAUTHORIZED = 401


class CallFailed(Exception):
    """`cause` is a word of `recorder.specs.Cause`; the message names device and call."""

    def __init__(self, cause: DeviceCause, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause


class Device:
    """Spoken to at one port of one host, whatever addresses it gives for its services.

    A device behind a router names its inner address, and one that is not to be trusted may name anybody's: of a
    service's address only the path counts, and the port where nothing answers at the configured one.
    """

    def __init__(self, question: Question, port: int, wall: Callable[[], float] = time.time) -> None:
        self.shown = f"{question.host}:{port}"
        self._question, self._wall = question, wall
        self._began = self._deadline = 0.0
        self._port = port
        self._lines: dict[tuple[int, bool], Line] = {}
        self._login = Login(question.user, question.password.get_secret_value())
        self._services: dict[str, tuple[str, int]] = {DEVICE: (_ENTRY, port)}

    def open(self, limit_sec: float) -> None:
        """Learn its clock, which takes no longer than so, and its services. Raises `CallFailed`."""
        self._began = time.monotonic()
        self._deadline = self._began + limit_sec
        self._set_clock()
        self._deadline = self._began + self._question.limit_sec
        try:
            listed = self.call(DEVICE, "GetServices", "<IncludeCapability>false</IncludeCapability>")
            found = {
                soap.text(one, "Namespace"): soap.text(one, "XAddr") for one in listed if soap.tag(one) == "Service"
            }
        except CallFailed as error:
            if error.cause != "unusable":
                raise
            found = self._capabilities()  # devices from before ONVIF 2.0
        for namespace, address in found.items():
            if (place := _place(address, self._port)) is not None:
                self._services[namespace] = place

    def has(self, namespace: str) -> bool:
        """Whether it offers this service."""
        return namespace in self._services

    def call(self, namespace: str, call: str, body: str = "", *, login: bool = True) -> ET.Element:
        """The `<call>Response`. Raises `CallFailed`."""
        try:
            return self._ask(namespace, call, body, self._login if login else None)
        except Fault as fault:
            if fault.denied:
                raise self._failed("unauthorized", call, "the device refuses user or password") from fault
            raise self._failed("unusable", call, f"the device refuses: {fault}") from fault
        except NotOnvif as error:
            raise self._failed("unusable", call, f"the answer is not ONVIF: {error}") from error
        except Unreachable as error:
            raise self._failed("unreachable", call, str(error)) from error
        except TimeoutError as error:
            limit = f"no answer over ONVIF within {self._deadline - self._began:.0f} s"
            raise self._failed("timeout", call, limit) from error

    def _ask(self, namespace: str, call: str, body: str, login: Login | None) -> ET.Element:
        path, other_port = self._services[namespace]
        request = soap.request(namespace, call, body, login, now=self._wall(), nonce=os.urandom(16))
        try:
            reply = self._line(self._port).post(path, request, f"{namespace}/{call}")
            if reply.status == _NOT_FOUND and other_port != self._port:
                reply = self._line(other_port).post(path, request, f"{namespace}/{call}")
        except Unreachable:
            if other_port == self._port:
                raise
            reply = self._line(other_port).post(path, request, f"{namespace}/{call}")
        self._date = reply.date
        if reply.status == _UNAUTHORIZED:
            raise Fault("NotAuthorized", "HTTP 401")
        try:
            return soap.answer(reply.content, call)
        except NotOnvif as error:
            raise NotOnvif(f"HTTP {reply.status}, {error}") from error

    def _line(self, port: int) -> Line:
        key = (port, port == 443)
        if key not in self._lines:
            question = self._question
            password = question.password.get_secret_value()
            self._lines[key] = Line(question.host, port, question.user, password, tls=port == 443)
        self._lines[key].deadline = self._deadline
        return self._lines[key]

    def _set_clock(self) -> None:
        """How far its clock is from ours: by its own word, which it gives to anybody, else by HTTP's `Date`.

        A camera whose clock is off refuses every digest that was made by the right time.
        """
        began = self._wall()
        self._date = ""
        shown: float | None = None
        try:
            shown = _clock(self.call(DEVICE, "GetSystemDateAndTime", login=False))
        except CallFailed as error:
            if error.cause in ("unreachable", "timeout"):
                raise
        if shown is None and self._date:
            try:
                shown = parsedate_to_datetime(self._date).timestamp() + 0.5
            except (ValueError, TypeError):
                return
        if shown is not None:
            ahead = shown - (began + self._wall()) / 2
            self._login = Login(self._login.user, self._login.password, ahead)

    def _capabilities(self) -> dict[str, str]:
        told = self.call(DEVICE, "GetCapabilities", "<Category>All</Category>")
        kinds = {"Media": MEDIA, "PTZ": PTZ}
        return {
            namespace: address
            for kind, namespace in kinds.items()
            if (address := soap.text(told, "Capabilities", kind, "XAddr"))
        }

    def _failed(self, cause: DeviceCause, call: str, words: str) -> CallFailed:
        return CallFailed(cause, f"{self.shown}: {call}: {words}")

    @property
    def ahead_sec(self) -> float:
        """How far its clock is ahead of this machine's."""
        return self._login.ahead_sec

    @property
    def media(self) -> str:
        """The media service to be asked: the second one knows H.265, which the first cannot say."""
        for namespace in (MEDIA2, MEDIA):
            if self.has(namespace):
                return namespace
        raise CallFailed("unusable", f"{self.shown}: the device has no media service")

    def forget(self, namespace: str) -> None:
        """It lists this service and does not have it."""
        self._services.pop(namespace, None)


def _place(address: str, port: int) -> tuple[str, int] | None:
    """Path and port of a service's address; None where it is none."""
    try:
        parts = urlsplit(address)
        other = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.path.startswith("/") or not address.isprintable():
        return None
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return path.replace(" ", "%20"), other if other != port else port


def _clock(told: ET.Element) -> float | None:
    """What the device's clock shows, Unix seconds; None where it does not say in UTC."""
    when = next(soap.inside(told, "SystemDateAndTime", "UTCDateTime"), None)
    if when is None:
        return None
    fields = [soap.number(when, "Date", name) for name in ("Year", "Month", "Day")]
    fields += [soap.number(when, "Time", name) for name in ("Hour", "Minute", "Second")]
    try:
        return datetime(*fields, tzinfo=UTC).timestamp()  # type: ignore[arg-type, misc]
    except (ValueError, OverflowError):
        return None
