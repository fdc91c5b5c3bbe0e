"""A page in headless Chromium: served from loopback together with files, it answers by one POST."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

_ANSWER_SEC = 60.0
_CHROMIUM = "chromium"
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
)


def ask(page: str, files: dict[str, Path]) -> dict[str, Any]:
    """What the page POSTs to `/answer`; it and the files (by URL path, with ranges) are served until then."""
    answers: queue.Queue[dict[str, Any]] = queue.Queue()
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), _handler(page, files, answers)) as server,
        TemporaryDirectory(ignore_cleanup_errors=True) as profile,
    ):
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        command = [_CHROMIUM, *_OPTIONS, f"--user-data-dir={profile}", f"http://127.0.0.1:{server.server_address[1]}/"]
        try:
            browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except FileNotFoundError:
            raise AssertionError("Chromium is not installed: apt-get install chromium") from None
        else:
            try:
                return answers.get(timeout=_ANSWER_SEC)
            except queue.Empty:
                raise AssertionError(f"the page gave no answer within {_ANSWER_SEC:.0f} s") from None
            finally:
                browser.terminate()
                browser.wait()
        finally:
            server.shutdown()
            thread.join()


def _handler(page: str, files: dict[str, Path], answers: queue.Queue[dict[str, Any]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/":
                self._send(200, "text/html; charset=utf-8", page.encode())
            elif self.path in files:
                self._send_range(files[self.path].read_bytes())
            else:
                self._send(404, "text/plain", b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._send(200, "text/plain", b"")
            answers.put(json.loads(body))

        def _send_range(self, data: bytes) -> None:
            unit, _, wanted = self.headers.get("Range", "").partition("=")
            if unit != "bytes":
                self._send(200, "video/mp4", data)
                return
            first, _, last = wanted.partition("-")
            start = int(first)
            end = int(last) + 1 if last else len(data)
            self._send(206, "video/mp4", data[start:end], {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"})

        def _send(self, status: int, kind: str, body: bytes, headers: dict[str, str] | None = None) -> None:
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
