"""One ONVIF device: its services, its clock, and calls that are named in whatever goes wrong with them."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import quote, urljoin
from xml.etree import ElementTree as ET

from agent.onvif import device_clock, soap
from agent.onvif.line import Line, Reply, Unreachable
from agent.onvif.messages import DeviceCause, Question
from agent.onvif.soap import DEVICE, MEDIA, MEDIA2, PTZ, Fault, Login, NotOnvif

_ENTRY = "/onvif/device_service"
"""ONVIF Core 5.1.1: where every device has its first service."""
_TLS_PORT = 443
_NOT_FOUND = 404
_DENIED = (401, 403)
_MOVED = (301, 302, 303, 307, 308)
_DOUBTFUL_SEC = 5.0
"""A digest of the right time is refused by a clock that is off by more (Core 5.9.1 leaves the window to the device)."""


_ADDRESS = re.compile(r"(?i)(?:(?P<scheme>https?)://[^/]*?(?::(?P<port>\d{1,5}))?)?(?P<path>/.*)?")
_NEXT_ADDRESS = re.compile(r"\s+(?=https?://)")


class CallFailed(Exception):
    """`cause` is a word of `recorder.specs.Cause`; the message names device and call."""

    def __init__(self, cause: DeviceCause, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service is at the device's host."""

    path: str
    port: int
    tls: bool


class Device:
    """Spoken to at one port of one host, whatever addresses it gives for its services.

    A device behind a router names its inner address, and one that is not to be trusted may name anybody's: of a
    service's address only the path counts, and the port where nothing of ONVIF answers at the configured one.
    """

    def __init__(self, question: Question, port: int, wall: Callable[[], float] = time.time) -> None:
        self.shown = f"{question.host}:{port}"
        self._question, self._wall = question, wall
        self._began = self._deadline = 0.0
        self._home = Place(_ENTRY, port, port == _TLS_PORT)
        self._lines: dict[tuple[int, bool], Line] = {}
        self._login = Login(question.user, question.password.get_secret_value())
        self._clock_doubted = self._without_clock = False
        self._services: dict[str, Place] = {DEVICE: self._home}
        self._found: set[str] = set()

    def open(self, limit_sec: float) -> None:
        """Learn its clock, which takes no longer than so, and its services. Raises `CallFailed`."""
        self._began = time.monotonic()
        self._deadline = self._began + limit_sec
        self._set_clock()
        self._deadline = self._began + self._question.limit_sec
        for namespace, address in self._told_services().items():
            if (place := _place(address, self._home)) is not None:
                self._services.setdefault(namespace, place)

    def has(self, namespace: str) -> bool:
        """Whether it offers this service."""
        return namespace in self._services

    def call(self, namespace: str, call: str, body: str = "", *, login: bool = True) -> ET.Element:
        """The `<call>Response`. Raises `CallFailed`."""
        try:
            try:
                return self._ask(namespace, call, body, login=login)
            except Fault as fault:
                if not fault.denied or not login or not self._clock_doubted or self._without_clock:
                    raise
                return self._ask_by_own_clock(namespace, call, body)
        except Fault as fault:
            if fault.denied:
                words = f"the device refuses user or password ({fault})"
                raise self._failed("unauthorized", call, words) from fault
            raise self._failed("unusable", call, f"the device refuses: {fault}") from fault
        except NotOnvif as error:
            raise self._failed("unusable", call, f"the answer is not ONVIF: {error}") from error
        except Unreachable as error:
            raise self._failed("unreachable", call, str(error)) from error
        except TimeoutError as error:
            limit = f"no answer over ONVIF within {self._deadline - self._began:.0f} s"
            raise self._failed("timeout", call, limit) from error

    def _ask_by_own_clock(self, namespace: str, call: str, body: str) -> ET.Element:
        """Once more, with our own time: there are devices that call their local time UTC, and compare digests with
        the right one.
        """
        self._clock_doubted = False
        told, self._login = self._login, replace(self._login, ahead_sec=0.0)
        try:
            return self._ask(namespace, call, body, login=True)
        except Fault:
            self._login = told
            raise

    def _ask(self, namespace: str, call: str, body: str, *, login: bool) -> ET.Element:
        told = self._services[namespace]
        places = [replace(told, port=self._home.port, tls=self._home.tls), told]
        if namespace in self._found or places[0] == told:
            del places[0]
        for place in places[:-1]:
            try:
                answer = self._ask_at(place, namespace, call, body, login=login)
            except (Unreachable, NotOnvif):
                continue
            self._services[namespace] = place
            self._found.add(namespace)
            return answer
        return self._ask_at(places[-1], namespace, call, body, login=login)

    def _ask_at(self, place: Place, namespace: str, call: str, body: str, *, login: bool) -> ET.Element:
        reply = self._post(place, namespace, call, body, login=login)
        if reply.status in _MOVED and (moved := _place(urljoin(place.path, reply.location), place)) is not None:
            if place == self._home:
                self._home = self._services[DEVICE] = moved
            reply = self._post(moved, namespace, call, body, login=login)
        self._date, self._without_clock = reply.date, reply.knew
        if reply.status == _NOT_FOUND:
            raise NotOnvif("HTTP 404, there is no such address")
        try:
            return soap.answer(reply.content, call)
        except NotOnvif as error:
            if reply.status in _DENIED:
                why = (
                    "it wants the password in clear text, which is not sent" if reply.wants_clear else "not authorized"
                )
                raise Fault("NotAuthorized", f"HTTP {reply.status}, {why}") from error
            raise NotOnvif(f"HTTP {reply.status}, {error}") from error

    def _post(self, place: Place, namespace: str, call: str, body: str, *, login: bool) -> Reply:
        who = self._login if login else None
        request = soap.request(namespace, call, body, who, now=self._wall(), nonce=os.urandom(16))
        return self._line(place).post(place.path, request, f"{namespace}/{call}", login=login)

    def _line(self, place: Place) -> Line:
        key = (place.port, place.tls)
        if key not in self._lines:
            question = self._question
            password = question.password.get_secret_value()
            self._lines[key] = Line(question.host, place.port, question.user, password, tls=place.tls)
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
            shown = device_clock.told(self.call(DEVICE, "GetSystemDateAndTime", login=False))
        except CallFailed as error:
            if error.cause in ("unreachable", "timeout"):
                raise
        if shown is None:
            shown = device_clock.of_header(self._date)
        if shown is not None:
            ahead = shown - (began + self._wall()) / 2
            self._login = replace(self._login, ahead_sec=ahead)
            self._clock_doubted = abs(ahead) > _DOUBTFUL_SEC

    def _told_services(self) -> dict[str, str]:
        """Addresses by namespace. Devices from before ONVIF 2.0 do not know the first call, and some break off."""
        listed: dict[str, str] = {}
        failed: CallFailed | None = None
        try:
            answer = self.call(DEVICE, "GetServices", "<IncludeCapability>false</IncludeCapability>")
            services = (one for one in answer if soap.tag(one) == "Service")
            listed = {soap.text(one, "Namespace").rstrip("/"): soap.text(one, "XAddr") for one in services}
        except CallFailed as error:
            if error.cause not in ("unusable", "unreachable"):
                raise
            failed = error
        if not listed.keys() & {MEDIA, MEDIA2}:
            try:
                listed |= self._capabilities()
            except CallFailed as error:
                if error.cause != "unusable" or failed is not None:
                    raise
        return listed

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


def _place(address: str, home: Place) -> Place | None:
    """Where a service's address leads at the device's host; None where it is none.

    Some devices give several addresses, some a path only, some a host that no parser takes.
    """
    found = _ADDRESS.fullmatch(_NEXT_ADDRESS.split(address.strip(), maxsplit=1)[0])
    if found is None or not found[0] or not found[0].isprintable():
        return None
    path = quote(found["path"] or "/", safe="%/?:=&~+!$,;'@()*")
    if not found["scheme"]:
        return replace(home, path=path)
    tls = found["scheme"].lower() == "https"
    port = int(found["port"] or 0)
    return Place(path, port if 0 < port < 1 << 16 else (_TLS_PORT if tls else 80), tls)
