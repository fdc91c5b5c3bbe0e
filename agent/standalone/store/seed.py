"""The rows a new database begins with.

API v1 can only list grades, so they have to be there; subjects, one school and one teacher are there so that a
channel and a course can be added at once.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from agent.standalone.store.schema import Grade, School, Subject, Teacher

_DIGITS = "一二三四五六"
GRADES = (
    *(("幼儿园", name) for name in ("小班", "中班", "大班")),
    *(("小学", f"{digit}年级") for digit in _DIGITS),
    *(("初中", f"初{digit}") for digit in _DIGITS[:3]),
    *(("高中", f"高{digit}") for digit in _DIGITS[:3]),
    *(("大学", f"大{digit}") for digit in _DIGITS[:4]),
)
SUBJECTS = (
    *("语文", "数学", "英语", "物理", "化学", "生物", "政治", "历史", "地理"),
    *("科学", "道德与法治", "信息技术", "音乐", "美术", "体育", "综合实践", "班会", "其他"),
)


def first_rows(session: Session, now: float) -> None:
    """Add the rows of a first run."""
    session.add(School(name="本校", created=now, updated=now))
    session.add(Teacher(teacher_name="未指定教师", title_id=4, created=now, updated=now))
    for grade_type, grade_name in GRADES:
        session.add(Grade(grade_type=grade_type, grade_name=grade_name, created=now, updated=now))
    for name in SUBJECTS:
        session.add(Subject(subject_name=name, created=now, updated=now))
