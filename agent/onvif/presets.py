"""Where a camera that turns can look: the positions that its owner has stored in it, and going to one."""

from __future__ import annotations

from agent.onvif import soap
from agent.onvif.device import CallFailed, Device
from agent.onvif.messages import Preset
from agent.onvif.offers import profiles_of
from agent.onvif.soap import PTZ, element


def presets_of(device: Device) -> tuple[Preset, ...]:
    """All of them, in the device's order. Raises `CallFailed`, also where the camera does not turn."""
    return _listed(device, _profile(device))


def go_to(device: Device, wanted: str) -> Preset:
    """Turn to the preset of this name, or this token. Raises `CallFailed`."""
    profile = _profile(device)
    known = _listed(device, profile)
    found = next((one for one in known if wanted in (one.name, one.token)), None)
    if found is None:
        found = next((one for one in known if one.name.casefold() == wanted.casefold()), None)
    if found is not None:
        device.call(PTZ, "GotoPreset", element("ProfileToken", profile) + element("PresetToken", found.token))
        return found
    names = ", ".join(one.name or one.token for one in known) or "none"
    raise CallFailed("not_found", f"{device.shown}: the camera has no preset {wanted!r}; it has: {names[:300]}")


def _profile(device: Device) -> str:
    if not device.has(PTZ):
        raise CallFailed("unusable", f"{device.shown}: the camera does not turn: it has no PTZ service")
    _, offered = profiles_of(device)
    turning = [token for token, one in offered.items() if one.profile.turns]
    return (turning or list(offered))[0]


def _listed(device: Device, profile: str) -> tuple[Preset, ...]:
    listed = device.call(PTZ, "GetPresets", element("ProfileToken", profile))
    return tuple(
        Preset(token=one.get("token", ""), name=soap.text(one, "Name")[:100])
        for one in listed
        if soap.tag(one) == "Preset" and one.get("token")
    )
