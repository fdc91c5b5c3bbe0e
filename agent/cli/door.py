"""The command line's way to the running daemon: HTTP over its control socket."""

from __future__ import annotations

import argparse
import http.client
import json
import socket
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from agent.cli.common import asked, words
from agent.cli.exits import Exit, Stop
from agent.config import Config, control_socket

ANSWER_SEC = 5.0
ORDER_SEC = 15.0
"""A picture may take a while."""

M = TypeVar("M", bound=BaseModel)


class NobodyThere(Stop):
    """No daemon listens."""


class Door:
    """The control socket that the arguments mean. Everything that goes wrong is a `Stop` in words."""

    def __init__(self, args: argparse.Namespace, config: Config | None = None) -> None:
        self.address = control_socket((config or asked(args).config).paths.runtime)
        self._say = words(args)

    def view(self, path: str, model: type[M]) -> tuple[M, str]:
        """The view at `path`, and its text as it came."""
        text = self.get(path)
        try:
            return model.model_validate_json(text), text
        except ValidationError as error:
            raise Stop(Exit.INTERNAL, self._say("other_version", error=error)) from error

    def get(self, path: str) -> str:
        """The answer to `GET path`."""
        return self._ask("GET", path, None, ANSWER_SEC).decode()

    def order(self, path: str, **data: Any) -> dict[str, Any]:
        """The answer to `POST path`: `err_code`, `err_msg`, `data`."""
        answer: dict[str, Any] = json.loads(self._ask("POST", path, json.dumps(data), ORDER_SEC))
        return answer

    def bytes_of(self, path: str) -> bytes:
        """What `GET path` brings, whatever it is."""
        return self._ask("GET", path, None, ANSWER_SEC)

    def _ask(self, method: str, path: str, body: str | None, limit_sec: float) -> bytes:
        connection = _UnixConnection(self.address, limit_sec)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            content = response.read()
        except (FileNotFoundError, ConnectionRefusedError):
            raise NobodyThere(Exit.UNAVAILABLE, self._say("not_running", socket=self.address)) from None
        except PermissionError:
            raise Stop(Exit.NO_PERMISSION, self._say("door_closed", socket=self.address)) from None
        except (OSError, http.client.HTTPException) as error:
            raise Stop(Exit.UNAVAILABLE, self._say("no_answer", socket=self.address, error=repr(error))) from error
        finally:
            connection.close()
        if response.status != http.client.OK:
            what = content.decode(errors="replace").strip()[:200] or response.reason
            code = Exit.USAGE if response.status == http.client.BAD_REQUEST else Exit.UNAVAILABLE
            raise Stop(code, self._say("no_answer", socket=self.address, error=f"{response.status} {what}"))
        return content


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, address: Path, limit_sec: float) -> None:
        super().__init__("localhost", timeout=limit_sec)
        self._address = address

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._address))
