"""What the server wants set in a device: bit rates, and the clock in the picture.

A setting that the device refuses never costs the stream: it is a warning, one sentence that names device and call.
"""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from agent.onvif import soap
from agent.onvif.device import CallFailed, Device
from agent.onvif.messages import Rate
from agent.onvif.offers import Offered, profiles_of
from agent.onvif.profiles import encoding
from agent.onvif.soap import MEDIA2, element

_CLOCK = (
    '<OSD token=""><tt:VideoSourceConfigurationToken>{source}</tt:VideoSourceConfigurationToken><tt:Type>Text</tt:Type>'
    "<tt:Position><tt:Type>UpperLeft</tt:Type></tt:Position><tt:TextString><tt:Type>DateAndTime</tt:Type>"
    "</tt:TextString></OSD>"
)


class Settings:
    """Of one conversation. `settled` is what was made of rates in the one before, `rates` what is made of them now."""

    def __init__(self, device: Device, media: str, settled: dict[str, Rate]) -> None:
        self._device, self._media, self._settled = device, media, settled
        self.warnings: list[str] = []
        self.rates: dict[str, Rate] = {}

    def rate(self, offered: Offered, kbit: int, which: str) -> None:
        """The encoder's settings go back as they came, with another rate: whatever else a brand keeps there stays."""
        before = soap.number(offered.encoder, "RateControl", "BitrateLimit")
        if not kbit or before == kbit:
            return
        settled = self._settled.get(which)
        if settled is not None and before == settled.took and kbit == settled.wanted:
            self._tell_rate(which, settled)
            return

        def change() -> None:
            least, most = self._range(offered)
            wanted = ET.fromstring(ET.tostring(offered.encoder))  # noqa: S314 - our own copy
            limits = list(soap.inside(wanted, "RateControl", "BitrateLimit"))
            if not limits:
                raise CallFailed("unusable", f"{self._device.shown}: the device has no bit rate to be set")
            for limit in limits:
                limit.text = str(min(max(kbit, least), most))
            if limits[0].text != str(before):
                self._set(wanted)
            _, offers = profiles_of(self._device)
            now = soap.number(offers[offered.profile.token].encoder, "RateControl", "BitrateLimit")
            self._tell_rate(which, Rate(wanted=kbit, took=now))

        stays = f"at {before} kbit/s" if before else "as it is"
        self._try(change, f"the {which} stream stays {stays} instead of {kbit} kbit/s")

    def osd(self, source: str, wanted: bool) -> None:
        """The clock in the picture, or nothing in it."""

        def change() -> None:
            shown = self._shown(source)
            if wanted and not shown:
                self._device.call(self._media, "CreateOSD", _CLOCK.format(source=escape(source)))
            for token in () if wanted else shown:
                self._device.call(self._media, "DeleteOSD", element("OSDToken", token))
            if bool(shown) != wanted and bool(self._shown(source)) != wanted:
                raise CallFailed("unusable", f"{self._device.shown}: the device says yes and does nothing")

        self._try(change, f"the text in the picture cannot be switched {'on' if wanted else 'off'}")

    def _shown(self, source: str) -> list[str]:
        """The tokens of the texts in the picture."""
        try:
            listed = self._device.call(self._media, "GetOSDs", element("ConfigurationToken", source))
        except CallFailed as error:
            if error.cause != "unusable":
                raise
            listed = self._device.call(self._media, "GetOSDs")  # some know all of them only
        return [
            one.get("token", "")
            for one in listed
            if soap.tag(one) == "OSDs" and soap.text(one, "VideoSourceConfigurationToken") in ("", source)
        ]

    def _set(self, wanted: ET.Element) -> None:
        wanted.tag = f"{{{self._media}}}Configuration"
        body = ET.tostring(wanted, encoding="unicode")
        body += "" if self._media == MEDIA2 else element("ForcePersistence", "true")
        self._device.call(self._media, "SetVideoEncoderConfiguration", body)

    def _range(self, offered: Offered) -> tuple[int, int]:
        """Least and most kbit/s that its encoder can do in its codec, as far as the device says."""
        profile = offered.profile
        body = element("ConfigurationToken", profile.encoder) + element("ProfileToken", profile.token)
        try:
            told = self._device.call(self._media, "GetVideoEncoderConfigurationOptions", body)
        except CallFailed as error:
            if error.cause != "unusable":
                raise
            return 0, 1 << 30
        for kind in told.iter():
            # Media2 has one element for each codec, which names it; Media1 one that is called like it.
            if profile.encoding not in (encoding(soap.text(kind, "Encoding")), encoding(soap.tag(kind))):
                continue
            for one in soap.inside(kind, "BitrateRange"):
                least, most = soap.number(one, "Min"), soap.number(one, "Max")
                if 0 < most >= least:
                    return least, most
        return 0, 1 << 30

    def _tell_rate(self, which: str, rate: Rate) -> None:
        self.rates[which] = rate
        if rate.took == rate.wanted:
            return
        what = f"is at {rate.took} kbit/s" if rate.took else "has a rate that the device does not tell"
        self.warnings.append(f"{self._device.shown}: the {which} stream {what}: the device takes no {rate.wanted}")

    def _try(self, work: Callable[[], None], otherwise: str) -> None:
        try:
            work()
        except (CallFailed, KeyError) as error:
            self.warnings.append(f"{otherwise} ({error})")


ET.register_namespace("tt", soap.SCHEMA)
