"""What stands behind the door on this machine, for tests: views as they are set, orders as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from itertools import groupby

from agent.link.relay import answer
from agent.status import CamerasView, DaemonView, LessonOutcome, LessonsView, QueueView, UploadsView
from agent.wire.codes import Code
from agent.wire.models import Answer, Command
from tests.agent.views import channel


class Behind:
    """Answers with its attributes; notes what it is asked. Channel 99 does not exist."""

    def __init__(self) -> None:
        self.status = DaemonView(now=1.5, version="0.1", pid=7)
        self.cameras = CamerasView(now=2.5, cameras=(channel(),))
        self.uploads = UploadsView(now=3.5, queue=QueueView(recorded=1), more=1)
        self.shown = LessonsView(now=4.5, first_day="2026-11-24", last_day="2026-11-24", timezone="UTC")
        self.code = Code.OK
        self.days: list[tuple[date | None, int]] = []
        self.carried: list[Command] = []

    async def look(self) -> DaemonView:
        """For `/status`."""
        return self.status

    def lessons_by_day(
        self, first: date | None, days: int
    ) -> tuple[LessonsView, AsyncIterator[tuple[LessonOutcome, ...]]]:
        """For `/lessons`."""
        self.days.append((first, days))

        async def by_day() -> AsyncIterator[tuple[LessonOutcome, ...]]:
            for _, lessons in groupby(self.shown.lessons, lambda one: one.planned_start // 86_400):
                yield tuple(lessons)

        return self.shown.model_copy(update={"lessons": ()}), by_day()

    def camera_views(self) -> CamerasView:
        """For `/cameras`."""
        return self.cameras

    async def uploads_view(self) -> UploadsView:
        """For `/uploads`."""
        return self.uploads

    async def carry_out(self, command: Command) -> Answer:
        """For orders."""
        self.carried.append(command)
        code = Code.NO_SUCH_CAMERA if command.data.get("camera_id") == 99 else self.code
        return answer(command.id, code, {"camera_id": 7})
