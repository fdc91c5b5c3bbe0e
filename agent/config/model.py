"""What can be configured: every key, its type, bounds and default.

`config.toml` in the project's root explains each key to people; a test holds the two together.  Values are strict
(`port = "8480"` is an error, not a number), paths and secrets take plain texts.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator, model_validator

from agent.config import zones
from agent.config.hours import parse_window
from agent.config.paths import default_media, default_runtime, default_standalone_folder, default_state
from agent.config.section import AnyPath, Contradiction, Secret, Section, http_url, misfit

_BUCKET = re.compile(r"s3\+https?://[^/@:]+:[^/@]+@[^/@]+/[^/]+")
_GROUP = re.compile(r"[0-9A-Za-z]{0,16}")
_TRACKERS = re.compile(
    r"fdfs://(\[[0-9A-Fa-f:]+\]|[^\[\]:,/\s]+)(:\d{1,5})?(,(\[[0-9A-Fa-f:]+\]|[^\[\]:,/\s]+)(:\d{1,5})?)*/?"
)


class AgentSection(Section):
    """Who this agent is. `name` is what the server shows until somebody names it there; empty = the machine's name."""

    name: str = Field(default="", max_length=100)


class PathsSection(Section):
    """Where things lie on disk.

    `state`: identity and journal. `media`: recordings until they are confirmed. `runtime`: the control socket.
    """

    state: AnyPath
    media: AnyPath
    runtime: AnyPath


class ServerSection(Section):
    """The server this agent belongs to. `url` empty = it records what it knows and waits.

    `enrol_key` is needed for the first registration only. `timeout_sec` bounds each request, not an upload as a whole.
    """

    url: str = ""
    enrol_key: Secret = SecretStr("")
    enrol_key_file: AnyPath | None = None
    ca_file: AnyPath | None = None
    timeout_sec: float = Field(default=10.0, ge=1, le=120)

    @field_validator("url")
    @classmethod
    def _plain_url(cls, url: str) -> str:
        return http_url(url)

    def contradictions(self) -> Iterator[Contradiction]:
        if self.ca_file is not None and self.url.startswith("http:"):
            yield Contradiction(
                "ca_file",
                "url begins with http: nothing would be encrypted and no certificate checked",
                'url = "https://...", or no ca_file',
            )


class TimeSection(Section):
    """The zone that the timetable's times of day are meant in. Empty = the server's answer, else the machine's zone."""

    zone: str = ""

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        if zone and not zones.known(zone):
            near = zones.nearest(zone)
            raise misfit(
                f"{zone!r} is no time zone of the IANA database",
                f'"{near}"' if near else '"Asia/Shanghai", "Europe/Berlin" and so on, or ""',
            )
        return zone


class RecordSection(Section):
    """How cameras are read and slices written: the `Limits` of recorder processes, in seconds and MiB."""

    transport: Literal["tcp", "udp"] = "tcp"
    connect_sec: float = Field(default=10.0, ge=1, le=120)
    stall_sec: float = Field(default=5.0, ge=1, le=120)
    ring_sec: float = Field(default=10.0, ge=1, le=600)
    ring_mb: int = Field(default=64, ge=4, le=4096)
    queue_mb: int = Field(default=64, ge=4, le=4096)
    fragment_sec: float = Field(default=1.0, ge=0.1, le=10)
    sync_sec: float = Field(default=2.0, ge=0.1, le=60)
    preroll_sec: float = Field(default=0.0, ge=0, le=300)
    sub_streams: dict[str, SecretStr] = Field(default_factory=dict)
    main_stream: Literal["always", "lessons"] = "always"
    presets: dict[Annotated[str, Field(pattern=r"^\d{1,18}$")], str] = Field(default_factory=dict)

    @field_validator("sub_streams", mode="before")
    @classmethod
    def _addresses(cls, given: Any) -> dict[str, SecretStr]:
        """Addresses may hold passwords; `recorder.source.urls` judges them."""
        example = '{ 7 = "rtsp://192.168.1.64/sub" }'
        if not isinstance(given, dict):
            raise misfit("camera ids with addresses are needed here", example)
        for camera_id, address in given.items():
            if not camera_id.isdecimal() or not isinstance(address, str | SecretStr):
                raise misfit(f"{camera_id}: a camera id and an address in quotes are needed", example)
        return {key: one if isinstance(one, SecretStr) else SecretStr(one) for key, one in given.items()}

    def contradictions(self) -> Iterator[Contradiction]:
        if self.sync_sec < self.fragment_sec:
            yield Contradiction(
                "sync_sec",
                f"shorter than fragment_sec = {self.fragment_sec:g}: between fragments there is nothing new to sync",
                f"{self.fragment_sec:g} or more, or a shorter fragment_sec",
            )
        if self.preroll_sec > self.ring_sec:
            yield Contradiction(
                "preroll_sec",
                f"longer than ring_sec = {self.ring_sec:g}: the ring does not reach back that far",
                f"{self.ring_sec:g} or less, or a longer ring_sec",
            )


class AlarmsSection(Section):
    """How long a picture must be black or stand still, and sound be silent or away, to be an alarm; 0 = never."""

    black_sec: float = Field(default=30.0, ge=0, le=86_400)
    frozen_sec: float = Field(default=120.0, ge=0, le=86_400)
    silent_sec: float = Field(default=120.0, ge=0, le=86_400)
    silent_dbfs: float = Field(default=-60.0, ge=-90, le=0)
    no_audio_sec: float = Field(default=15.0, ge=0, le=86_400)
    sound: Literal["auto", "required", "ignored"] = "auto"


class SpoolSection(Section):
    """How much disk recordings may take, in GiB: `reserve_gb` stays free, `quota_gb` bounds what lies there.

    `delete_unsent`: where the reserve can be kept no other way, the oldest go although they were never uploaded.
    """

    reserve_gb: float = Field(default=2.0, ge=0, le=100_000)
    quota_gb: float = Field(default=50.0, ge=0.1, le=1_000_000)
    delete_unsent: bool = False


class UploadSection(Section):
    """How recordings travel. `rate_kbit` (kbit/s over all uploads) 0 = as fast as the line allows, `live_rate_kbit` the
    same while a channel is watched live.

    `folder` is the only one that a server may send recordings into. `window`: the hours at which files begin to travel.
    """

    parallel: int = Field(default=2, ge=1, le=16)
    rate_kbit: int = Field(default=0, ge=0, le=10_000_000)
    live_rate_kbit: int = Field(default=2000, ge=0, le=10_000_000)
    retry_max_sec: float = Field(default=300.0, ge=5, le=86_400)
    folder: AnyPath | None = None
    window: str = ""

    @field_validator("window")
    @classmethod
    def _hours(cls, window: str) -> str:
        try:
            parse_window(window)
        except ValueError as error:
            raise misfit(str(error), '"18:00-06:00", or "" for any hour') from None
        return window


class StorageSection(Section):
    """Where recordings go, if not where the server says (`kind` "server"): a storage that this machine reaches itself.

    `url`: the endpoint (s3), the folder (webdav), the trackers (fastdfs: `fdfs://10.0.0.5:22122,10.0.0.6:22122`).
    `bucket`: with s3 empty where `url` names it already, with fastdfs the group (empty = any). `folder`: s3 only.
    """

    kind: Literal["server", "s3", "webdav", "fastdfs"] = "server"
    url: str = ""
    bucket: str = ""
    folder: str = ""
    region: str = "us-east-1"
    user: str = ""
    secret: Secret = SecretStr("")
    secret_file: AnyPath | None = None

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        if not url.startswith("fdfs://"):
            if url.startswith("fastdfs:"):
                raise misfit("the trackers of FastDFS begin with fdfs://", '"fdfs://10.0.0.5:22122,10.0.0.6:22122"')
            return http_url(url)
        if not _TRACKERS.fullmatch(url):
            raise misfit("no list of trackers", '"fdfs://10.0.0.5:22122,10.0.0.6:22122"')
        return url

    def contradictions(self) -> Iterator[Contradiction]:
        if self.kind == "server":
            if self.url:
                yield Contradiction("url", 'kind is "server": this address is not used', 'kind = "s3" or another')
            return
        scheme = "fdfs://" if self.kind == "fastdfs" else "http"
        if not self.url.startswith(scheme):
            example = "fdfs://10.0.0.5:22122" if self.kind == "fastdfs" else "https://storage.school.example"
            yield Contradiction("url", f'kind is "{self.kind}" and needs an address', f'"{example}"')
        if self.kind == "fastdfs" and not _GROUP.fullmatch(self.bucket):
            yield Contradiction("bucket", "a group of FastDFS has at most 16 letters and digits", '"group1" or ""')
        if self.kind == "s3" and not (self.user and self.secret.get_secret_value()):
            yield Contradiction("user", 'kind is "s3" and needs an access key and its secret', "user and secret_file")


class LocalSection(Section):
    """The local page with /healthz, /readyz and /metrics. `port` 0 = none. `names`: further names of this machine.

    Another `host` than this machine's own loopback needs `open_to_network`: the page asks for no password.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8481, ge=0, le=65535)
    open_to_network: bool = False
    names: tuple[str, ...] = Field(default=(), strict=False)
    pictures: bool = True

    @field_validator("host")
    @classmethod
    def _address(cls, host: str) -> str:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise misfit("an address is needed here, not a name", '"127.0.0.1", "::1" or "0.0.0.0"') from None
        return host

    def contradictions(self) -> Iterator[Contradiction]:
        if not self.open_to_network and not ipaddress.ip_address(self.host).is_loopback:
            yield Contradiction(
                "host",
                "everybody in the network would see rooms and recordings: the page asks for no password",
                '"127.0.0.1", or open_to_network = true if that is meant',
            )


MqttOrder = Literal["record", "snapshot", "camera", "preset"]


class MqttSection(Section):
    """The school's MQTT broker. `host` empty = none. `topic`: everything is below `<topic>/<agent>/`.

    `discovery`: Home Assistant's prefix, empty = it is not told. `commands`: what may be ordered over MQTT, by channel
    ("*": every other one). `language`: of the names that Home Assistant shows, "auto" = that of this machine's locale.
    """

    host: str = ""
    port: int = Field(default=1883, ge=1, le=65535)
    user: str = ""
    password: Secret = SecretStr("")
    password_file: AnyPath | None = None
    tls: bool = False
    ca_file: AnyPath | None = None
    topic: str = Field(default="gather", pattern=r"^[^/+#\x00$][^+#\x00]*$")
    discovery: str = Field(default="homeassistant", pattern=r"^[^+#\x00$]*$")
    pictures: bool = False
    commands: dict[str, tuple[MqttOrder, ...]] = Field(default_factory=dict, strict=False)
    language: Literal["auto", "en", "zh"] = "auto"

    @field_validator("commands", mode="before")
    @classmethod
    def _by_channel(cls, given: Any) -> Any:
        example = '{ 7 = ["record", "snapshot"], "*" = ["snapshot"] }'
        if not isinstance(given, dict):
            raise misfit("channels with what may be ordered for them are needed here", example)
        for channel, orders in given.items():
            if channel != "*" and not channel.isdecimal():
                raise misfit(f"{channel}: a channel's number or * is needed", example)
            if not isinstance(orders, list | tuple) or not {*orders} <= {*get_args(MqttOrder)}:
                known = ", ".join(f'"{order}"' for order in get_args(MqttOrder))
                raise misfit(f"{channel}: what can be ordered is {known}", example)
        return {channel: tuple(orders) for channel, orders in given.items()}

    def contradictions(self) -> Iterator[Contradiction]:
        if self.ca_file is not None and not self.tls:
            yield Contradiction(
                "ca_file", "nothing is encrypted and no certificate checked", "tls = true, or no ca_file"
            )
        if self.password.get_secret_value() and not self.user:
            yield Contradiction("password", "MQTT sends no password without a user", 'user = "..."')


class LogSection(Section):
    """What is logged. `format` "auto" = journal under systemd, text otherwise."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "text", "json", "journal"] = "auto"


class StandaloneSection(Section):
    """The embedded server (`gather-agent serve`, `gather-agent standalone`).

    `numbers_as_strings` prints numbers of API v1 as old clients expect them.
    `public_url`: what browsers and agents are told, empty = `http://host:port`.  `storage_addr`: the web server before
    a storage of the agents' own ([storage]), empty = there is none.  `database` empty = SQLite in `folder`.
    `frame_ancestors`: which sites may frame the player pages, as in a Content-Security-Policy.
    `storage_redirect`: players fetch from the bucket (`storage`) themselves.  `trusted_proxies`: whose
    `X-Forwarded-For` and `X-Forwarded-Proto` count.
    """

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8480, ge=0, le=65535)
    public_url: str = ""
    folder: AnyPath
    database: str = Field(default="", repr=False)
    name: str = Field(default="云录播", min_length=1, max_length=100)
    numbers_as_strings: bool = False
    storage_addr: str = ""
    frame_ancestors: str = "*"
    storage: str = Field(default="", repr=False)
    storage_redirect: bool = False
    trusted_proxies: tuple[str, ...] = Field(default=(), strict=False)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            try:
                ipaddress.ip_network(proxy)
            except ValueError:
                raise misfit("not addresses or networks", '["127.0.0.1", "::1", "10.1.0.0/24"]') from None
        return proxies

    @field_validator("public_url", "storage_addr")
    @classmethod
    def _plain_url(cls, url: str) -> str:
        return http_url(url)

    @field_validator("frame_ancestors")
    @classmethod
    def _frame_ancestors(cls, sources: str) -> str:
        known = r"\*|'none'|'self'|https?://[\w*.:\[\]-]+"
        if not sources.split() or not all(re.fullmatch(known, one, re.ASCII) for one in sources.split()):
            raise misfit("not a list of sites", '"*", "\'none\'", or "https://lessons.school.example"')
        return " ".join(sources.split())

    @field_validator("database")
    @classmethod
    def _database_url(cls, url: str) -> str:
        if url and "://" not in url:
            raise misfit(
                "not a database URL", '"postgresql://user:password@host/database" or "" for SQLite in the folder'
            )
        return url

    @field_validator("storage")
    @classmethod
    def _bucket_url(cls, url: str) -> str:
        if url and not _BUCKET.match(url):
            raise misfit("not the address of a bucket", '"s3+https://key:secret@host/bucket" or "" for the folder')
        return url


class Config(BaseModel):
    """The whole configuration. `Config()` has every default; the folders among them come from the environment.

    The environment is `os.environ`, or the mapping passed as validation context `{"env": ...}`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    agent: AgentSection = AgentSection()
    paths: PathsSection
    server: ServerSection = ServerSection()
    time: TimeSection = TimeSection()
    record: RecordSection = RecordSection()
    alarms: AlarmsSection = AlarmsSection()
    spool: SpoolSection = SpoolSection()
    upload: UploadSection = UploadSection()
    storage: StorageSection = StorageSection()
    local: LocalSection = LocalSection()
    mqtt: MqttSection = MqttSection()
    log: LogSection = LogSection()
    standalone: StandaloneSection

    if TYPE_CHECKING:  # pydantic's own, told to the type checker: every section may be left out or given as a dict

        def __init__(self, **sections: Any) -> None: ...

    @model_validator(mode="before")
    @classmethod
    def _default_folders(cls, values: Any, info: ValidationInfo) -> Any:
        if not isinstance(values, dict):
            return values
        env: Mapping[str, str] = (info.context or {}).get("env", os.environ)
        paths, standalone = values.get("paths", {}), values.get("standalone", {})
        given = paths.get("state") if isinstance(paths, dict) else None
        state = Path(given) if isinstance(given, str | Path) else default_state(env)
        if isinstance(paths, dict):
            defaults = {"state": state, "media": default_media(state), "runtime": default_runtime(state, env)}
            paths = {**defaults, **paths}
        if isinstance(standalone, dict):
            standalone = {"folder": default_standalone_folder(state), **standalone}
        return {**values, "paths": paths, "standalone": standalone}


def secrets_of(config: Config) -> list[str]:
    """Every secret in it, and what of an address is secret: to be hidden wherever they turn up."""
    found = []
    for _, section in config:
        for value in dict(section).values():
            for one in value.values() if isinstance(value, dict) else (value,):
                if isinstance(one, SecretStr):
                    found += [one.get_secret_value(), *_passwords(one.get_secret_value())]
                elif isinstance(one, str):
                    found += _passwords(one)
    return [secret for secret in found if secret]


def _passwords(text: str) -> list[str]:
    """The password of an address, as it is written and as it is meant."""
    userinfo = text.partition("://")[2].partition("/")[0].rpartition("@")[0]
    password = userinfo.partition(":")[2]
    return [password, unquote(password)]
