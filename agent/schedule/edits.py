"""What an edit of channels and timetable changes, in words for the log: why a lesson was not recorded is asked in June.
No I/O.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from agent.wire.models import WireCamera, WireCourse

_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
MOST = 20
"""Sentences about one edit; a new school has thousands of courses."""


def edits(before: Mapping[int, WireCamera], after: Mapping[int, WireCamera]) -> list[str]:
    """A sentence for each channel and course that is new, another or gone; the first of them where they are many."""
    found = list(_edits(before, after))
    if len(found) > MOST:
        return [*found[: MOST - 1], f"and {len(found) - MOST + 1} other changes"]
    return found


def _edits(before: Mapping[int, WireCamera], after: Mapping[int, WireCamera]) -> Iterator[str]:
    for camera_id in sorted(before.keys() | after.keys()):
        was, now = before.get(camera_id), after.get(camera_id)
        if was is now:
            continue
        name = f"channel {camera_id} {(now or was or WireCamera(camera_id=camera_id)).camera_name}".rstrip()
        if now is None:
            yield f"{name} is gone"
        elif was is None:
            yield f"{name} is new, with {_courses(len(now.courses))}"
        else:
            changed = [key for key in WireCamera.model_fields if getattr(was, key) != getattr(now, key)]
            if said := [key for key in changed if key != "courses"]:
                yield f"{name} has another {', '.join(said)}"  # never the values: passwords are among them
            if "courses" in changed:
                yield from _of_courses(name, was, now)


def _of_courses(name: str, was: WireCamera, now: WireCamera) -> Iterator[str]:
    before, after = ({one.course_id: one for one in camera.courses} for camera in (was, now))
    for course_id in sorted(before.keys() | after.keys()):
        old, new = before.get(course_id), after.get(course_id)
        if old is None and new is not None:
            yield f"{name}: course {course_id} is new: {_when(new)}"
        elif old is not None and new is None:
            yield f"{name}: course {course_id} is gone: {_when(old)}"
        elif old is not None and new is not None and _when(old) != _when(new):
            yield f"{name}: course {course_id} is {_when(new)}, and was {_when(old)}"


def _when(course: WireCourse) -> str:
    minutes, seconds = divmod(course.elapse_sec, 60)
    length = f"{minutes} min" + (f" {seconds} s" if seconds else "")
    return f"{course.title} {_DAYS[course.week_id]} {course.start_time[-8:]}, {length}".strip()


def _courses(count: int) -> str:
    return f"{count} course{'s' * (count != 1)}"
