"""Push addresses: what is pushed to, and what of it is ever shown."""

from __future__ import annotations

from urllib.parse import unquote, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import RefusedUrl
from recorder.live.target import target_of

SECRET = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.~%+", min_size=6, max_size=40)


@pytest.mark.parametrize(
    ("url", "shown", "port"),
    [
        ("rtmp://media.school/live/room7?token=abc", "rtmp://media.school/live/***", 1935),
        ("rtmp://media.school:19350/live", "rtmp://media.school:19350/***", 19350),
        ("rtmps://u:p@media.school/app/a/b", "rtmps://media.school/app/***", 443),
        ("http://[::1]:8080/gather/v1/live/7", "http://[::1]:8080/gather/***", 8080),
        ("HTTPS://media.school/x", "https://media.school/***", 443),
    ],
)
def test_what_is_pushed_to(url: str, shown: str, port: int) -> None:
    target = target_of(url)
    assert (target.url, target.shown, target.port) == (url, shown, port)
    assert target.by_http == url.lower().startswith("http")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "rtmp",
        "rtmp:/x/y",
        "rtmp://",
        "rtmp:///live/x",
        "rtmp://host",
        "rtmp://host/",
        "http://host:99999/x",
        "http://host:x/x",
        "file:///etc/passwd",
        "pipe:1",
        "concat:rtmp://a/b|rtmp://c/d",
        "rtmpt://host/live/x",
        "rtsp://host/live",
        "unix:///run/x",
        "tcp://host:1/x",
        "rtmp://host/live/x playpath=y",
        "http://host/x\r\nX-Injected: 1",
        "http://host/\\x",
        "http://host/ü",
        "rtmp://host/" + "x" * 5000,
    ],
)
def test_what_is_never_pushed_to(url: str) -> None:
    with pytest.raises(RefusedUrl):
        target_of(url)


@given(st.sampled_from(["rtmp", "rtmps", "http", "https"]), SECRET, SECRET, SECRET)
def test_no_secret_of_an_address_is_ever_shown(scheme: str, key: str, token: str, password: str) -> None:
    key, token, password = f"Kk{key}", f"Tt{token}", f"Pp{password}"  # not to be found in the words of a message
    target = target_of(f"{scheme}://u:{password.replace('%', '')}@media.school/live/{key}?token={token}")
    said = target.redact(f"[Errno 5] I/O error: '{target.url}'; /{target.path} for {password.replace('%', '')}")
    for text in (target.shown, repr(target), said):
        assert key not in text
        assert token not in text
        assert password.replace("%", "") not in text


@given(st.sampled_from(["rtmp", "http"]), SECRET, SECRET)
def test_a_server_may_quote_what_it_refuses_as_it_read_it(scheme: str, key: str, token: str) -> None:
    target = target_of(f"{scheme}://media.school/live/Kk{key}?user=seven&token=Tt{token}#x")
    for secret in (f"Kk{key}", f"Tt{token}", unquote(f"Kk{key}"), unquote_plus(f"Tt{token}")):
        assert secret not in target.redact(f"application live: {secret} is not valid")
    assert target.redact("application live:\r\nnot found" + "!" * 999).startswith("application live:  not found!!")
    assert len(target.redact("!" * 999)) == 200


@given(st.text(max_size=200))
def test_nonsense_is_refused_with_one_error_and_not_quoted(text: str) -> None:
    try:
        target_of(text)
    except RefusedUrl as error:
        assert len(text) < 12 or text not in str(error)
