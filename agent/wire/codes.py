"""The numbers a command is answered with, and what `transmit` carries (meanings of the first implementation, part
2.3).
"""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """0 = done; 10001-10008 as the first implementation's relay meant them; 10101 upward are this protocol's own."""

    OK = 0
    NOT_CONNECTED = 10001
    AGENT_OFFLINE = 10002
    SEND_FAILED = 10003
    NO_DATA = 10004
    UNKNOWN_COMMAND = 10005
    NO_LIVE_SERVER = 10006
    NO_MAC = 10007
    PUSH_FAILED = 10008
    NO_SUCH_CAMERA = 10101
    BAD_DATA = 10102
    NOT_RECORDING = 10103
    NO_PICTURE = 10104
    TIMED_OUT = 10105
    FAILED = 10106
    CAMERA_STOPPED = 10107
    CAMERA_OFFLINE = 10108
    DEVICE_REFUSES = 10109


MESSAGES: dict[Code, str] = {
    Code.OK: "OK",
    Code.NOT_CONNECTED: "没有建立连接。",
    Code.AGENT_OFFLINE: "没有在线的采集端。",
    Code.SEND_FAILED: "发送网络数据失败。",
    Code.NO_DATA: "没有JSON数据参数。",
    Code.UNKNOWN_COMMAND: "设置了无效的转发命令。",
    Code.NO_LIVE_SERVER: "没有找到在线的直播服务器。",
    Code.NO_MAC: "没有找到采集端的MAC地址",
    Code.PUSH_FAILED: "直播推流失败。",
    Code.NO_SUCH_CAMERA: "采集端没有这个通道。",
    Code.BAD_DATA: "命令数据格式不正确。",
    Code.NOT_RECORDING: "该通道没有正在进行的手动录像。",
    Code.NO_PICTURE: "暂时无法截图。",
    Code.TIMED_OUT: "采集端应答超时。",
    Code.FAILED: "采集端执行命令失败。",
    Code.CAMERA_STOPPED: "通道已停止。",
    Code.CAMERA_OFFLINE: "通道离线，暂无画面。",
    Code.DEVICE_REFUSES: "摄像机没有执行。",
}
