"""Camera addresses: what is refused, where the password goes, what may be shown."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recorder.errors import RefusedUrl
from recorder.source.urls import DEFAULT_PORTS, Address, address_of, redact
from recorder.specs import SourceSpec

_printable = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


def _address(location: str, user: str = "", password: str = "") -> Address:
    return address_of(SourceSpec("stream", location, user, password))


@pytest.mark.parametrize("scheme", DEFAULT_PORTS)
def test_network_schemes_are_opened(scheme: str) -> None:
    address = _address(f"{scheme.upper()}://camera.example/stream1?x=1")
    assert (address.scheme, address.host, address.port) == (scheme, "camera.example", DEFAULT_PORTS[scheme])
    assert scheme in address.protocol_whitelist.split(",")


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "FILE:/etc/passwd",
        "/etc/passwd",
        "lesson.mp4",
        "../x.mp4",
        "concat:a.ts|b.ts",
        "data:text/plain,x",
        "pipe:0",
        "subfile,,start,0,end,9,,:/etc/passwd",
        "crypto:rtsp://h/x",
        "unix:/run/x.sock",
        "ftp://h/x",
        "rtsp:",
        "rtsp://",
        "rtsp:///x",
        "rtsp://user@/x",
        "rtsp://h:port/x",
        "rtsp://h:99999/x",
        "rtsp://[::1/x",
        "rtsp://h/a b",
        "rtsp://h/a\nfile:///etc/passwd",
        "rtsp://h/\x00",
        "rtsp://h\\x",
        "",
    ],
)
def test_everything_else_is_refused_by_name(location: str) -> None:
    with pytest.raises(RefusedUrl) as refused:
        _address(location)
    assert refused.value.cause == "refused_url"
    assert len(str(refused.value)) > 20


@given(st.text(max_size=40))
def test_any_text_is_an_address_of_an_allowed_scheme_or_refused(location: str) -> None:
    try:
        address = _address(location)
    except RefusedUrl:
        return
    assert address.url.split(":")[0] in DEFAULT_PORTS
    assert address.host


@given(user=_printable, password=_printable)
@example(user="admin", password="p@ss:w/o?r#d%41&\\ 密码")
def test_user_and_password_reach_the_server_as_they_are(user: str, password: str) -> None:
    try:
        address = _address("http://camera.example:8000/live", user, password)
    except RefusedUrl:
        pytest.fail("printable credentials must be accepted")
    parts = urlsplit(address.url)
    assert (parts.hostname, parts.port, parts.path) == ("camera.example", 8000, "/live")
    raw_user, _, raw_password = parts.netloc.rpartition("@")[0].partition(":")
    assert (unquote(raw_user), unquote(raw_password)) == (user, password)


@given(password=st.text("abcXYZ0189@:/?#%&+= 密", min_size=6, max_size=12))
def test_nothing_shown_holds_the_password(password: str) -> None:
    address = _address("rtsp://camera.example/live", "admin", password)
    assert password not in address.shown
    assert password not in repr(address)
    message = f"[Errno 111] refused: '{address.url}' ({password})"
    assert password not in address.redact(message)
    assert address.url not in address.redact(message)


def test_a_pasted_user_and_password_move_out_of_the_location() -> None:
    address = _address("rtsp://admin:se%40cret@10.0.0.8:8554/main?channel=1")
    assert address.shown == "rtsp://10.0.0.8:8554/main?channel=1"
    assert address.url == "rtsp://admin:se%40cret@10.0.0.8:8554/main?channel=1"
    assert address.redact("'rtsp://admin:se%40cret@10.0.0.8' se@cret") == "'rtsp://***@10.0.0.8' ***"


def test_separate_user_and_password_win_over_pasted_ones() -> None:
    assert _address("rtsp://old:older@h/x", "new", "newer").url == "rtsp://new:newer@h/x"


def test_a_password_with_an_at_sign_may_be_pasted() -> None:
    address = _address("rtsp://admin:p@ss@h/x")
    assert (address.host, address.url) == ("h", "rtsp://admin:p%40ss@h/x")


def test_secrets_in_the_query_are_not_shown() -> None:
    address = _address("rtmp://h/bcs/channel0.bcs?channel=0&user=admin&password=hush&authToken=123abc")
    assert "hush" in address.url
    assert address.shown == "rtmp://h/bcs/channel0.bcs?channel=0&user=admin&password=***&authToken=***"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("user=admin_password=tl_Jwpbo6_channel=1_stream=0.sdp?x", "user=admin_password=***_channel=1_stream=0.sdp?x"),
        ("user=admin&password=hush&channel=1", "user=admin&password=***&channel=1"),
        ("password=hush", "password=***"),
    ],
)
def test_a_secret_in_the_path_is_not_shown(path: str, shown: str) -> None:
    assert _address(f"rtsp://h/{path}").shown == f"rtsp://h/{shown}"


def test_credentials_that_ffmpeg_would_cut_are_refused() -> None:
    with pytest.raises(RefusedUrl, match="too long"):
        _address("rtsp://h/x", "admin", "x" * 130)
    assert _address("http://h/x", "admin", "x" * 130).url


def test_redact_leaves_other_text_alone() -> None:
    assert redact("mail a@b.example, see http://h/x?size=3") == "mail a@b.example, see http://h/x?size=3"
