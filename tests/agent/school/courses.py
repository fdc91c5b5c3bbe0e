"""A school's timetable."""

from __future__ import annotations

from agent.wire.models import WireCamera, WireCourse

BELLS = ("08:00", "08:45", "09:40", "10:25", "11:20", "13:30", "14:15", "15:10")
"""Two and two of these touch."""


def timetable(rooms: int, lessons: int) -> list[WireCamera]:
    """So many rooms with so many lessons a week; some of these at night, over midnight, in the hour a change skips."""
    school = []
    for room in range(1, rooms + 1):
        slots = [(week_id, bell, 2700) for week_id in (1, 2, 3, 4, 5) for bell in BELLS][: lessons - 1]
        odd = [(0, "02:15", 3600), (5, "23:40", 2700), (0, "02:30", 1800), (3, "17:00", 2700)]
        slots.append(odd[room % len(odd)])
        school.append(
            WireCamera(
                camera_id=room,
                camera_name=f"room {room}",
                stream_url=f"rtsp://camera-{room}/1",
                courses=tuple(
                    WireCourse(
                        course_id=room * 1000 + number,
                        week_id=week_id,
                        # Five bell tables, so that not the whole school begins at once.
                        start_time=f"{bell[:3]}{int(bell[3:]) + room % 5:02d}:00",
                        elapse_sec=length,
                    )
                    for number, (week_id, bell, length) in enumerate(slots)
                ),
            )
        )
    return school
