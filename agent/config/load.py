"""Reads the configuration: defaults, then systemd credentials, the file, the environment, the command line.

    built-in  <  $CREDENTIALS_DIRECTORY/<key>  <  config.toml  <  GATHER__SECTION__KEY  <  command line

Everything that is wrong is reported at once (`ConfigError`), with file, line, key and what to write instead.
"""

from __future__ import annotations

import difflib
import os
import re
import ssl
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_origin

from pydantic import SecretStr, ValidationError

from agent.config import problems
from agent.config.model import Config
from agent.config.paths import config_files
from agent.config.problems import ConfigError, Problem
from agent.config.toml_lines import key_lines

ENV_PREFIX = "GATHER__"
SECRET_MAX = 4096  # bytes: a key, not a film named by mistake


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A valid configuration, and for each dotted key where its value came from (`default`, `config.toml:12`, ...)."""

    config: Config
    origins: Mapping[str, str]
    path: Path | None = None
    problems: tuple[Problem, ...] = ()
    """What is wrong and costs no lesson; with `lenient` all that is wrong: `config` then has the folders that can be
    read, and defaults.
    """


@dataclass(slots=True)
class _Draft:
    """Values by section and key as they pile up, with the place each came from."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def put(self, key: str, value: Any, where: str) -> None:
        section, _, name = key.partition(".")
        into = self.values.setdefault(section, {})
        if isinstance(into, dict):
            into[name] = value
            self.origins[key] = where

    def given(self, key: str) -> Any:
        section, _, name = key.partition(".")
        values = self.values.get(section)
        return values.get(name) if isinstance(values, dict) else None

    def complain(self, where: str, key: str, what: str, instead: str = "", *, costs_lessons: bool = True) -> None:
        self.problems.append(Problem(where, key, what, instead, costs_lessons))


def load_config(
    path: Path | None = None,
    env: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
    search: Iterable[Path] | None = None,
    *,
    lenient: bool = False,
) -> LoadedConfig:
    """The configuration from `path` (None: the first that exists of `search`, the usual places, else defaults alone).

    `env` is `os.environ` unless given; `overrides` holds values of the command line by dotted key.  `ConfigError` tells
    every problem; with `lenient` they come with the answer instead, for those who only want to find an agent.
    """
    env = os.environ if env is None else env
    draft = _Draft()
    if path is None:
        path = next((found for found in (config_files(env) if search is None else search) if found.is_file()), None)
    if path is not None:
        _read_file(draft, path)
    _read_environment(draft, env)
    for key, value in (overrides or {}).items():
        draft.put(key, value, "command line")
    _settle_paths(draft)
    _read_secrets(draft, env)
    _check_files(draft)
    config = _validate(draft, env)
    origins = {key: draft.origins.get(key, "default") for key in problems.fields()}
    wrong = sorted(draft.problems, key=_by_place)
    if config is not None and not any(problem.costs_lessons for problem in wrong):
        return LoadedConfig(config, origins, path, tuple(wrong))
    if not lenient:
        raise ConfigError(wrong)
    return LoadedConfig(_folders_alone(draft, env), origins, path, tuple(wrong))


def _folders_alone(draft: _Draft, env: Mapping[str, str]) -> Config:
    paths = draft.values.get("paths", {})
    wrong = {problem.key for problem in draft.problems}
    given = paths.items() if isinstance(paths, dict) else ()
    folders = {name: folder for name, folder in given if isinstance(folder, Path) and f"paths.{name}" not in wrong}
    return Config.model_validate({"paths": folders}, context={"env": env})


def _read_file(draft: _Draft, path: Path) -> None:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        draft.complain(f"{path}:{line}", "", "the file is not UTF-8", "the file once more, saved as UTF-8")
        return
    except OSError as error:
        draft.complain(str(path), "", f"cannot be read: {error.strerror}")
        return
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        what = re.sub(r"\s*\(at .*\)$", "", str(error)).rstrip(".")
        draft.complain(f"{path}:{line}", "", f"not TOML: {what}", 'lines of the form key = 5 or key = "text"')
        return
    lines = key_lines(text)
    for section, table in tables.items():
        if not isinstance(table, dict):
            draft.values[section] = table
            draft.origins[section] = f"{path}:{lines[(section,)]}"
            continue
        draft.values.setdefault(section, {})
        draft.origins[section] = f"{path}:{lines[(section,)]}"
        for name, value in table.items():
            draft.put(f"{section}.{name}", value, f"{path}:{lines[(section, name)]}")


def _read_environment(draft: _Draft, env: Mapping[str, str]) -> None:
    """`GATHER__RECORD__RING_MB=128`. Everything is written as in the file, but texts without quotes."""
    known = {f"{ENV_PREFIX}{key.replace('.', '__')}".upper(): key for key in problems.fields()}
    for variable in sorted(name for name in env if name.startswith(ENV_PREFIX)):
        where = f"environment {variable}"
        if variable not in known:
            near = difflib.get_close_matches(variable, known, n=1)
            draft.complain(where, "", "there is no such key", near[0] if near else "GATHER__SECTION__KEY")
            continue
        key = known[variable]
        draft.put(key, _from_text(env[variable], problems.plain_type(problems.fields()[key])), where)


def _from_text(text: str, expected: Any) -> Any:
    """What is expected, if it can be read; otherwise the text, about which validation has its say."""
    try:
        if expected in (int, float):
            return expected(text)
        if expected is bool or get_origin(expected) in (tuple, dict):
            return tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        pass
    return text


def _settle_paths(draft: _Draft) -> None:
    """Paths of the file count from its folder, others from the current one; `~` is the home; "" means the default."""
    for key, about in problems.fields().items():
        value = draft.given(key)
        if problems.plain_type(about) is not Path or not isinstance(value, str | Path):
            continue
        section, _, name = key.partition(".")
        if not str(value):
            del draft.values[section][name], draft.origins[key]
            continue
        origin, _, line = draft.origins[key].rpartition(":")
        base = Path(origin).absolute().parent if line.isdigit() else Path.cwd()
        draft.values[section][name] = base / os.path.expanduser(value)  # noqa: PTH111 - Path's raises without a home


def _read_secrets(draft: _Draft, env: Mapping[str, str]) -> None:
    """Secrets from `<key>_file`, or from a systemd credential of the key's name when nothing else gives one."""
    for key, about in problems.fields().items():
        if problems.plain_type(about) is not SecretStr:
            continue
        given, file = draft.given(key), draft.given(f"{key}_file")
        if given and file:
            draft.complain(
                draft.origins[f"{key}_file"],
                f"{key}_file",
                f"{key} is set as well",
                "one of the two, the file for preference",
            )
        elif isinstance(file, Path):
            _read_secret(draft, key, file, f"{key}_file")
        elif not given and (folder := env.get("CREDENTIALS_DIRECTORY")):
            credential = Path(folder) / key.rpartition(".")[2]
            if credential.exists():
                _read_secret(draft, key, credential, key)


def _read_secret(draft: _Draft, key: str, file: Path, named_by: str) -> None:
    where = draft.origins.get(named_by, f"credential {file.name}")
    try:
        with file.open("rb") as opened:
            content = opened.read(SECRET_MAX + 1)
        secret = content.decode().strip()
    except OSError as error:
        draft.complain(
            where, named_by, f"{file} cannot be read: {error.strerror}", "the path of a file that holds the secret"
        )
        return
    except UnicodeDecodeError:
        draft.complain(where, named_by, f"{file} is not a text", "the path of a file that holds the secret")
        return
    if not secret or len(content) > SECRET_MAX or "\n" in secret:
        draft.complain(where, named_by, f"{file} does not hold one line", "the path of a file that holds the secret")
        return
    draft.put(key, secret, f"file {file}" if named_by != key else where)


def _validate(draft: _Draft, env: Mapping[str, str]) -> Config | None:
    try:
        return Config.model_validate(draft.values, context={"env": env})
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            for key, what, instead in problems.from_pydantic(detail):
                section = key.partition(".")[0]
                draft.complain(draft.origins.get(key) or draft.origins.get(section, ""), key, what, instead)
    return None


def _check_files(draft: _Draft) -> None:
    for key in ("server.ca_file", "mqtt.ca_file"):
        ca_file = draft.given(key)
        if isinstance(ca_file, Path) and (what := _wrong_with_authorities(ca_file)):
            instead = "the path of a PEM file with certificates"
            draft.complain(draft.origins[key], key, what, instead, costs_lessons=False)


def _wrong_with_authorities(file: Path) -> str:
    if not file.is_file():
        return f"there is no file {file}"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        return f"{file} holds no certificates"
    except OSError as error:
        return f"{file} cannot be read: {error.strerror}"
    return ""


def _by_place(problem: Problem) -> tuple[bool, str, int]:
    """The file's problems first, by line."""
    place, _, line = problem.where.rpartition(":")
    return (not line.isdigit(), place, int(line) if line.isdigit() else 0)
