"""What the embedded server can be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Network = IPv4Network | IPv6Network

_WILDCARDS = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, never bound by default


class SettingsError(ValueError):
    """A setting that the server cannot work with; the message names it."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Settings of one embedded server.

    `port` 0 takes a free one.  `public_url` is how browsers and agents reach it when that is not `http://host:port`
    (behind a proxy, by name).  `database_url` is an SQLAlchemy URL, by default SQLite in `data_dir`.  `timezone` is
    an IANA name, by default that of the system: lessons, dates of folders and times in answers are in this zone.
    `frame_ancestors` is the list of who may frame the player pages, as in a Content-Security-Policy.
    `numbers_as_strings` prints the numbers of rows as strings, as old clients of API v1 expect.  `storage_addr` is the
    web server before the storage that agents use instead of this one's.  `storage` is a bucket for what is uploaded
    here (`bucket.EXAMPLE`), by default the folder `data_dir`; with `storage_redirect` players fetch from it
    themselves.  `trusted_proxies` are the reverse proxies that may say
    on whose behalf they call.
    """

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 0
    public_url: str = ""
    database_url: str = ""
    name: str = "云录播"
    timezone: str = ""
    numbers_as_strings: bool = False
    frame_ancestors: str = "*"
    storage_addr: str = ""
    storage: str = field(default="", repr=False)
    storage_redirect: bool = False
    trusted_proxies: tuple[Network, ...] = ()

    @property
    def everywhere(self) -> bool:
        """Whether it listens on all addresses, so that no single one is its address."""
        return self.host in _WILDCARDS

    @property
    def loopback(self) -> bool:
        """Whether it listens on this machine's own address and is told no public one."""
        try:
            local = self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError:
            local = False
        return local and not self.public_url

    @property
    def database(self) -> str:
        """The database's SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.database_file.absolute()}"

    @property
    def database_file(self) -> Path:
        """The database of its own, where no other one is set."""
        return self.data_dir / "server.sqlite"

    @property
    def recordings(self) -> Path:
        """The folder of recordings, one folder a day."""
        return self.data_dir / "recordings"

    @property
    def snapshots(self) -> Path:
        """The folder of the channels' current pictures."""
        return self.data_dir / "snapshots"

    @property
    def incoming(self) -> Path:
        """The folder of uploads that are not complete; emptied at start."""
        return self.data_dir / "incoming"

    def zone(self) -> ZoneInfo:
        """The time zone; `SettingsError` when it is none."""
        name = self.timezone or system_timezone()
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise SettingsError(f"timezone: {name!r} is not an IANA time zone") from error


def system_timezone() -> str:
    """The IANA name of the system's zone: `/etc/timezone`, the target of `/etc/localtime`, else UTC."""
    written = Path("/etc/timezone")
    if written.is_file() and (name := written.read_text(encoding="ascii", errors="replace").strip()):
        return name
    target = str(Path("/etc/localtime").resolve())
    _, found, name = target.partition("/zoneinfo/")
    return name if found else "UTC"
