"""Secrets that have to be given out again (a camera's password) are sealed before they reach the database.

The key is not in the database, so that a copy of it, or another server's disk that holds it, gives none of them away.
"""

from __future__ import annotations

import logging
from weakref import WeakKeyDictionary

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

_MARK = "sealed:"

log = logging.getLogger(__name__)


class SecretLost(Exception):
    """A secret that was sealed with another key is needed; the message says whose."""


class Lost(str):
    """What is left of a secret that was sealed with another key: nothing, and it equals nothing that replaces it."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    __hash__ = str.__hash__


class Vault:
    """Seals and opens texts with one key (Fernet: AES-128-CBC, HMAC-SHA256). An empty text stays empty."""

    def __init__(self, key: str) -> None:
        self._fernet = Fernet(key)
        self._has_warned = False

    @staticmethod
    def new_key() -> str:
        """A key, from the system's randomness."""
        return Fernet.generate_key().decode()

    def seal(self, secret: str) -> str:
        """What may lie in a database."""
        return _MARK + self._fernet.encrypt(secret.encode()).decode() if secret else ""

    def open(self, sealed: str) -> str:
        """The secret again. What another key sealed is `Lost`, and a line in the log."""
        if not sealed:
            return ""
        try:
            return self._fernet.decrypt(sealed.removeprefix(_MARK)).decode()
        except InvalidToken:
            if not self._has_warned:
                log.error(
                    "secrets.json is not the one with which the database's camera passwords and addresses were sealed: "
                    "stop the server and put that one back, or enter them anew in the console; until then the "
                    "recorders concerned go on with what they know, and are told nothing new"
                )
                self._has_warned = True
            return Lost()


_VAULTS: WeakKeyDictionary[Dialect, Vault] = WeakKeyDictionary()
"""Each engine has a dialect of its own; it is all that a column's type gets to see of the engine."""


def entrust(dialect: Dialect, vault: Vault) -> None:
    """Columns of this engine are sealed by this vault."""
    _VAULTS[dialect] = vault


def vault_of(dialect: Dialect) -> Vault:
    """The vault of an engine."""
    return _VAULTS[dialect]


class Sealed(TypeDecorator[str]):
    """A text column whose values are sealed in the database and clear in the program. It cannot be searched for."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """On the way into the database."""
        return vault_of(dialect).seal(value) if value else value

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """On the way out of it."""
        return vault_of(dialect).open(value) if value else value
