"""How devices of the brands really answer: each habit was seen of a device, or is reported of one by other clients."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import ssl
from collections.abc import Callable
from datetime import timedelta

import pytest
import trustme
from aiohttp import web
from pydantic import SecretStr

from tests.agent.onvif.talks import converse, device, question
from tests.servers.onvif_device import Device, Stream, listening, serving

Habit = Callable[[str, web.Response], web.Response]


def text_of(response: web.Response) -> str:
    assert response.text is not None
    return response.text


def of_bytes(change: Callable[[str], bytes]) -> Habit:
    return lambda _, right: web.Response(body=change(text_of(right)), content_type="application/soap+xml")


def named(declared: str, encoding: str, name: str) -> Habit:
    """A camera to which somebody has given a name, which stands in its profiles."""

    def change(text: str) -> bytes:
        text = text.replace('encoding="UTF-8"', f'encoding="{declared}"')
        return text.replace("<tt:Name>e</tt:Name>", f"<tt:Name>{name}</tt:Name>").encode(encoding)

    return of_bytes(change)


def chunked(_: str, right: web.Response) -> web.Response:
    right.enable_chunked_encoding()
    return right


def packed(_: str, right: web.Response) -> web.Response:
    body = gzip.compress(text_of(right).encode())
    return web.Response(body=body, headers={"Content-Encoding": "gzip"}, content_type="application/soap+xml")


def undeclared(text: str) -> bytes:
    return text.replace('xmlns:tt="http://www.onvif.org/ver10/schema"', "").encode()


def other_prefixes(text: str) -> bytes:
    for before, after in (("s", "SOAP-ENV"), ("tt", "ns1"), ("trt", "ns2"), ("tds", "ns3"), ("tr2", "n-4.x")):
        text = text.replace(f"<{before}:", f"<{after}:").replace(f"</{before}:", f"</{after}:")
        text = text.replace(f"xmlns:{before}=", f"xmlns:{after}=")
    return text.encode()


HABITS: dict[str, Habit] = {
    "byte order mark": of_bytes(lambda text: b"\xef\xbb\xbf" + text.encode()),
    "empty lines before": of_bytes(lambda text: b"\r\n\r\n " + text.encode()),
    "a closing NUL": of_bytes(lambda text: text.encode() + b"\0"),
    "UTF-16": of_bytes(lambda text: text.replace("UTF-8", "UTF-16").encode("utf-16")),
    "GB 2312": named("GB2312", "gb18030", "一号教室"),
    "GBK, called UTF-8": named("UTF-8", "gb18030", "一号教室"),
    "Latin-1": named("ISO-8859-1", "latin-1", "Hörsaal"),
    "control characters": named("UTF-8", "utf-8", "Room\x01\x1f 1"),
    "other prefixes": of_bytes(other_prefixes),
    "a prefix that is nowhere declared": of_bytes(undeclared),
    "chunks": chunked,
    "gzip": packed,
    "called a page": lambda _, right: web.Response(text=right.text, content_type="text/html"),
    "a comment before": of_bytes(lambda text: text.replace("<s:Body>", "<!-- gSOAP --><s:Body>").encode()),
}


@pytest.mark.parametrize("habit", HABITS.values(), ids=HABITS)
@pytest.mark.parametrize("lacks", [set[str](), {"tr2"}], ids=["media2", "media1"])
async def test_the_streams_are_found_however_they_are_written(habit: Habit, lacks: set[str]) -> None:
    async with serving(device(habit=habit, lacks=lacks)) as camera:
        answer = await converse(question(camera.port, twice=True, main_rate=2048, sub_rate=256))
    assert answer.streams is not None, answer.failure
    assert answer.streams.main == "rtsp://127.0.0.1:8554/main?x=1&y=2"
    assert answer.streams.sub == "rtsp://127.0.0.1:8554/sub"
    assert not answer.streams.warnings
    assert [stream.rate for stream in camera.streams] == [256, 2048]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be"])
async def test_a_document_type_is_refused_in_every_encoding(encoding: str) -> None:
    bomb = '<!DOCTYPE s:Envelope [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><s:Envelope'

    def bombed(name: str, right: web.Response) -> web.Response:
        text = text_of(right).partition("?>")[2].replace("<s:Envelope", bomb, 1)
        return right if name != "GetProfiles" else web.Response(body=text.encode(encoding))

    async with serving(device(habit=bombed, lacks={"tr2"})) as camera:
        answer = await converse(question(camera.port))
    assert answer.failure is not None
    assert "document type" in answer.failure.detail


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("rtsp://0.0.0.0:554/a", "rtsp://127.0.0.1:554/a"),
        ("rtsp://172.17.0.2/a", "rtsp://127.0.0.1/a"),
        ("rtsp://[fe80::1%25eth0]:8554/a", "rtsp://127.0.0.1:8554/a"),
        ("rtsp://fe80::aa:554/a", "rtsp://127.0.0.1:554/a"),
        ("rtsp://10.0.0.9:0/a", "rtsp://127.0.0.1/a"),
        ("rtsp:///a", "rtsp://127.0.0.1/a"),
        ("RTSP://10.0.0.9//h264Preview_01_main", "rtsp://127.0.0.1//h264Preview_01_main"),
        ("rtsp://admin:p@ss:/#1@10.0.0.9:554/a", "rtsp://127.0.0.1:554/a"),
        ("rtsp://admin:p%40ss%3A%2F%231@10.0.0.9:554/a", "rtsp://127.0.0.1:554/a"),
        ("rtsp://10.0.0.9/a?channel=1&amp;amp;subtype=0", "rtsp://127.0.0.1/a?channel=1&subtype=0"),
        ("rtsp://10.0.0.9/Stream 1/讲台", "rtsp://127.0.0.1/Stream%201/%E8%AE%B2%E5%8F%B0"),
        (
            "rtsp://10.0.0.9:554/user=admin_password=tlJwpbo6_channel=1_stream=0.sdp?real_stream",
            "rtsp://127.0.0.1:554/user=admin_password=tlJwpbo6_channel=1_stream=0.sdp?real_stream",
        ),
    ],
)
async def test_an_address_however_it_is_written_leads_to_the_configured_host(uri: str, expected: str) -> None:
    async with serving(Device([Stream("t", 640, 360, 512, uri)])) as camera:
        answer = await converse(question(camera.port))
    assert answer.streams is not None, answer.failure
    assert answer.streams.main == expected


async def test_the_password_of_a_bad_address_is_not_told() -> None:
    async with serving(Device([Stream("t", 640, 360, 512, "http://admin:secret@10.0.0.9/a")])) as camera:
        answer = await converse(question(camera.port))
    assert answer.failure is not None
    assert "is no rtsp:// address" in answer.failure.detail
    assert "secret" not in answer.failure.detail


def service(namespace: str, address: str) -> str:
    return f"<tds:Service><tds:Namespace>{namespace}</tds:Namespace><tds:XAddr>{address}</tds:XAddr></tds:Service>"


TRT, TPTZ = "http://www.onvif.org/ver10/media/wsdl", "http://www.onvif.org/ver20/ptz/wsdl"


@pytest.mark.parametrize(
    "services",
    [
        "",  # then GetCapabilities knows
        service("http://www.onvif.org/ver10/device/wsdl", "http://10.0.0.9/onvif/device_service"),
        service(TRT, "http://[fe80::1%eth0]:8080/onvif/trt"),
        service(TRT, "http://fe80::1/onvif/trt http://10.0.0.9/onvif/trt"),
        service(TRT, "https://0.0.0.0/onvif/trt"),
        service(TRT, "http://10.0.0.9:99999/onvif/trt"),
        service(TRT, "/onvif/trt"),
        service(TRT, "http:///onvif/trt"),
        service(TRT + "/", " http://camera.local/onvif/trt "),
    ],
)
async def test_services_are_found_however_their_addresses_are_written(services: str) -> None:
    async with serving(device(instead={"tds:GetServices": services})) as camera:
        answer = await converse(question(camera.port))
    assert answer.streams is not None, answer.failure
    assert "trt:GetStreamUri" in camera.asked


async def test_a_device_without_a_media_service_says_so() -> None:
    none = {"tds:GetServices": "", "tds:GetCapabilities": "<tds:Capabilities/>"}
    async with serving(device(instead=none)) as camera:
        answer = await converse(question(camera.port))
    assert answer.failure is not None
    assert "the device has no media service" in answer.failure.detail


LOCAL = """<tds:SystemDateAndTime><tt:DateTimeType>Manual</tt:DateTimeType>
<tt:DaylightSavings>false</tt:DaylightSavings>
<tt:TimeZone><tt:TZ>{zone}</tt:TZ></tt:TimeZone><tt:{which}DateTime>
<tt:Time><tt:Hour>{now:%H}</tt:Hour><tt:Minute>{now:%M}</tt:Minute><tt:Second>{now:%S}</tt:Second></tt:Time>
<tt:Date><tt:Year>{now:%Y}</tt:Year><tt:Month>{now:%m}</tt:Month><tt:Day>{now:%d}</tt:Day></tt:Date>
</tt:{which}DateTime></tds:SystemDateAndTime>"""


@pytest.mark.parametrize("off", [timedelta(), timedelta(days=400)])
async def test_a_clock_that_is_told_in_local_time_only_is_understood(off: timedelta) -> None:
    camera = device(clock_off=off)
    told = LOCAL.format(zone="CST-8", which="Local", now=camera.now + timedelta(hours=8))
    camera.instead = {"tds:GetSystemDateAndTime": told}
    async with serving(camera):
        answer = await converse(question(camera.port))
    assert answer.streams is not None, answer.failure
    assert answer.streams.ahead_sec == pytest.approx(off.total_seconds(), abs=5)


async def test_a_camera_that_calls_its_local_time_utc_is_asked_once_more_by_the_right_time() -> None:
    camera = device()
    told = LOCAL.format(zone="CST-8", which="UTC", now=camera.now + timedelta(hours=8))
    camera.instead = {"tds:GetSystemDateAndTime": told}
    async with serving(camera):
        answer = await converse(question(camera.port))
        assert answer.streams is not None, answer.failure
        assert answer.streams.ahead_sec == 0
        assert camera.denied == 1
        answer = await converse(question(camera.port, password=SecretStr("wrong")))
    assert answer.failure is not None
    assert answer.failure.cause == "unauthorized"
    assert camera.denied == 1 + 2


@pytest.mark.parametrize("year", ["9999", "0", "1", "20260", "x"])
async def test_a_clock_beyond_all_years_does_no_harm(year: str) -> None:
    camera = device()
    told = LOCAL.format(zone="", which="UTC", now=camera.now).replace(f"{camera.now:%Y}", year)
    camera.instead = {"tds:GetSystemDateAndTime": told}
    async with serving(camera):
        answer = await converse(question(camera.port))
    assert answer.streams is not None, answer.failure


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"http_digest": True},
        {"shy": True},
        {"http_digest": True, "shy": True},
        {"http_digest": True, "clock_off": timedelta(days=-9)},
    ],
)
@pytest.mark.parametrize("user", ["admin", "nobody"])
async def test_a_wrong_password_is_tried_once(change: dict[str, object], user: str) -> None:
    """Cameras lock after about five."""
    async with serving(device(**change)) as camera:
        answer = await converse(question(camera.port, user=user, password=SecretStr("wrong")))
    assert answer.failure is not None
    assert answer.failure.cause == "unauthorized"
    assert camera.denied == 1


@pytest.mark.parametrize("password", ["", "p@:/#%ss&<>\"'", "讲台%41", " blank ", "p" * 64])
@pytest.mark.parametrize("http_digest", [False, True])
async def test_passwords_of_all_characters(password: str, http_digest: bool) -> None:
    async with serving(device(password=password, http_digest=http_digest)) as camera:
        answer = await converse(question(camera.port, password=SecretStr(password)))
    assert answer.streams is not None, answer.failure


@pytest.mark.parametrize(
    "unable",
    [
        {"refuses": {"GetDeviceInformation"}},
        {"oddities": {"GetDeviceInformation": "page"}},
        {"refuses": {"tr2:GetProfiles"}},
        {"oddities": {"GetServices": "cut"}, "lacks": {"tr2"}},
    ],
)
async def test_what_a_device_does_not_know_costs_no_stream(unable: dict[str, object]) -> None:
    async with serving(device(**unable)) as camera:
        answer = await converse(question(camera.port))
    assert answer.streams is not None, answer.failure
    assert answer.streams.main == "rtsp://127.0.0.1:8554/main?x=1&y=2"


async def test_profiles_that_do_not_say_what_they_show_are_taken_in_their_order() -> None:
    bare = '<trt:Profiles token="a &amp; b "/><trt:Profiles token="2"/>'
    camera = Device([Stream("a & b ", 1, 1, 1, "rtsp://h/1")], lacks={"tr2"}, instead={"trt:GetProfiles": bare})
    async with serving(camera):
        answer = await converse(question(camera.port))
    assert answer.streams is not None, answer.failure
    assert answer.streams.main == "rtsp://127.0.0.1/1"


async def test_motion_jpeg_as_large_as_the_film_is_not_what_is_recorded() -> None:
    streams = [Stream("jpeg", 1920, 1080, 0, "rtsp://h/jpeg", "JPEG"), Stream("film", 1920, 1080, 0, "rtsp://h/film")]
    async with serving(Device(streams)) as camera:
        answer = await converse(question(camera.port))
    assert answer.streams is not None, answer.failure
    assert answer.streams.main == "rtsp://127.0.0.1/film"


async def test_a_redirection_is_followed_at_the_device_and_nowhere_else() -> None:
    async def moved(_: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect(f"http://192.0.2.1:{camera.port}/onvif/device_service")

    async with serving(device()) as camera, listening(moved) as port:
        answer = await converse(question(port))
    assert answer.streams is not None, answer.failure


async def test_a_service_behind_tls_at_another_port_is_reached_there() -> None:
    inner, tls = device(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("camera.local").configure_cert(tls)

    async def entry(request: web.Request) -> web.StreamResponse:
        if request.path != "/onvif/device_service":
            return web.Response(status=404, text="<html>")
        return await inner.answer(request)

    async with listening(inner.answer, tls) as safe, listening(entry) as port:
        inner.address = f"https://192.0.2.1:{safe}"
        answer = await converse(question(port))
    assert answer.streams is not None, answer.failure


async def test_each_digest_of_http_may_be_good_for_one_request_only() -> None:
    """So Dahua's, and they do not call the one before stale."""
    camera = device(http_digest=True, fickle=True)
    async with serving(camera):
        answer = await converse(question(camera.port, twice=True))
    assert answer.streams is not None, answer.failure
    assert answer.streams.sub


@pytest.mark.parametrize("words", ["The account is locked", "Authority failure", "Invalid password! 2 attempts left"])
async def test_the_words_of_the_device_are_told(words: str) -> None:
    def locked(_: str, __: web.Response) -> web.Response:
        reason = f"<s:Reason><s:Text>{words}</s:Text></s:Reason>"
        fault = f"<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code>{reason}</s:Fault>"
        return web.Response(text=f'<s:Envelope xmlns:s="x"><s:Body>{fault}</s:Body></s:Envelope>', status=500)

    async with serving(device(habit=locked)) as camera:
        answer = await converse(question(camera.port))
    assert answer.failure is not None
    assert answer.failure.cause == "unauthorized"
    assert words in answer.failure.detail


@pytest.mark.parametrize("piece", [b"H", b"HTTP/1.1 200 OK\r\nX", b"HTTP/1.1 200 OK\r\n\r\n"])
async def test_a_trickle_of_bytes_has_no_more_time_than_silence(piece: bytes) -> None:
    ended = asyncio.Event()

    async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(piece)
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            while not ended.is_set():
                writer.write(b"a")
                await writer.drain()
                await asyncio.sleep(0.05)

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        answer = await asyncio.wait_for(converse(question(port, limit_sec=0.4)), 30)
        ended.set()
    assert answer.failure is not None
    assert answer.failure.cause == "timeout"


async def test_a_device_that_knows_rtsp_by_its_other_word_only() -> None:
    def other_word(name: str, right: web.Response) -> web.Response:
        asked = camera.asked.count("tr2:GetStreamUri")
        return right if name != "GetStreamUri" or asked > 1 else web.Response(text="<html>", status=400)

    async with serving(device(habit=other_word)) as camera:
        answer = await converse(question(camera.port))
    assert answer.streams is not None, answer.failure
    assert (answer.streams.encoding, answer.streams.warnings) == ("H265", ())


async def test_an_answer_without_length_ends_with_its_envelope() -> None:
    told = '<s:Envelope xmlns:s="x"><s:Body><s:Fault><s:Code><s:Value>s:locked</s:Value></s:Code></s:Fault></s:Body>'

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            writer.write(f"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n{told}</s:Envelope>\r\n".encode())
            await reader.read(-1)

    server = await asyncio.start_server(endless, "127.0.0.1", 0)
    async with server:
        answer = await converse(question(server.sockets[0].getsockname()[1], limit_sec=20.0))
    assert answer.failure is not None
    assert answer.failure.cause == "unauthorized", answer.failure


@pytest.mark.parametrize(("user", "realm"), [("管理员", "一号摄像机"), ("opérateur", "caméra"), ('a"b\\c', "x y")])
@pytest.mark.parametrize("http_digest", [False, True])
async def test_users_and_realms_of_all_characters(user: str, realm: str, http_digest: bool) -> None:
    async with serving(device(user=user, realm=realm, http_digest=http_digest)) as camera:
        answer = await converse(question(camera.port, user=user))
    assert answer.streams is not None, answer.failure
