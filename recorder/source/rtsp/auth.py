"""Basic (RFC 7617) and Digest (RFC 2617, RFC 7616: MD5 and SHA-256) as RTSP uses them."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_FIELD = re.compile(r'([A-Za-z0-9_\-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]*))')
_HASHES: dict[str, Callable[[bytes], str]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}


@dataclass(frozen=True, slots=True)
class Challenge:
    """One `WWW-Authenticate`. `algorithm` is empty for Basic, else MD5 or SHA-256."""

    realm: str
    nonce: str = ""
    algorithm: str = ""
    session_hash: bool = False
    opaque: str | None = None
    qop: bool = False
    named: bool = False  # whether it named its algorithm: then the answer does too
    stale: bool = False


def challenges(values: Iterable[str]) -> list[Challenge]:
    """Those that can be answered, the safest first; Basic only where no Digest is offered."""
    found: list[Challenge] = []
    for value in values:
        # Several challenges may share a line: "Digest realm=..., Basic realm=...".
        for part in re.split(r"(?i)(?:^|,)\s*(?=(?:digest|basic)\s)", value):
            scheme, _, rest = part.strip().partition(" ")
            fields = {name.lower(): quoted or bare for name, quoted, bare in _FIELD.findall(rest)}
            if scheme.lower() == "basic":
                found.append(Challenge(fields.get("realm", "")))
            elif scheme.lower() == "digest" and "nonce" in fields:
                name = fields.get("algorithm", "MD5").upper()
                plain = name.removesuffix("-SESS")
                if plain not in _HASHES:
                    continue
                options = [one.strip().lower() for one in fields.get("qop", "").split(",")]
                found.append(
                    Challenge(
                        realm=fields.get("realm", ""),
                        nonce=fields["nonce"],
                        algorithm=plain,
                        session_hash=name.endswith("-SESS"),
                        opaque=fields.get("opaque"),
                        qop="auth" in options,
                        named="algorithm" in fields,
                        stale=fields.get("stale", "").lower() == "true",
                    )
                )
    found.sort(key=lambda one: ("SHA-256", "MD5", "").index(one.algorithm))
    return [one for one in found if one.algorithm] or found


class Login:
    """User and password of one camera, and how it wants to hear them.

    `make_cnonce` is for tests.
    """

    def __init__(self, user: str, password: str, make_cnonce: Callable[[], str] = lambda: secrets.token_hex(8)) -> None:
        self._user = user
        self._password = password
        self._make_cnonce = make_cnonce
        self._challenge: Challenge | None = None
        self._tried: set[str] = set()  # algorithms that were refused
        self._accepted = False
        self._count = 0
        self.basic_allowed = True
        """False after a redirection to another host: a password in the clear goes only where it was given for."""

    def refused(self, values: Iterable[str]) -> bool:
        """The camera answered 401 with these challenges; whether another attempt makes sense."""
        if not self._user and not self._password:
            return False
        offered = [one for one in challenges(values) if one.algorithm or self.basic_allowed]
        last, accepted, self._accepted = self._challenge, self._accepted, False
        if last is not None:
            again = next((one for one in offered if one.algorithm == last.algorithm and one.nonce != last.nonce), None)
            # A nonce grows old; not every camera calls that `stale`, but what it took a moment ago it takes again.
            if again is not None and (again.stale or accepted):
                self._take(again)
                return True
            self._tried.add(last.algorithm)
        left = [one for one in offered if one.algorithm not in self._tried]
        if not left:
            return False
        self._take(left[0])
        return True

    def accepted(self) -> None:
        """The camera took what it got."""
        self._accepted = True

    def header(self, method: str, url: str) -> str | None:
        """`Authorization` for a request; None before any challenge."""
        challenge = self._challenge
        if challenge is None:
            return None
        if not challenge.algorithm:
            return "Basic " + base64.b64encode(f"{self._user}:{self._password}".encode()).decode()
        return self._digest(challenge, method, url)

    def _take(self, challenge: Challenge) -> None:
        self._challenge = challenge
        self._count = 0

    def _digest(self, challenge: Challenge, method: str, url: str) -> str:
        def digest(text: str) -> str:
            return _HASHES[challenge.algorithm](text.encode())

        self._count += 1
        count, cnonce = f"{self._count:08x}", self._make_cnonce()
        secret = digest(f"{self._user}:{challenge.realm}:{self._password}")
        if challenge.session_hash:
            secret = digest(f"{secret}:{challenge.nonce}:{cnonce}")
        what = digest(f"{method}:{url}")
        middle = f"{challenge.nonce}:{count}:{cnonce}:auth" if challenge.qop else challenge.nonce
        fields = {
            "username": _quoted(self._user),
            "realm": f'"{challenge.realm}"',  # with its escapes, as it came
            "nonce": f'"{challenge.nonce}"',
            "uri": _quoted(url),
            "response": f'"{digest(f"{secret}:{middle}:{what}")}"',
        }
        if challenge.named:
            fields["algorithm"] = challenge.algorithm + ("-sess" if challenge.session_hash else "")
        if challenge.qop:
            fields |= {"qop": "auth", "nc": count, "cnonce": f'"{cnonce}"'}
        elif challenge.session_hash:
            fields["cnonce"] = f'"{cnonce}"'
        if challenge.opaque is not None:
            fields["opaque"] = f'"{challenge.opaque}"'
        return "Digest " + ", ".join(f"{name}={value}" for name, value in fields.items())


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
