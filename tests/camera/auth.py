"""Basic and Digest as cameras ask for them (RFC 7617, RFC 7616)."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Literal

REALM = "camera"


@dataclass
class Guard:
    """Who may come in. A digest nonce is good for `nonce_uses` requests, then it is stale."""

    scheme: Literal["", "basic", "digest", "digest-sha256"] = ""
    user: str = ""
    password: str = ""
    nonce_uses: int = 1_000_000
    _nonces: dict[str, int] = field(default_factory=dict)

    def admits(self, method: str, authorization: str) -> bool:
        """Whether the `Authorization` header of a request ("" for none) opens the door."""
        if not self.scheme:
            return True
        if self.scheme == "basic":
            return authorization == "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        fields = dict(re.findall(r'(\w+)="?([^",]*)"?', authorization.partition(" ")[2]))
        nonce = fields.get("nonce", "")
        if fields.get("username") != self.user or self._nonces.get(nonce, 0) <= 0:
            return False
        self._nonces[nonce] -= 1
        return fields.get("response") == self._response(method, nonce, fields)

    def challenges(self) -> list[str]:
        """The values of `WWW-Authenticate` for who is not let in."""
        if self.scheme == "basic":
            return [f'Basic realm="{REALM}"']
        nonce = token_hex(8)
        self._nonces[nonce] = self.nonce_uses
        algorithm = ", algorithm=SHA-256" if self.scheme == "digest-sha256" else ""
        return [f'Digest realm="{REALM}", nonce="{nonce}"{algorithm}']

    def _response(self, method: str, nonce: str, fields: dict[str, str]) -> str:
        first = self._hash(f"{self.user}:{REALM}:{self.password}")
        second = self._hash(f"{method}:{fields.get('uri', '')}")
        if "qop" in fields:
            return self._hash(
                f"{first}:{nonce}:{fields.get('nc', '')}:{fields.get('cnonce', '')}:{fields['qop']}:{second}"
            )
        return self._hash(f"{first}:{nonce}:{second}")

    def _hash(self, text: str) -> str:
        made = hashlib.sha256 if self.scheme == "digest-sha256" else hashlib.md5
        return made(text.encode()).hexdigest()
