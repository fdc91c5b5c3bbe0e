"""The page that plays a channel live, to be framed: `play_camera` of API v1 and the console give its address."""

from __future__ import annotations

import json

from aiohttp import web
from sqlalchemy.orm import Session

from agent.standalone.framing import framed_headers
from agent.standalone.live.channels import LIVE, LiveChannel
from agent.standalone.live.publish import routes as publish_routes
from agent.standalone.live.view import stream
from agent.standalone.services import SERVICES, plain_host
from agent.standalone.store.schema import Camera
from agent.web.markup import asset, html
from agent.web.serving import POLICY, language_of, page_response
from agent.web.words import Table, Words
from agent.wire.codes import Code

LIBRARY = "mpegts-1.8.2.js"
_FOLDER = "agent.standalone.live"
_WEEK_SEC = 7 * 86_400

_WORDS: Table = {
    "connecting": ("正在连接…", "Connecting…"),
    "sound": ("打开声音", "Sound on"),
    "codec": (
        "此浏览器无法播放该通道的 {codec} 编码。请换用能播放它的浏览器，或将摄像头改为 H.264。",
        "This browser cannot play the channel's codec ({codec}). Take one that can, or set the camera to H.264.",
    ),
    "browser": ("此浏览器不支持直播播放。", "This browser cannot play live streams."),
    "unreachable": ("无法连接服务器，正在重试…", "The server cannot be reached; trying again…"),
    "over": ("此播放地址已失效。", "This address is no longer good."),
    "not_found": ("没有这个通道，或播放地址已失效。", "There is no such channel, or this address is no longer good."),
    "agent_offline": ("采集端离线。", "The recorder in the room is offline."),
    "stopped": ("通道已停止。", "The channel is stopped."),
    "camera_offline": ("摄像头离线，恢复后自动播放。", "The camera is offline; it plays as soon as it returns."),
    "failed": ("采集端推流失败，正在重试…", "The recorder could not send the picture; trying again…"),
}
_SAID: dict[int, str] = {
    Code.OK: "connecting",
    Code.AGENT_OFFLINE: "agent_offline",
    Code.CAMERA_STOPPED: "stopped",
    Code.CAMERA_OFFLINE: "camera_offline",
    Code.NO_SUCH_CAMERA: "not_found",
}


def routes() -> list[web.RouteDef]:
    """Everything of live: publishing, viewing, the page."""
    return [
        *publish_routes(),
        web.get("/live/{ticket}.flv", stream),
        web.get("/play/camera/{ticket}", page),
        web.post("/play/camera/{ticket}/beat", beat),
        web.get(f"/play/assets/{LIBRARY}", library),
        web.get("/play/assets/live.js", script),
    ]


def address_of(base_url: str, ticket: str, width: int, height: int) -> str:
    """The page's address."""
    return f"{base_url}/play/camera/{ticket}?width={width}&height={height}"


async def page(request: web.Request) -> web.Response:
    """The page; the agent is asked to push as soon as it is. HEAD asks whether it is there: nobody looks."""
    services, words = request.app[SERVICES], Words(language_of(request), _WORDS)
    ticket = request.match_info["ticket"]
    camera_id = services.keys.admitted("camera", ticket)
    looks = request.method != "HEAD"
    name = None if camera_id is None else await services.database.run(_name_of, camera_id, looks)
    if camera_id is None or name is None:
        text = html("<!doctype html><title>404</title><p>{text}</p>", text=words["not_found"])
        return page_response(text, 404, _headers(request))
    if looks:
        request.app[LIVE].beat(camera_id)
    said = {key: words[key] for key in ("codec", "browser", "unreachable", "over")}
    return page_response(
        html(
            asset("player.html", _FOLDER),
            lang=words.tag,
            title=name,
            library=LIBRARY,
            stream=f"/live/{ticket}.flv",
            beat=f"/play/camera/{ticket}/beat",
            said=json.dumps(said, ensure_ascii=False),
            connecting=words["connecting"],
            sound=words["sound"],
            width=pixels(request, "width", 850),
            height=pixels(request, "height", 550),
        ),
        200,
        _headers(request),
    )


async def beat(request: web.Request) -> web.Response:
    """A page says that somebody looks; how it stands with the picture, in one word and in a sentence."""
    camera_id = request.app[SERVICES].keys.admitted("camera", request.match_info["ticket"])
    if camera_id is None:
        return web.json_response({"state": "over", "text": ""}, status=404)
    channel = request.app[LIVE].beat(camera_id)
    words = Words(language_of(request), _WORDS)
    state = _state(channel)
    text = "" if state == "live" else words[state]
    if state == "failed":
        why = channel.answer.data.get(words.language) or channel.answer.err_msg
        text = f"{text} {why}"
    return web.json_response({"state": state, "text": text}, headers={"Cache-Control": "no-store"})


async def library(_request: web.Request) -> web.Response:
    """The player library; its version is in its name."""
    headers = {"Cache-Control": f"public, max-age={_WEEK_SEC}, immutable", "X-Content-Type-Options": "nosniff"}
    return _script(LIBRARY, headers)


async def script(_request: web.Request) -> web.Response:
    """The page's script."""
    return _script("live.js", {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"})


def pixels(request: web.Request, name: str, default: int) -> int:
    """A length that the address asks for."""
    text = request.query.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 6 else default


def _script(name: str, headers: dict[str, str]) -> web.Response:
    return web.Response(text=asset(name, _FOLDER), content_type="text/javascript", charset="utf-8", headers=headers)


def _state(channel: LiveChannel) -> str:
    if channel.broadcast.live:
        return "live"
    return _SAID.get(channel.answer.err_code, "failed")


def _headers(request: web.Request) -> dict[str, str]:
    # Media Source Extensions play from blob: addresses; 'self' stands for websockets in newer browsers only.
    policy = POLICY.replace("media-src 'self'", "media-src 'self' blob:")
    if host := plain_host(request):
        policy = policy.replace("connect-src 'self'", f"connect-src 'self' ws://{host} wss://{host}")
    return framed_headers(request.app[SERVICES], policy)


def _name_of(session: Session, camera_id: int, looks: bool) -> str | None:
    """The channel's name; whoever `looks` has opened its page once more."""
    camera = session.get(Camera, camera_id)
    if camera is None:
        return None
    if looks:
        camera.clicks += 1
    return camera.camera_name
