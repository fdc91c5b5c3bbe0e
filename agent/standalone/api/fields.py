"""What the names of API v1 mean, as parameters and in answers alike: the words of the OpenAPI document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Field:
    """A name's type and meaning, in Chinese and English; `least` and `most` are what an answer can hold."""

    type: Literal["integer", "string"]
    zh: str
    en: str
    least: int | None = None
    most: int | None = None


def _number(zh: str, en: str, least: int | None = None, most: int | None = None) -> Field:
    return Field("integer", zh, en, least, most)


def _text(zh: str, en: str) -> Field:
    return Field("string", zh, en)


def _id(zh: str, en: str) -> Field:
    return _number(zh + "编号", f"id of the {en}", 0)


def _switch(zh: str, en: str) -> Field:
    return _number(zh, en, 0, 1)


FIELDS: dict[str, Field] = {
    "API": _text("接口版本", "version of the API"),
    "Name": _text("服务器名称", "name of the server"),
    "Version": _text("服务器版本", "version of the server"),
    "Server": _text("服务器操作系统", "operating system of the server"),
    "TimeZone": _text("服务器时区（IANA），所有时间均为此时区", "IANA time zone of all times"),
    "unionid": _text("API 凭证", "API credential, shown in the console"),
    "token": _text("访问凭证", "access token"),
    "expires": _number("凭证有效时间，秒", "seconds until the token expires", 1),
    "cur": _number("当前页码，超出范围时取最近的一页", "page, from 1; clamped to what exists"),
    "per": _number("每页数量，1 到 1000", "rows a page, clamped to 1..1000"),
    "total_num": _number("记录总数", "rows altogether", 0),
    "max_page": _number("总页数", "pages altogether", 0),
    "cur_page": _number("当前页码", "this page", 1),
    "per_page": _number("每页数量", "rows a page", 1, 1000),
    "storage_addr": _text("存储服务器地址", "address of the storage, put in front of image_fdfs and file_fdfs"),
    "created": _text("创建时间", "when it was made, YYYY-MM-DD HH:MM:SS"),
    "updated": _text("更新时间", "when it was last changed, YYYY-MM-DD HH:MM:SS"),
    "transmit": _text("采集端执行结果（JSON 文本）", "the agent's answer, as JSON text"),
    "school_id": _id("学校", "school"),
    "name": _text("学校名称", "name of the school"),
    "addr": _text("学校地址", "address of the school"),
    "phone": _text("学校电话", "telephone of the school"),
    "school_name": _text("所在学校名称", "name of the school"),
    "subject_id": _id("科目", "subject"),
    "subject_name": _text("科目名称", "name of the subject"),
    "grade_id": _id("年级", "grade"),
    "grade_type": _text("年级类型", "kind of school that the grade belongs to"),
    "grade_name": _text("年级名称", "name of the grade"),
    "teacher_id": _id("教师", "teacher"),
    "teacher_name": _text("教师姓名", "name of the teacher"),
    "sex_name": _text("性别（男|女）", "sex of the teacher"),
    "title_name": _text("职称", "title of the teacher"),
    "title_id": _number(
        "职称编号：0 正高级，1 高级，2 一级，3 二级，4 三级", "number of the title, 0 the highest", 0, 4
    ),
    "detail_info": _text("描述信息", "description"),
    "gather_id": _id("采集端", "agent"),
    "mac_addr": _text("采集端 MAC 地址", "MAC address of the agent"),
    "ip_addr": _text("采集端 IP 地址", "IP address of the agent"),
    "name_pc": _text("采集端机器名称", "host name of the agent"),
    "name_set": _text("采集端显示名称", "name of the agent"),
    "os_name": _text("采集端操作系统", "operating system of the agent"),
    "main_rate": _number("主码流（录像），Kbps", "rate of the main stream, kbit/s", 64, 1_000_000),
    "sub_rate": _number("子码流（直播），Kbps", "rate of the sub stream, kbit/s", 64, 1_000_000),
    "auto_dvr": _switch("是否自动重连通道", "whether channels reconnect by themselves"),
    "auto_fds": _switch("是否自动重连存储服务器", "whether uploads go on by themselves after a failure"),
    "auto_fdfs": _switch("同 auto_fds", "another spelling of auto_fds"),
    "slice_val": _number("录像切片时间，分钟，0 不切片", "length of a slice in minutes, 0 = whole", 0, 30),
    "inter_val": _number("录像切片交错，关键帧数", "key frames that slices share", 0, 3),
    "snap_val": _number("快照间隔，分钟", "minutes between pictures", 1, 10),
    "camera_id": _id("通道", "channel"),
    "camera_name": _text("通道名称（班级）", "name of the channel"),
    "image_id": _id("快照", "picture"),
    "image_fdfs": _text("快照地址：storage_addr + image_fdfs", "path of the picture"),
    "stream_prop": _number("通道模式：0 摄像头，1 MP4 文件，2 流转发", "0 camera, 1 MP4 file, 2 stream", 0, 2),
    "stream_url": _text("stream_prop 为 2 时有效，拉流地址", "address of the stream, where stream_prop is 2"),
    "stream_mp4": _text("stream_prop 为 1 时有效，采集端上的 MP4 文件", "path on the agent, where stream_prop is 1"),
    "device_ip": _text("设备 IP 地址", "address of the camera, where stream_prop is 0"),
    "device_user": _text("设备用户", "user of the camera"),
    "device_pass": _text("设备密码（base64）", "password of the camera, base64"),
    "device_cmd_port": _number("设备命令端口", "command port of the camera", 0, 65535),
    "device_cmd_prot": _number("同 device_cmd_port", "another spelling of device_cmd_port"),
    "device_mirror": _switch("画面镜像", "whether the picture is mirrored"),
    "device_osd": _switch("画面 OSD", "whether the camera writes into the picture"),
    "device_twice": _switch("双流模式", "whether the sub stream serves live"),
    "device_show": _switch("画面预览", "whether the channel is shown"),
    "status": _number(
        "状态：0 离线，1 在线，通道 -1 重置", "0 offline, 1 online; of a channel also -1, not heard of yet", -1, 1
    ),
    "clicks": _number("点击次数", "how often it was opened", 0),
    "record_id": _id("录像", "recording"),
    "course_id": _id("录像任务", "course"),
    "slice_id": _number("录像切片组：相同者为同一次录像", "slices with the same number are one recording", 0),
    "slice_inx": _number("切片序号", "place of the slice in its recording", 0),
    "file_src": _text("文件名（不含扩展名）", "name of the file without its extension"),
    "file_fdfs": _text("录像地址：storage_addr + file_fdfs", "path of the recording"),
    "file_size": _number("文件大小，字节", "bytes", 0),
    "duration": _number("播放时长，秒", "seconds", 0),
    "disptime": _text("显示时长", "the duration as MM:SS or HH:MM:SS"),
    "begin": _text("开始时间不早于", "start at or after: YYYY-MM-DD[ HH:MM:SS] or Unix seconds"),
    "end": _text("开始时间早于", "start before: YYYY-MM-DD[ HH:MM:SS] or Unix seconds"),
    "repeat_id": _number("重复方式：2 每周", "2 = weekly", 0),
    "week_id": _number("星期：0 星期日 到 6 星期六", "weekday, 0 Sunday to 6 Saturday", 0, 6),
    "elapse_sec": _number("持续时间，秒", "length in seconds", 1, 86399),
    "start_time": _text("开始时间，HH:MM:SS", "time of day; in answers with a date that means nothing"),
    "end_time": _text("结束时间", "time of day with a date that means nothing"),
    "width": _number("播放窗口宽度，像素，默认 850", "width of the page in pixels, 850"),
    "height": _number("播放窗口高度，像素，默认 550", "height of the page in pixels, 550"),
    "play_url": _text("播放地址，可直接嵌入 iframe", "address of a page to be framed"),
}
