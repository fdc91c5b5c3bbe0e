"""Where values come from, and what is said about those that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme
from pydantic import ValidationError

from agent.config.load import load_config
from agent.config.model import Config
from agent.config.problems import ConfigError, Problem, fields

SECRET = "k3y-that-nobody-may-read"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path)}


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(path: Path | None, env: dict[str, str]) -> list[tuple[str, str, str, str]]:
    with pytest.raises(ConfigError) as caught:
        load_config(path, env)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value.__cause__) + repr(caught.value.__context__)
    return [
        (problem.where.removeprefix(f"{path}:"), problem.key, problem.what, problem.instead)
        for problem in caught.value.problems
    ]


def problem(path: Path | None, env: dict[str, str]) -> tuple[str, str, str, str]:
    (only,) = problems(path, env)
    return only


def test_without_any_file_everything_has_its_default(tmp_path: Path, env: dict[str, str]) -> None:
    loaded = load_config(None, env)
    assert loaded.path is None
    assert set(loaded.origins.values()) == {"default"}
    assert loaded.origins.keys() == fields().keys()
    state = tmp_path / ".local/state/gather-agent"
    assert loaded.config.paths.state == state
    assert loaded.config.paths.media == state / "media"
    assert loaded.config.paths.runtime == state / "run"
    assert loaded.config.standalone.folder == state / "server"


def test_the_model_alone_fills_folders_in_below_a_given_state(tmp_path: Path) -> None:
    config = Config(paths={"state": tmp_path, "runtime": tmp_path / "r"})
    assert config.paths.media == tmp_path / "media"
    assert config.paths.runtime == tmp_path / "r"
    assert config.standalone.folder == tmp_path / "server"
    with pytest.raises(ValidationError):
        config.paths.state = tmp_path / "elsewhere"


def test_environment_outranks_file_and_the_command_line_outranks_both(tmp_path: Path, env: dict[str, str]) -> None:
    path = write(tmp_path, '[record]\nring_mb = 10\nqueue_mb = 11\n[log]\nlevel = "error"\n')
    env |= {"GATHER__RECORD__QUEUE_MB": "12", "GATHER__LOG__LEVEL": "debug", "GATHER__UPLOAD__RETRY_MAX_SEC": "7.5"}
    loaded = load_config(path, env, {"log.level": "warning", "paths.state": tmp_path / "s"})
    assert (loaded.config.record.ring_mb, loaded.config.record.queue_mb) == (10, 12)
    assert loaded.config.upload.retry_max_sec == 7.5
    assert loaded.config.log.level == "warning"
    assert loaded.config.paths.media == tmp_path / "s/media"
    assert loaded.origins["record.ring_mb"] == f"{path}:2"
    assert loaded.origins["record.queue_mb"] == "environment GATHER__RECORD__QUEUE_MB"
    assert loaded.origins["log.level"] == "command line"


def test_the_environment_writes_every_kind_of_value_as_the_file_does(tmp_path: Path, env: dict[str, str]) -> None:
    env |= {"GATHER__MQTT__PICTURES": "true", "GATHER__MQTT__COMMANDS": '{7 = ["record"], "*" = []}'}
    env |= {"GATHER__LOCAL__NAMES": '["room-101.school"]'}
    config = load_config(write(tmp_path, ""), env, {}).config
    assert config.mqtt.pictures is True
    assert config.mqtt.commands == {"7": ("record",), "*": ()}
    assert config.local.names == ("room-101.school",)


def test_what_is_neither_true_nor_false_is_told_so(tmp_path: Path, env: dict[str, str]) -> None:
    env["GATHER__MQTT__TLS"] = "yes"
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, "[mqtt]\npictures = 1"), env, {})
    assert [(one.key, one.what, one.instead) for one in caught.value.problems] == [
        ("mqtt.pictures", "true or false is needed here", "true or false, without quotes (default false)"),
        ("mqtt.tls", "true or false is needed here", "true or false, without quotes (default false)"),
    ]


def test_the_file_is_found_where_systemd_or_xdg_say(tmp_path: Path, env: dict[str, str]) -> None:
    xdg = tmp_path / ".config/gather-agent"
    xdg.mkdir(parents=True)
    write(xdg, '[agent]\nname = "xdg"\n')
    assert load_config(None, env).config.agent.name == "xdg"
    write(tmp_path, '[agent]\nname = "systemd"\n')
    env["CONFIGURATION_DIRECTORY"] = f"{tmp_path}:{xdg}"
    assert load_config(None, env).config.agent.name == "systemd"


def test_paths_count_from_the_files_folder_and_tilde_is_home(
    tmp_path: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = write(tmp_path, '[paths]\nstate = "state"\nmedia = "~/films"\nruntime = ""\n')
    config = load_config(path, env).config
    assert config.paths.state == tmp_path / "state"
    assert config.paths.media == tmp_path / "home/films"
    assert config.paths.runtime == tmp_path / "state/run"


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path, env: dict[str, str]) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes('\ufeff[agent]\r\nname = "教室"\r\n'.encode())
    assert load_config(path, env).config.agent.name == "教室"


@pytest.mark.parametrize(
    ("text", "line", "key", "what", "instead"),
    [
        ("[record]\nrinq_mb = 5", "2", "record.rinq_mb", "there is no such key", "ring_mb"),
        ("\n[recrod]\nring_mb = 5", "2", "recrod", "no such section", "[record]"),
        ("[upload]\npublic_url = 5", "2", "upload.public_url", "in this section", "public_url under [standalone]"),
        ("[spool]\nxyzzy = 5", "2", "spool.xyzzy", "there is no such key", "one of reserve_gb, quota_gb"),
        ("record = 5", "1", "record", "a section is needed", "[record]"),
        ('[record]\nring_mb = "64"', "2", "record.ring_mb", "a whole number", "from 4 to 4096"),
        ("[record]\nring_mb = 64.5", "2", "record.ring_mb", "a whole number", "from 4 to 4096"),
        ("[standalone]\nport = true", "2", "standalone.port", "a whole number", "from 0 to 65535"),
        ("[record]\nstall_sec = true", "2", "record.stall_sec", "a number", "from 1 to 120"),
        ("[record]\nstall_sec = nan", "2", "record.stall_sec", "not a finite number", "from 1 to 120"),
        ("[record]\nstall_sec = 0", "2", "record.stall_sec", "too small", "from 1 to 120"),
        ("[record]\nring_mb = 5000", "2", "record.ring_mb", "too large", "from 4 to 4096"),
        ('[record]\ntransport = "tpc"', "2", "record.transport", "not one of", 'one of "tcp", "udp"'),
        ("[record]\nsub_streams = 5", "2", "record.sub_streams", "camera ids with addresses", "rtsp://"),
        (f"[record]\nsub_streams = {{ a = 'rtsp://{SECRET}@x' }}", "2", "record.sub_streams", "a camera id", "{ 7 ="),
        ('[record]\nmain_stream = "never"', "2", "record.main_stream", "not one of", 'one of "always", "lessons"'),
        ("[agent]\nname = 5", "2", "agent.name", "a text", 'like ""'),
        ("[paths]\nstate = 5", "2", "paths.state", "a text", "a path"),
        ("[standalone]\nname = ''", "2", "standalone.name", "empty", "云录播"),
        ("[time]\nzone = 'asia/shanghia'", "2", "time.zone", "no time zone", '"Asia/Shanghai"'),
        ("[time]\nzone = 'Shanghai'", "2", "time.zone", "no time zone", '"Asia/Shanghai"'),
        ("[time]\nzone = '../../etc/passwd'", "2", "time.zone", "no time zone", ""),
        ("[server]\nurl = 'recorder.school'", "2", "server.url", "http:// or https://", '"https://'),
        ("[server]\nurl = 'ftp://recorder.school'", "2", "server.url", "http:// or https://", '"https://'),
        ("[server]\nurl = 'http://[::1'", "2", "server.url", "not a URL", '"https://'),
        (f"[server]\nurl = 'http://me:{SECRET}@school'", "2", "server.url", "user or password", '"https://'),
        (f"[server]\nurl = 'http://school/?token={SECRET}'", "2", "server.url", "before any ?", '"https://'),
        ("[server]\nenrol_key_file = 'no.key'", "2", "server.enrol_key_file", "cannot be read", "holds the secret"),
        (f"[server]\nenrol_key = ['{SECRET}']", "2", "server.enrol_key", "a text", "its file"),
        ("[standalone]\ndatabase = 'file.db'", "2", "standalone.database", "not a database URL", "postgresql://"),
        ("[record]\nsync_sec = 0.5", "2", "record.sync_sec", "shorter than fragment_sec = 1", "1 or more"),
        ("[record]\npreroll_sec = 31", "2", "record.preroll_sec", "longer than ring_sec = 10", "10 or less"),
        ("[record]\nring_mb = 5\nring_mb = 6", "3", "", "not TOML", "key = 5"),
        ('[log]\nlevel = "info', "2", "", "not TOML", "key = 5"),
        ("[log]\nlevel info", "2", "", "not TOML", "key = 5"),
    ],
)
def test_each_mistake_is_named_with_line_key_and_what_to_write(
    tmp_path: Path, env: dict[str, str], text: str, line: str, key: str, what: str, instead: str
) -> None:
    found = problem(write(tmp_path, text), env)
    assert found[:2] == (line, key)
    assert what in found[2]
    assert instead in found[3]


def test_everything_wrong_is_told_at_once_in_the_files_order(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "key").write_text(SECRET)
    path = write(
        tmp_path,
        f"""
[record]
sync_sec = 0.5
preroll_sec = 99
[server]
enrol_key = "{SECRET}"
enrol_key_file = "key"
ca_file = "no.pem"
[log]
level = "loud"
colour = true
[nonsense]
""",
    )
    env |= {"GATHER__LOG__LEVL": "info", "GATHER__SPOOL__QUOTA_GB": "ten"}
    found = problems(path, env)
    assert [(where, key) for where, key, _, _ in found] == [
        ("3", "record.sync_sec"),
        ("4", "record.preroll_sec"),
        ("7", "server.enrol_key_file"),
        ("8", "server.ca_file"),
        ("10", "log.level"),
        ("11", "log.colour"),
        ("12", "nonsense"),
        ("environment GATHER__LOG__LEVL", ""),
        ("environment GATHER__SPOOL__QUOTA_GB", "spool.quota_gb"),
    ]
    assert found[-2][3] == "GATHER__LOG__LEVEL"


def test_a_wrong_file_of_authorities_costs_no_lesson(tmp_path: Path, env: dict[str, str]) -> None:
    path = write(tmp_path, '[server]\nurl = "https://school"\n\nca_file = "ca.pem"')
    (only,) = load_config(path, env).problems
    assert (only.where, only.key) == (f"{path}:4", "server.ca_file")
    assert "there is no file" in only.what
    (tmp_path / "ca.pem").write_text("junk")
    (only,) = load_config(path, env).problems
    assert "holds no certificates" in only.what
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    assert load_config(path, env).problems == ()


def test_a_certificate_for_a_plain_address_is_a_contradiction(tmp_path: Path, env: dict[str, str]) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    found = problem(write(tmp_path, '[server]\nurl = "http://school"\nca_file = "ca.pem"'), env)
    assert found[:2] == ("3", "server.ca_file")
    assert "https://" in found[3]


def test_a_file_that_cannot_be_read_is_a_problem_not_a_traceback(tmp_path: Path, env: dict[str, str]) -> None:
    missing = tmp_path / "missing.toml"
    assert problem(missing, env) == (str(missing), "", "cannot be read: No such file or directory", "")
    assert "Is a directory" in problem(tmp_path, env)[2]
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"[agent]\nname = '\xe9cole'\n")
    assert problem(latin, env)[0] == "2"


def test_secrets_come_from_their_file(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "key").write_text(f"{SECRET}\n")
    path = write(tmp_path, '[server]\nenrol_key_file = "key"\n')
    loaded = load_config(path, env)
    assert loaded.config.server.enrol_key.get_secret_value() == SECRET
    assert SECRET not in repr(loaded)


def test_a_systemd_credential_counts_where_nothing_else_is_given(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "enrol_key").write_text(SECRET)
    env["CREDENTIALS_DIRECTORY"] = str(tmp_path)
    loaded = load_config(None, env)
    assert loaded.config.server.enrol_key.get_secret_value() == SECRET
    assert loaded.origins["server.enrol_key"] == "credential enrol_key"
    env["GATHER__SERVER__ENROL_KEY"] = "other"
    assert load_config(None, env).config.server.enrol_key.get_secret_value() == "other"


@pytest.mark.parametrize("content", [b"", b"two\nlines", b"\xff\xfe", b"x" * 5000])
def test_a_secrets_file_holds_one_line_of_text(tmp_path: Path, env: dict[str, str], content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    found = problem(write(tmp_path, '[server]\nenrol_key_file = "key"\n'), env)
    assert found[:2] == ("2", "server.enrol_key_file")


def test_a_problem_reads_as_one_sentence_and_an_advice() -> None:
    text = str(Problem("config.toml:3", "log.level", "not one of the words", 'one of "info"'))
    assert text == 'config.toml:3: log.level: not one of the words\n    write: one of "info"'


def test_who_only_looks_for_an_agent_gets_its_folders_from_a_file_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    env = {"HOME": str(tmp_path)}
    path.write_text(f'[paths]\nruntime = "{tmp_path}/run"\nmedia = 7\n[recrod]\n')
    found = load_config(path, env, lenient=True)
    assert {problem.key for problem in found.problems} == {"paths.media", "recrod"}
    assert (found.config.paths.runtime, found.config.paths.media.name) == (tmp_path / "run", "media")
    path.write_text("not TOML at all")
    found = load_config(path, env, {"paths.state": tmp_path / "state"}, lenient=True)
    assert len(found.problems) == 1
    assert found.config.paths.state == tmp_path / "state"
