# mypy: ignore-errors
"""An RTSP server out of Debian's GStreamer, run by the system's own python3, which alone has `gi`.

    /usr/bin/python3 gst_rtsp_main.py '{"mounts": {"/cam": "( ... )"}, "auth": "digest", "user": "u", "password": "p"}'

Prints `ready <port>` once it listens on loopback, and exits when its standard input ends.
"""

import json
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402 (the versions come first)


def main() -> None:
    wanted = json.loads(sys.argv[1])
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    for path, launch in wanted["mounts"].items():
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(launch)
        factory.set_shared(True)
        factory.connect("media-configure", lambda _, media: forbid_seeking(media.get_element()))
        if wanted.get("auth"):
            permissions = GstRtspServer.RTSPPermissions()
            permissions.add_permission_for_role("viewer", "media.factory.access", True)
            permissions.add_permission_for_role("viewer", "media.factory.construct", True)
            factory.set_permissions(permissions)
        server.get_mount_points().add_factory(path, factory)
    if wanted.get("auth"):
        server.set_auth(authentication(wanted))
    server.attach(None)
    loop = GLib.MainLoop()
    GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_HUP | GLib.IO_IN, lambda *_: loop.quit())
    print(f"ready {server.get_bound_port()}", flush=True)
    loop.run()


def forbid_seeking(pipeline: Gst.Bin) -> None:
    """A camera cannot be rewound: otherwise every client that comes would move the stream of all to its beginning."""

    def answer(_: Gst.Pad, info: Gst.PadProbeInfo) -> Gst.PadProbeReturn:
        query = info.get_query()
        if query.type != Gst.QueryType.SEEKING:
            return Gst.PadProbeReturn.OK
        query.set_seeking(Gst.Format.TIME, False, 0, -1)
        return Gst.PadProbeReturn.HANDLED

    for name in ("pay0", "pay1"):
        payloader = pipeline.get_by_name(name)
        if payloader is not None:
            payloader.get_static_pad("src").add_probe(Gst.PadProbeType.QUERY_UPSTREAM, answer)


def authentication(wanted: dict) -> GstRtspServer.RTSPAuth:
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    if wanted["auth"] == "digest":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(wanted["user"], wanted["password"], token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(wanted["user"], wanted["password"]), token)
    return auth


main()
