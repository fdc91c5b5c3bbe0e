"""What a change was about, as people say it: parameters by their names, ids by those of what they mean. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.web.parts import length
from agent.web.words import Table, Words

Names = Mapping[int, str]

WORDS: Table = {
    "about_account_id": ("用户", "user"),
    "about_addr": ("地址", "address"),
    "about_auto_dvr": ("自动重连", "reconnect by itself"),
    "about_auto_fds": ("上传失败后重试", "upload again after a failure"),
    "about_camera_id": ("通道", "channel"),
    "about_camera_name": ("通道名称", "channel's name"),
    "about_course_id": ("课程", "lesson"),
    "about_detail_info": ("备注", "about"),
    "about_device_cmd_port": ("端口", "port"),
    "about_device_ip": ("设备地址", "device"),
    "about_device_mirror": ("画面镜像", "mirrored"),
    "about_device_osd": ("叠加字幕", "text in the picture"),
    "about_device_pass": ("设备密码", "device's password"),
    "about_device_show": ("显示预览", "preview"),
    "about_device_twice": ("双码流", "two streams"),
    "about_device_user": ("设备用户", "device's user"),
    "about_disabled": ("停用", "disabled"),
    "about_elapse_sec": ("时长", "length"),
    "about_gather_id": ("采集端", "recorder"),
    "about_grade_id": ("年级", "grade"),
    "about_inter_val": ("切片重叠（关键帧）", "overlap of slices (key frames)"),
    "about_main_rate": ("主码流（kbit/s）", "main stream (kbit/s)"),
    "about_name": ("名称", "name"),
    "about_name_set": ("名称", "name"),
    "about_phone": ("电话", "telephone"),
    "about_record_id": ("录像片段", "parts of recordings"),
    "about_role": ("角色", "role"),
    "about_school_id": ("学校", "school"),
    "about_session_id": ("会话", "session"),
    "about_sex_name": ("性别", "sex"),
    "about_slice_val": ("切片（分钟）", "slices (minutes)"),
    "about_snap_val": ("截图间隔（分钟）", "a picture every (minutes)"),
    "about_start_time": ("开始", "from"),
    "about_stream_mp4": ("文件", "file"),
    "about_stream_prop": ("来源", "source"),
    "about_stream_url": ("地址", "address"),
    "about_sub_rate": ("子码流（kbit/s）", "sub stream (kbit/s)"),
    "about_subject_id": ("科目", "subject"),
    "about_subject_name": ("科目", "subject"),
    "about_teacher_id": ("教师", "teacher"),
    "about_teacher_name": ("教师", "teacher"),
    "about_title_id": ("职称级别", "title's grade"),
    "about_title_name": ("职称", "title"),
    "about_token_id": ("访问凭证", "access token"),
    "about_week_id": ("每周", "every"),
    "switched_on": ("是", "yes"),
    "switched_off": ("否", "no"),
    "source_0": ("网络摄像机", "IPC device"),
    "source_1": ("MP4 文件", "MP4 file"),
    "source_2": ("流地址", "stream"),
}
_SWITCHES = ("auto_dvr", "auto_fds", "disabled", "device_mirror", "device_osd", "device_show", "device_twice")
_VALUES = {
    ("role", "administrator"): "administrator",
    ("role", "viewer"): "viewer",
    ("stream_prop", "0"): "source_0",
    ("stream_prop", "1"): "source_1",
    ("stream_prop", "2"): "source_2",
    ("switch", "0"): "switched_off",
    ("switch", "1"): "switched_on",
}
_OTHER_SPELLINGS = {"auto_fdfs": "auto_fds", "device_cmd_prot": "device_cmd_port"}


@dataclass(frozen=True, slots=True)
class Told:
    """Tells of changes in one language; `names` are those of today, by parameter and id."""

    words: Words
    names: Mapping[str, Names]

    def about(self, given: Mapping[str, str]) -> str:
        """The parameters of one change."""
        return self.words.listed(self._one(_OTHER_SPELLINGS.get(name, name), text) for name, text in given.items())

    def _one(self, name: str, text: str) -> str:
        label = self.words[f"about_{name}"] if f"about_{name}" in WORDS else name
        return f"{label} {self._value(name, text)}"

    def _value(self, name: str, text: str) -> str:
        if name in self.names:
            return " + ".join(self._name(name, one.strip()) for one in text.split(","))
        if name == "elapse_sec" and text.isdecimal():
            return length(int(text))
        if name == "week_id" and text in set("0123456"):
            return self.words["weekdays"].split()[int(text) - 1]  # which begin on Monday
        kind = "switch" if name in _SWITCHES else name
        return self.words[_VALUES[kind, text]] if (kind, text) in _VALUES else text

    def _name(self, name: str, text: str) -> str:
        """The thing of this id; by its number where it is gone."""
        found = self.names[name].get(int(text)) if text.isdecimal() else None
        return found or f"#{text}"
