"""Logins: the examples of the RFCs, and which challenge is answered when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recorder.source.rtsp.auth import Login, challenges

NONCE = 'Digest realm="r", nonce="%s"'


def test_the_example_of_rfc_2617() -> None:
    login = Login("Mufasa", "Circle Of Life", lambda: "0a4f113b")
    offered = (
        'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    assert login.refused([offered])
    header = login.header("GET", "/dir/index.html") or ""
    assert 'response="6629fae49393a05397450978507c4ef1"' in header
    assert 'opaque="5ccc069c403ebaf9f0171e9517f40e41"' in header
    assert "nc=00000001" in header
    assert "nc=00000002" in (login.header("GET", "/dir/index.html") or "")


def test_the_example_of_rfc_7616() -> None:
    login = Login("Mufasa", "Circle of Life", lambda: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
    offered = [
        f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={name}, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
        for name in ("MD5", "SHA-256")
    ]
    assert login.refused(offered)
    header = login.header("GET", "/dir/index.html") or ""
    assert 'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"' in header
    assert login.refused(offered), "SHA-256 was refused: MD5 is left"
    header = login.header("GET", "/dir/index.html") or ""
    assert 'response="8ca523f5e9506fed4657c9700eebdbec"' in header
    assert not login.refused(offered)


def test_basic_only_where_no_digest_is_offered() -> None:
    assert [one.algorithm for one in challenges(['Basic realm="r"', NONCE % "n"])] == ["MD5"]
    assert [one.algorithm for one in challenges(['Basic realm="r", Digest realm="r", nonce="n"'])] == ["MD5"]
    login = Login("Aladdin", "open sesame")
    assert login.refused(['Basic realm="WallyWorld"'])
    assert login.header("OPTIONS", "x") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


def test_a_nonce_grows_old() -> None:
    login = Login("u", "p")
    assert login.refused([NONCE % "1"])
    login.accepted()
    assert login.refused([NONCE % "2"]), "it was good a moment ago, whether or not the camera says stale"
    assert not login.refused([NONCE % "3"]), "refused at once: the password is wrong"
    login = Login("u", "p")
    assert login.refused([NONCE % "1"])
    assert login.refused([NONCE % "2" + ", stale=TRUE"])
    assert not login.refused([NONCE % "2" + ", stale=true"]), "the same nonce again helps nobody"


def test_nothing_is_sent_where_nothing_was_given() -> None:
    assert not Login("", "").refused([NONCE % "1"])
    elsewhere = Login("u", "p")
    elsewhere.basic_allowed = False
    assert not elsewhere.refused(["Basic realm=x"])


@given(st.lists(st.text(max_size=80), max_size=3), st.text(max_size=10), st.text(max_size=10))
def test_any_challenge(values: list[str], user: str, password: str) -> None:
    login = Login(user, password)
    for _ in range(4):
        login.refused(["Digest " + value for value in values])
        login.refused(values)
        login.header("PLAY", "rtsp://x")
