"""The calls: what every endpoint must bear, made from its description, and what only one of them can meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from agent.standalone.api.call import Change, Endpoint
from agent.standalone.api.params import MAX_LISTED, Kind

Given = dict[str, str]
Group = Literal[
    "success", "token", "missing", "malformed", "unknown", "rules", "list of ids", "pages", "text", "method"
]
GROUPS: tuple[Group, ...] = (
    *("success", "token", "missing", "malformed", "unknown", "rules", "list of ids", "pages", "text", "method"),
)

URL = "rtsp://10.0.0.7/ch1?profile=1&x=/y"
COURSE = {"camera_id": "1", "subject_id": "1", "teacher_id": "1", "week_id": "4"}
COURSE |= {"elapse_sec": "3600", "start_time": "10:30:30"}
VALID: dict[str, Given] = {
    "add_school": {"name": "东升一中", "addr": "东升镇", "phone": "010-6267772"},
    "mod_school": {"school_id": "1", "name": "二中", "addr": "镇"},
    "del_school": {"school_id": "1"},
    "add_subject": {"subject_name": "天文"},
    "mod_subject": {"subject_id": "1", "subject_name": "地质"},
    "del_subject": {"subject_id": "1,2"},
    "add_teacher": {"teacher_name": "李老师", "sex_name": "女", "title_name": "一级教师", "title_id": "2"},
    "mod_teacher": {"teacher_id": "1", "sex_name": "男"},
    "del_teacher": {"teacher_id": "1"},
    "mod_gather": {"gather_id": "1", "school_id": "1", "name_set": "采集端", "slice_val": "5", "snap_val": "3"},
    "add_camera": {"camera_name": "三班", "gather_id": "1", "grade_id": "4", "stream_prop": "2", "stream_url": URL},
    "mod_camera": {"camera_id": "1", "camera_name": "二班", "stream_prop": "0", "device_ip": "10.0.0.8"},
    "del_camera": {"camera_id": "1"},
    "get_camera_status": {"camera_id": "1"},
    "start_camera": {"camera_id": "1"},
    "stop_camera": {"camera_id": "1"},
    "del_record": {"record_id": "1"},
    "list_course": {"camera_id": "1"},
    "add_course": COURSE,
    "mod_course": {"course_id": "1", **COURSE},
    "del_course": {"course_id": "1"},
    "play_camera": {"camera_id": "1", "width": "640", "height": "360"},
    "play_record": {"record_id": "1", "width": "640", "height": "360"},
}
"""A call that succeeds, in the world of `world`. Endpoints that are not here need nothing."""

AWKWARD = {
    "Chinese": "东升一中（初中部）",
    "emoji": "😀 表情 👩‍🏫",
    "quotes": "'\"`<b>&amp;\\",
    "URL characters": "a/b?c=d&e#f%2F+g",
    "two lines": "行\n二",
    "10 kB": "é" * 5000,
}
READ_BACK: dict[str, tuple[str, Given]] = {
    "add_school": ("list_school", {}),
    "mod_school": ("list_school", {}),
    "add_subject": ("list_subject", {}),
    "mod_subject": ("list_subject", {"per": "1000"}),
    "add_teacher": ("list_teacher", {}),
    "mod_teacher": ("list_teacher", {}),
    "mod_gather": ("list_gather", {}),
    "add_camera": ("list_camera", {}),
    "mod_camera": ("list_camera", {"camera_id": "1"}),
}
"""Where a text that was written is read, in the first row that has it."""

_NO_ID = ("x", "-1", "1.5", "１", "1 2", "0x1", "9" * 19)
_NO_NUMBER = ("x", "1.5", "１", "1e3", "9" * 19)
_NO_IDS = ("x", ",", "1;2", "1,x", "1,-2", ",".join(map(str, range(1, MAX_LISTED + 2))))
_PAGES: tuple[Given, ...] = (
    {},
    {"cur": "2", "per": "1"},
    {"cur": "1", "per": "1000"},
    {"cur": "999"},
    {"cur": "0"},
    {"cur": "-5"},
    {"per": "0"},
    {"per": "-1"},
    {"per": "1000000000"},
    {"cur": "x", "per": "y"},
    {"cur": "9" * 40, "per": "9" * 40},
)


@dataclass(frozen=True, slots=True)
class Case:
    """A call and the code it must be answered with. `token` is a word of `world`, `text` a parameter to read back."""

    group: Group
    label: str
    params: Given
    code: int
    token: str = "good"
    text: str = ""


def cases_of(endpoint: Endpoint | Change) -> list[Case]:
    """All calls of an endpoint, those that change something last."""
    name = endpoint.name
    return [
        *_token(endpoint),
        *_missing(endpoint),
        *_malformed(endpoint),
        *SPECIAL.get(name, ()),
        *_ids(endpoint),
        *_pages(endpoint),
        *_texts(endpoint),
        *_success(endpoint),
    ]


def _success(endpoint: Endpoint | Change) -> Iterator[Case]:
    valid = VALID.get(endpoint.name, {})
    if endpoint.name == "access_token":
        yield Case("success", "the credential", {"unionid": "{credential}"}, 0)
        return
    elsewhere = {"week_id": "6"} if endpoint.name == "add_course" else {}
    strange = {"no_such_name": "1", "Token": "x", "school_ID": "7"}
    yield Case("success", "names that nobody knows", {**valid, **elsewhere, **strange}, 0)
    if not endpoint.name.startswith("del_"):
        yield Case("success", _written(valid) or "no parameter", valid, 0)


def _token(endpoint: Endpoint | Change) -> Iterator[Case]:
    if endpoint.open_to_all:
        return
    for token, code in {"none": 1004, "empty": 1006, "rubbish": 1006, "forged": 1006, "expired": 1007}.items():
        yield Case("token", f"{token}, all else missing too", {}, code, token=token)


def _missing(endpoint: Endpoint | Change) -> Iterator[Case]:
    valid = VALID.get(endpoint.name, {})
    required = [param for param in endpoint.params if param.missing is not None]
    for place, param in enumerate(required):
        code = int(param.missing or 0)
        later = {each.name for each in required[place:]}
        yield Case("missing", param.name, {name: text for name, text in valid.items() if name != param.name}, code)
        yield Case("missing", f"{param.name} is empty", {**valid, param.name: ""}, code)
        yield Case("missing", f"{param.name} is blank", {**valid, param.name: " \t"}, code)
        if place + 1 < len(required):
            kept = {name: text for name, text in valid.items() if name not in later}
            yield Case("missing", f"{param.name} and what comes after it", kept, code)


def _malformed(endpoint: Endpoint | Change) -> Iterator[Case]:
    valid = VALID.get(endpoint.name, {})
    for param in endpoint.params:
        if param.kind in (Kind.ID, Kind.NUMBER):
            for text in _NO_ID if param.kind is Kind.ID else _NO_NUMBER:
                yield Case("malformed", f"{param.name}={_short(text)}", {**valid, param.name: text}, int(param.bad))
        elif param.kind is Kind.LENIENT:
            for text in ("x", "-1", "0", "9" * 40):
                yield Case("malformed", f"{param.name}={_short(text)}", {**valid, param.name: text}, 0)


def _ids(endpoint: Endpoint | Change) -> Iterator[Case]:
    for param in endpoint.params:
        if param.kind is Kind.IDS:
            for text in _NO_IDS:
                yield Case("list of ids", f"{param.name}={_short(text)}", {param.name: text}, 1010)
            if endpoint.name != "del_course":
                yield Case("list of ids", f"{param.name}=77,78, none of which exists", {param.name: "77,78"}, 0)
            yield Case("list of ids", f"{param.name}= 2 ,,2, 999,", {param.name: " 2 ,,2, 999,"}, 0)


def _pages(endpoint: Endpoint | Change) -> Iterator[Case]:
    if endpoint.rows:
        for given in _PAGES:
            yield Case("pages", _written(given) or "as they come", {**VALID.get(endpoint.name, {}), **given}, 0)


def _texts(endpoint: Endpoint | Change) -> Iterator[Case]:
    if endpoint.name not in READ_BACK:
        return
    for param in endpoint.params:
        if param.kind is not Kind.TEXT or param.name == "stream_url":
            continue
        for label, text in AWKWARD.items():
            given = {**VALID[endpoint.name], param.name: text}
            yield Case("text", f"{param.name}: {label}", given, 0, text=param.name)


def _written(given: Given) -> str:
    return "&".join(f"{name}={_short(text)}" for name, text in given.items())


def _short(text: str) -> str:
    if len(text) <= 30:
        return text
    return f"{len(text.split(','))} ids" if "," in text else f"{len(text)} digits"


def _with(name: str, group: Group, code: int, *changes: Given) -> list[Case]:
    return [Case(group, _written(change), {**VALID.get(name, {}), **change}, code) for change in changes]


_BAD_TIMES: tuple[Given, ...] = (
    *({"week_id": text} for text in ("7", "-1")),
    *({"elapse_sec": text} for text in ("0", "-60")),
    *({"start_time": text} for text in ("24:00:00", "9:30:00", "09:60:00", "10:30", "2026-11-24 10:30:00", "noon")),
    {"start_time": "noon", "elapse_sec": "1000000"},
)
_CROSSING: tuple[Given, ...] = (
    {"start_time": "23:00:00", "elapse_sec": "3600"},
    {"start_time": "23:59:59", "elapse_sec": "1"},
    {"start_time": "00:00:00", "elapse_sec": "86400"},
    {"elapse_sec": "9" * 17},
)
_OVERLAPPING: tuple[Given, ...] = (
    {"week_id": "3", "start_time": "14:59:59", "elapse_sec": "2"},
    {"week_id": "3", "start_time": "15:59:59", "elapse_sec": "60"},
    {"week_id": "3", "start_time": "15:10:00", "elapse_sec": "60"},
    {"week_id": "3", "start_time": "08:00:00", "elapse_sec": "36000"},
)
_UNKNOWN_OF_COURSE: tuple[Given, ...] = ({"camera_id": "99"}, {"subject_id": "999"}, {"teacher_id": "999"})


def _of_course(name: str) -> list[Case]:
    return [
        *_with(name, "unknown", 1010, *_UNKNOWN_OF_COURSE),
        *_with(name, "rules", 1011, *_BAD_TIMES),
        *_with(name, "rules", 1013, *_CROSSING),
        *_with(name, "rules", 1012, *_OVERLAPPING),
        *_with(name, "rules", 0, {"week_id": "5", "start_time": "23:00:00", "elapse_sec": "3599"}),
        *_with(name, "rules", 0, {"week_id": "3", "start_time": "14:00:00", "elapse_sec": "3600"}),
    ]


SPECIAL: dict[str, list[Case]] = {
    "access_token": [
        *_with(
            "access_token", "malformed", 1001, {"unionid": "not hex"}, {"unionid": "ab" * 15}, {"unionid": "AB" * 16}
        ),
        Case("unknown", "another credential", {"unionid": "0" * 32}, 1002),
        Case("rules", "the credential before it was replaced", {"unionid": "{former}"}, 1003),
    ],
    "mod_school": _with("mod_school", "unknown", 1010, {"school_id": "99"}),
    "mod_subject": _with("mod_subject", "unknown", 1010, {"subject_id": "999"}),
    "add_teacher": _with("add_teacher", "rules", 1010, {"title_id": "5"}, {"title_id": "-1"}),
    "mod_teacher": [
        *_with("mod_teacher", "unknown", 1010, {"teacher_id": "999"}),
        *_with("mod_teacher", "rules", 1010, {"title_id": "5"}),
        Case("missing", "everything but teacher_id", {"teacher_id": "1"}, 1008),
    ],
    "list_gather": _with("list_gather", "unknown", 0, {"gather_id": "99"}),
    "mod_gather": [
        *_with("mod_gather", "unknown", 1010, {"gather_id": "99"}, {"school_id": "99"}),
        *_with(
            "mod_gather", "rules", 0, {"slice_val": "31"}, {"inter_val": "-1"}, {"snap_val": "0"}, {"auto_fdfs": "0"}
        ),
    ],
    "list_camera": _with("list_camera", "unknown", 0, {"gather_id": "99"}, {"camera_id": "99"}),
    "add_camera": [
        *_with("add_camera", "unknown", 1010, {"gather_id": "99"}, {"grade_id": "9999"}),
        *_with("add_camera", "rules", 1010, {"stream_prop": "0"}, {"stream_prop": "3"}, {"stream_prop": "-1"}),
        *_with(
            "add_camera", "rules", 1008, {"stream_url": ""}, {"stream_prop": "1"}, {"stream_url": "file:///etc/passwd"}
        ),
        *_with("add_camera", "rules", 1008, {"stream_url": "rtsp:///nohost"}, {"stream_url": "gopher://x/y"}),
        *_with("add_camera", "rules", 0, {"stream_prop": "1", "stream_url": "", "stream_mp4": "F:\\MP4\\课.mp4"}),
    ],
    "mod_camera": [
        *_with("mod_camera", "unknown", 1010, {"camera_id": "99"}, {"grade_id": "9999"}),
        *_with("mod_camera", "rules", 1010, {"stream_prop": "5"}, {"stream_prop": "-1"}),
        *_with("mod_camera", "rules", 1008, {"stream_prop": "2", "stream_url": "gopher://x"}),
        *_with("mod_camera", "rules", 1008, {"stream_prop": "1", "stream_mp4": ""}),
        *_with("mod_camera", "rules", 0, {"device_cmd_prot": "8000"}, {"device_osd": "7"}),
    ],
    **{name: _with(name, "unknown", 1010, {"camera_id": "99"}) for name in ("get_camera_status", "play_camera")},
    **{name: _with(name, "unknown", 1010, {"camera_id": "99"}) for name in ("start_camera", "stop_camera")},
    "play_record": _with("play_record", "unknown", 1010, {"record_id": "99"}),
    "list_record": [
        *_with("list_record", "unknown", 0, {"camera_id": "99"}, {"course_id": "99"}, {"record_id": "99"}),
        *_with(
            "list_record", "rules", 0, {"begin": "2026-11-24"}, {"begin": "2026-11-24 10:00:00"}, {"end": "1795485600"}
        ),
        *_with(
            "list_record", "rules", 0, {"begin": "0001-01-01"}, {"end": "9999-12-31 23:59:59"}, {"end": "99999999999"}
        ),
        *_with("list_record", "rules", 1011, {"begin": "24.11.2026"}, {"end": "2026-13-01"}, {"end": "yesterday"}),
    ],
    "list_course": _with("list_course", "unknown", 0, {"camera_id": "99"}, {"course_id": "99"}),
    "add_course": _of_course("add_course"),
    "mod_course": [*_with("mod_course", "unknown", 1010, {"course_id": "99"}), *_of_course("mod_course")],
    "del_course": _with("del_course", "unknown", 1010, {"course_id": "77,78"}),
}
