"""Why a channel is not live, and what to do about it: for all who tell people, on both sides of the wire.

The causes are those of `recorder.specs.LiveCause`; what a server, or the machine, said in detail stands beside them.
"""

from __future__ import annotations

LIVE_CAUSES: dict[str, tuple[str, str, str, str]] = {
    "": ("nothing sent yet", "尚未发送", "", ""),
    "no_picture": (
        "the channel has no picture now",
        "通道暂无画面",
        "it goes live by itself when the camera is back; `gather-agent doctor` says what is wrong with that",
        "摄像头恢复后自动直播；可用 gather-agent doctor 检查摄像头",
    ),
    "unresolved": (
        "the media server's name is not known",
        "无法解析直播服务器的域名",
        "check the name in the push address, and the DNS server of this machine",
        "检查推流地址中的域名，以及本机的 DNS 设置",
    ),
    "unreachable": (
        "the media server cannot be reached",
        "直播服务器无法连接",
        "see whether the media server runs, whether the port is right, and whether a firewall is in between",
        "检查直播服务器是否运行、端口是否正确、中间是否有防火墙",
    ),
    "tls": (
        "no encrypted connection, or a certificate that is not valid",
        "无法建立加密连接，或证书无效",
        "renew the media server's certificate, or name the authority that signed it in `server.ca_file`",
        "更新直播服务器的证书，或在 server.ca_file 中指定签发它的 CA",
    ),
    "refused": (
        "the media server does not take the stream",
        "直播服务器拒绝接收",
        "check application and stream key in the push address, whether the server lets this machine publish, and"
        " whether somebody else publishes under the same name",
        "检查推流地址中的应用名和推流密钥、服务器是否允许本机推流、是否已有人用同名推流",
    ),
    "timeout": (
        "the media server does not answer",
        "直播服务器没有应答",
        "the connection is there and nothing comes back: see whether the media server hangs, and whether its port is"
        " another program's",
        "连接已建立但没有应答：检查直播服务器是否卡死、端口是否被其他程序占用",
    ),
    "stalled": (
        "the media server takes nothing any more",
        "直播服务器不再接收数据",
        "see whether the media server hangs, and whether the line to it is interrupted",
        "检查直播服务器是否卡死，以及到它的线路是否中断",
    ),
    "ended": (
        "the media server closed the connection",
        "直播服务器关闭了连接",
        "it may have been restarted, or have ended the stream: its log says why",
        "服务器可能已重启或主动结束了推流：查看其日志",
    ),
    "unusable": (
        "this stream cannot be sent live",
        "该码流无法直播",
        "set the camera, or its second stream, to H.264",
        "将摄像头或其子码流设为 H.264",
    ),
    "refused_url": (
        "an address that is never pushed to",
        "不允许的直播地址",
        "a push address begins with rtmp://, rtmps://, http:// or https://",
        "推流地址以 rtmp://、rtmps://、http:// 或 https:// 开头",
    ),
    "left_out": (
        "a track is left out, it has no place in FLV",
        "有一路音视频无法用 FLV 传输，已略去",
        "set the camera, or its second stream, to H.264 and AAC",
        "将摄像头或其子码流设为 H.264 和 AAC",
    ),
    "enhanced": (
        "viewers see the picture only where the media server and the player know enhanced RTMP",
        "直播服务器和播放器都支持 Enhanced RTMP 才能看到画面",
        "where there is sound and no picture, set the second stream to H.264 and name it in `record.sub_streams`",
        "若有声音无画面，请将摄像头子码流设为 H.264，并在 record.sub_streams 中指定",
    ),
    "changed": ("the stream has changed", "码流已变更", "", ""),
    "crashed": (
        "the live process ended unexpectedly",
        "直播进程意外退出",
        "another one is started; if this comes again, send the log to the makers",
        "已自动重启；若反复出现，请将日志发给开发者",
    ),
    "stopped": ("stopped", "已停止", "", ""),
    "pending": (
        "it is not live yet",
        "尚未开始直播",
        "it goes on trying; `gather-agent status` says how far it is",
        "仍在尝试；可用 gather-agent status 查看进度",
    ),
}
"""What is the case and what to do: English, Chinese, English, Chinese. "pending" is nobody's fault so far."""
LIVE_ALL_THE_SAME = ("left_out", "enhanced")
"""Causes of a push that is live, and of which viewers may see less than they expect."""


def live_cause(cause: str, language: str) -> str:
    """What is the case, in a few words; a cause that is not known stands for itself."""
    said = LIVE_CAUSES.get(cause)
    return cause if said is None else said[0 if language == "en" else 1]


def live_advice(cause: str, language: str) -> str:
    """What to do about it; empty where nothing is to be done, or nothing known."""
    said = LIVE_CAUSES.get(cause)
    return "" if said is None else said[2 if language == "en" else 3]
