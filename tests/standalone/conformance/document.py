"""What the document of API v1 says of each endpoint, typed off from it: the other side of the comparison."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Written:
    """One section: parameters, the names of the answer beside `err_code` and `err_msg`, those of a row, and codes."""

    section: str
    required: str = ""
    optional: str = ""
    answers: str = ""
    rows: str = ""
    codes: str = "1004 1006 1007"


_PAGES = "per cur"
_TIMES = "created updated"

DOCUMENT: dict[str, Written] = {
    "version": Written("3.1", answers="API Name Version Server", codes=""),
    "access_token": Written("3.2", "unionid", answers="token expires", codes="1001 1002 1003 1004"),
    "list_school": Written("3.3", optional=_PAGES, rows=f"school_id name addr phone {_TIMES}"),
    "add_school": Written("3.4", "name addr", "phone", "school_id", codes="1004 1006 1007 1008 1009"),
    "mod_school": Written("3.5", "school_id name addr", "phone", codes="1004 1006 1007 1008 1009 1010"),
    "del_school": Written("3.6", "school_id", codes="1004 1006 1007 1010"),
    "list_subject": Written("3.7", optional=_PAGES, rows=f"subject_id subject_name {_TIMES}"),
    "add_subject": Written("3.8", "subject_name", answers="subject_id", codes="1004 1006 1007 1008"),
    "mod_subject": Written("3.9", "subject_id subject_name", codes="1004 1006 1007 1008 1010"),
    "del_subject": Written("3.10", "subject_id", codes="1004 1006 1007 1010"),
    "list_grade": Written("3.11", optional=_PAGES, rows=f"grade_id grade_type grade_name {_TIMES}"),
    "list_teacher": Written(
        "3.12", optional=_PAGES, rows=f"teacher_id teacher_name sex_name title_name title_id detail_info {_TIMES}"
    ),
    "add_teacher": Written(
        "3.13",
        "teacher_name sex_name title_name title_id",
        "detail_info",
        "teacher_id",
        codes="1004 1006 1007 1008",
    ),
    "mod_teacher": Written(
        "3.14", "teacher_id", "teacher_name sex_name title_name title_id detail_info", codes="1004 1006 1007 1008 1010"
    ),
    "del_teacher": Written("3.15", "teacher_id", codes="1004 1006 1007 1010"),
    "list_gather": Written(
        "3.16",
        optional=_PAGES,
        rows="gather_id school_id mac_addr ip_addr name_pc name_set os_name main_rate sub_rate auto_dvr auto_fds "
        f"slice_val inter_val snap_val status {_TIMES}",
    ),
    "mod_gather": Written(
        "3.17",
        "gather_id",
        "school_id name_set main_rate sub_rate auto_dvr auto_fds slice_val inter_val snap_val",
        codes="1004 1006 1007 1010",
    ),
    "list_camera": Written(
        "3.18",
        optional=_PAGES,
        answers="storage_addr",
        rows="camera_id camera_name image_id image_fdfs gather_id name_set school_id school_name grade_id grade_type "
        "grade_name stream_prop stream_url stream_mp4 device_ip device_user device_pass device_cmd_port device_mirror "
        f"device_osd device_twice device_show status clicks {_TIMES}",
    ),
    "add_camera": Written(
        "3.19",
        "camera_name gather_id grade_id stream_prop stream_url stream_mp4",
        answers="camera_id transmit",
        codes="1004 1006 1007 1008 1010",
    ),
    "mod_camera": Written(
        "3.20",
        "camera_id camera_name",
        "grade_id stream_prop stream_url stream_mp4 device_ip device_user device_pass device_cmd_port device_mirror "
        "device_osd device_twice device_show",
        "transmit",
        codes="1004 1006 1007 1010",
    ),
    "del_camera": Written("3.21", "camera_id", codes="1004 1006 1007 1010"),
    "get_camera_status": Written("3.22", "camera_id", answers="camera_id status", codes="1004 1006 1007 1010"),
    "start_camera": Written("3.23", "camera_id", answers="transmit", codes="1004 1006 1007 1010"),
    "stop_camera": Written("3.24", "camera_id", answers="transmit", codes="1004 1006 1007 1010"),
    "list_record": Written(
        "3.25",
        optional=_PAGES,
        answers="storage_addr",
        rows="record_id gather_id camera_id camera_name grade_id grade_type grade_name subject_id subject_name "
        "teacher_id teacher_name title_name file_fdfs image_fdfs file_size duration disptime clicks "
        f"{_TIMES}",
    ),
    "del_record": Written("3.26", "record_id", codes="1004 1006 1007 1010"),
    "list_course": Written(
        "3.27",
        "camera_id",
        _PAGES,
        rows=f"course_id camera_id subject_id teacher_id repeat_id week_id elapse_sec start_time end_time {_TIMES}",
    ),
    "add_course": Written(
        "3.28",
        "camera_id subject_id teacher_id week_id elapse_sec start_time",
        answers="course_id camera_id transmit",
        codes="1004 1006 1007 1010 1011 1012 1013",
    ),
    "mod_course": Written(
        "3.29",
        "course_id camera_id subject_id teacher_id week_id elapse_sec start_time",
        answers="course_id camera_id transmit",
        codes="1004 1006 1007 1010 1011 1012 1013",
    ),
    "del_course": Written("3.30", "course_id", answers="transmit", codes="1004 1006 1007 1010"),
    "play_camera": Written("3.31", "camera_id", "width height", "play_url", codes="1004 1006 1007 1010"),
    "play_record": Written("3.32", "record_id", "width height", "play_url", codes="1004 1006 1007 1010"),
}

DEVIATIONS: dict[str, str] = {
    "version": "added: TimeZone",
    "access_token": "1004 (a token cannot be made) is 1005 here",
    "add_teacher": "1010 for title_id",
    "list_gather": "added: gather_id as filter; 1010 for a malformed one",
    "mod_gather": "added: auto_fdfs, transmit",
    "list_camera": "added: camera_id, gather_id as filters; 1010 for a malformed one",
    "add_camera": "of stream_url and stream_mp4 only the one that stream_prop names is required; added: stream_prop 0"
    " with device_ip, and the other device fields of mod_camera",
    "mod_camera": "added: device_cmd_prot; 1008 for a missing camera_name, URL or path",
    "del_camera": "added: transmit",
    "list_record": "added: filters, course_id, slice_id, slice_inx, file_src; 1010, 1011 for a malformed filter",
    "list_course": "added: course_id as filter; 1010 for a missing or malformed id",
}
"""Where the server says more, or other things, than the document; docs/api-v1.md tells users why."""
