"""What a section of the configuration is made of: its base, its kinds of values, and how a mistake is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError

AnyPath = Annotated[Path, Field(strict=False)]
Secret = Annotated[SecretStr, Field(strict=False)]


def misfit(what: str, instead: str) -> PydanticCustomError:
    """A validator's error: what is wrong and what to write instead."""
    return PydanticCustomError("misfit", "{what}", {"what": what, "instead": instead})


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two keys of a section that cannot both be meant: the key to point at, what is wrong, what to write instead."""

    key: str
    what: str
    instead: str


class Section(BaseModel):
    """Base of all sections: frozen, strict, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True)

    def contradictions(self) -> Iterator[Contradiction]:
        """What does not go together in this section."""
        yield from ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if found := list(self.contradictions()):
            what = "; ".join(one.what for one in found)
            raise PydanticCustomError("contradiction", "{what}", {"what": what, "contradictions": found})
        return self


def http_url(url: str) -> str:
    """The address of a server without a slash at its end; empty stays empty. Raises `misfit`."""
    if not url:
        return url
    example = '"https://recorder.example.org" or "http://192.168.1.70:8480"'
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise misfit("not a URL", example) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise misfit("the URL must begin with http:// or https:// and name a host", example)
    if parts.username is not None or parts.password is not None:
        raise misfit("the URL carries a user or password, which would be shown and logged", example)
    if parts.query or parts.fragment:
        raise misfit("the URL must end before any ? or #", example)
    return url.rstrip("/")
