"""Headers of the pages that other sites may frame: `play_camera` and `play_record`. No other page may be framed."""

from __future__ import annotations

from agent.standalone.services import Services
from agent.web.serving import HEADERS, POLICY


def framed_headers(services: Services, policy: str = POLICY) -> dict[str, str]:
    """Headers with a policy that lets in who may frame them (`standalone.frame_ancestors`)."""
    return {**HEADERS, "Content-Security-Policy": f"{policy}; frame-ancestors {services.settings.frame_ancestors}"}
