"""A page and the files that it plays, served from loopback with ranges."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@contextmanager
def serving(page: str, files: Mapping[str, Path]) -> Iterator[str]:
    """The page's address; the files stand beside it by their URL paths."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(page, files)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


def _handler(page: str, files: Mapping[str, Path]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/":
                self._send(200, "text/html; charset=utf-8", page.encode())
            elif self.path in files:
                self._send_range(files[self.path].read_bytes())
            else:
                self._send(404, "text/plain", b"")

        def _send_range(self, data: bytes) -> None:
            unit, _, wanted = self.headers.get("Range", "").partition("=")
            if unit != "bytes":
                self._send(200, "video/mp4", data)
                return
            first, _, last = wanted.partition("-")
            start = int(first)
            end = int(last) + 1 if last else len(data)
            self._send(206, "video/mp4", data[start:end], {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"})

        def _send(self, status: int, kind: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Accept-Ranges", "bytes")
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                self.close_connection = True  # the browser has seen enough of it

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
            pass

    return Handler
