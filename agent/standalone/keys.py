"""The server's secrets: made at random at the first run, kept in one file that only its owner can read."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from itsdangerous import BadSignature, SignatureExpired, TimestampSigner, URLSafeTimedSerializer

from agent.standalone.settings import SettingsError
from agent.standalone.store.sealed import Vault
from agent.standalone.store.tokens import TOKEN_SECONDS

ADMISSION_SECONDS = 12 * 3600
KNOWN_BROWSER_SECONDS = 400 * 86_400
"""The longest that browsers keep a cookie."""
_CREDENTIAL = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class _Secrets:
    credential: str = field(repr=False)
    enrol_key: str = field(repr=False)
    signing_key: str = field(repr=False)
    sealing_key: str = field(repr=False)
    generation: int = 1
    former: tuple[str, ...] = ()


class TokenExpired(Exception):
    """A token that was good and is not any more: its time is over, or the credential was replaced."""


class TokenInvalid(Exception):
    """A token that this server never gave."""


class _Signer(TimestampSigner):
    """Signs with the time of the server's clock."""

    def __init__(self, *args: Any, clock: Callable[[], float], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock())


class Keys:
    """The administrator's credential, the enrol key, and what is signed with the server's own key.

    `credential` is the `unionid` of API v1; `enrol_key` lets a new agent register.  Replacing the credential begins a
    new generation: tokens and admissions of the one before end at once.
    """

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self.first_run = not path.exists()
        self._secrets, is_whole = (_fresh(), False) if self.first_run else _load(path)
        if not is_whole:
            try:
                _save(path, self._secrets)
            except OSError as error:
                raise SettingsError(f"{path} cannot be written: {error.strerror}") from error

    @property
    def credential(self) -> str:
        """The administrator's credential."""
        return self._secrets.credential

    @property
    def sealing_key(self) -> str:
        """The key of the database's sealed columns."""
        return self._secrets.sealing_key

    @property
    def enrol_key(self) -> str:
        """The key with which new agents register."""
        return self._secrets.enrol_key

    def is_credential(self, given: str) -> bool:
        """Whether this is the credential; compared in constant time."""
        return hmac.compare_digest(given.encode(), self.credential.encode())

    def is_enrol_key(self, given: str) -> bool:
        """Whether this is the enrol key; compared in constant time."""
        return hmac.compare_digest(given.encode(), self.enrol_key.encode())

    def was_credential(self, given: str) -> bool:
        """Whether this was the credential before it was replaced."""
        return digest(given) in self._secrets.former

    def replace_credential(self) -> str:
        """Make a new credential; tokens and admissions of the old one end at once."""
        old = self._secrets
        self._secrets = replace(
            old,
            credential=secrets.token_hex(16),
            generation=old.generation + 1,
            former=(*old.former, digest(old.credential)),
        )
        _save(self._path, self._secrets)
        return self.credential

    def replace_enrol_key(self) -> str:
        """Make a new enrol key. Agents that are enrolled go on: each has a token of its own."""
        self._secrets = replace(self._secrets, enrol_key=secrets.token_hex(16))
        _save(self._path, self._secrets)
        return self.enrol_key

    def api_token(self, token_id: int) -> str:
        """A fresh access token of API v1 for a row of `store.tokens`, good for `TOKEN_SECONDS`."""
        return self._timed("api-v1").dumps([self._secrets.generation, token_id])

    def check_api_token(self, token: str) -> int:
        """The row of a token that is signed and in time; whether it is still there decides. Raises `TokenExpired` or
        `TokenInvalid`.
        """
        return self._check("api-v1", token, TOKEN_SECONDS)

    def form_token(self, session: str) -> str:
        """What a form of this session must carry, so that no other site can send it."""
        return hmac.new(self._secrets.signing_key.encode(), b"form:" + session.encode(), hashlib.sha256).hexdigest()

    def known_browser(self, account: str) -> str:
        """A cookie's value that tells this browser from every other one from which the account was entered."""
        return self._timed("known-browser").dumps([secrets.token_hex(8), account])

    def known_browser_of(self, text: str, account: str) -> str:
        """Which browser that is; empty where it is none, or one of another account."""
        try:
            browser, whose = self._timed("known-browser").loads(text, max_age=KNOWN_BROWSER_SECONDS)
        except (BadSignature, ValueError):
            return ""
        return str(browser) if whose == account else ""

    def admission(self, purpose: str, value: int) -> str:
        """A short text that stands for a number, cannot be made up, and opens without a token (a page to be framed).

        It is good for `ADMISSION_SECONDS`, and not longer than the credential.
        """
        return self._timed(f"admission-{purpose}").dumps([self._secrets.generation, value])

    def admitted(self, purpose: str, text: str) -> int | None:
        """The number of an admission; None when it is not, or no longer, good."""
        try:
            return self._check(f"admission-{purpose}", text, ADMISSION_SECONDS)
        except (TokenExpired, TokenInvalid):
            return None

    def _timed(self, salt: str) -> URLSafeTimedSerializer:
        key = self._secrets.signing_key
        return URLSafeTimedSerializer(key, salt=salt, signer=_Signer, signer_kwargs={"clock": self._clock})

    def _check(self, salt: str, text: str, max_age: int) -> int:
        """The number that was signed."""
        try:
            payload: Any = self._timed(salt).loads(text, max_age=max_age)
        except SignatureExpired as error:
            raise TokenExpired from error
        except BadSignature as error:
            raise TokenInvalid from error
        if not isinstance(payload, list) or payload[0] != self._secrets.generation:
            raise TokenExpired  # a program of before put only the generation into its tokens
        return int(payload[1])


def looks_like_credential(text: str) -> bool:
    """Whether a text has the form of a credential at all."""
    return _CREDENTIAL.fullmatch(text) is not None


def digest(secret: str) -> str:
    """The hash under which a random secret is stored. Secrets of 128 random bits and more need no salt and no
    stretching.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


def _fresh() -> _Secrets:
    return _Secrets(secrets.token_hex(16), secrets.token_hex(16), secrets.token_hex(32), Vault.new_key())


def _load(path: Path) -> tuple[_Secrets, bool]:
    """The secrets, and whether all of them were there: a file of before the database was sealed has no key for it."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        is_whole = "sealing_key" in values
        values = {"sealing_key": Vault.new_key(), **values, "former": tuple(values["former"])}
        return _Secrets(**values), is_whole
    except (ValueError, TypeError, KeyError) as error:
        raise SettingsError(f"{path} is damaged: restore it, or move it away to begin with new secrets") from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}; does it belong to another user?") from error


def _save(path: Path, values: _Secrets) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(asdict(values), file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
