"""An HTTP server in a thread that plays a camera: sends bytes and then ends, falls silent, or trickles."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

import av


@dataclass(frozen=True)
class Reply:
    """What one path answers.

    `later` follows the body when `gate` opens; each of `paced` so many seconds after the request; then comes the end,
    silence, or a byte every tenth of a second.  `fresh` makes the body anew for each request.
    """

    body: bytes = b""
    status: int = 200
    then: Literal["end", "silence", "trickle"] = "end"
    headers: dict[str, str] = field(default_factory=dict)
    gate: threading.Event | None = None
    later: bytes = b""
    paced: Sequence[tuple[float, bytes]] = ()
    fresh: Callable[[], bytes] | None = None


@dataclass
class MediaServer:
    """A running server: `url(path)`, and the requests it has seen."""

    port: int
    seen: list[str]

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def serving(replies: dict[str, Reply]) -> Iterator[MediaServer]:
    """Answers GET by path (404 for others), every connection in a thread, until the block ends."""
    closing = threading.Event()
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(f"{self.path} {self.headers.get('Authorization', '')}".strip())
            reply = replies.get(self.path.partition("?")[0], Reply(status=404))
            try:
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.fresh() if reply.fresh is not None else reply.body)
                self.wfile.flush()
                began = time.monotonic()
                for at, data in reply.paced:
                    if closing.wait(max(0.0, began + at - time.monotonic())):
                        return
                    self.wfile.write(data)
                    self.wfile.flush()
                if reply.gate is not None and reply.gate.wait(timeout=30):
                    self.wfile.write(reply.later)
                while reply.then != "end" and not closing.wait(0.1):
                    if reply.then == "trickle":
                        self.wfile.write(b"\x00")
                        self.wfile.flush()
            except OSError:
                pass  # the reader went away

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield MediaServer(server.server_address[1], seen)
    finally:
        closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def remuxed(path: Path, container_format: str) -> bytes:
    """The packets of a file in another container, in memory."""
    target = io.BytesIO()
    target.seekable = lambda: False  # type: ignore[method-assign]  # as over a network: nothing is rewritten at the end
    with av.open(str(path)) as old, av.open(target, "w", format=container_format) as new:
        copies = {stream.index: new.add_stream_from_template(stream, opaque=True) for stream in old.streams}
        for packet in old.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                new.mux(packet)
    return target.getvalue()


def live_playlist(segments: Sequence[bytes], segment_sec: float, window: int = 4) -> dict[str, Reply]:
    """HLS that goes on: `/live.m3u8` lists the last `window` segments, as many from the start, and one more whenever it
    is finished.
    """
    began = time.monotonic()

    def playlist() -> bytes:
        ready = min(len(segments), int((time.monotonic() - began) / segment_sec) + window)
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{segment_sec:.0f}"]
        lines += [f"#EXT-X-MEDIA-SEQUENCE:{ready - window}"]
        for number in range(ready - window, ready):
            lines += [f"#EXTINF:{segment_sec},", f"{number}.ts"]
        return ("\n".join(lines) + "\n").encode()

    return {"/live.m3u8": Reply(fresh=playlist)} | {f"/{n}.ts": Reply(segment) for n, segment in enumerate(segments)}
