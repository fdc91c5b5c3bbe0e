"""A conversation with one ONVIF device, in a process of its own.

    python -m agent.onvif.conversation          a `Question` on standard input, an `Answer` on standard output

A camera's XML is parsed here and nowhere else; a device that answers nothing, too slowly or nonsense costs this
process, which the daemon ends.
"""

from __future__ import annotations

import contextlib
import logging
import resource
import sys

from agent.onvif.device import CallFailed, Device
from agent.onvif.library import NoOpinion, ask_again
from agent.onvif.messages import Answer, Failure, Question
from agent.onvif.presets import go_to, presets_of
from agent.onvif.streams import find_streams

_MOST_MEMORY = 512 << 20
_NEXT_PORT = ("unreachable", "timeout", "unusable")
"""Causes for which the next port is asked: at 8000 a Hikvision speaks its own protocol, elsewhere a page answers."""
_FIRST_WORD_SEC = 3.0
"""At a port behind which others are: a live device says what time it is in a fraction of a second."""
_SILENT_PORTS = 2
"""So many ports that say nothing at all, not even no, belong to a host that is not there."""


def converse(question: Question) -> Answer:
    """Ask at each port until one answers; never raises for anything that a device does."""
    failures: list[Failure] = []
    for number, port in enumerate(question.ports, 1):
        device = Device(question, port)
        try:
            last = number == len(question.ports)
            device.open(question.limit_sec if last else min(_FIRST_WORD_SEC, question.limit_sec))
        except CallFailed as error:
            failures.append(Failure(cause=error.cause, detail=str(error)))
            silent = sum(one.cause == "timeout" for one in failures)
            if error.cause in _NEXT_PORT and silent < _SILENT_PORTS:
                continue
            break
        try:
            return _answer(device, question)
        except CallFailed as error:
            return _second_opinion(question, port, error)
    # Of several ports, the one that spoke ONVIF, however badly, says more than one that is closed.
    failures.sort(key=lambda one: ("unauthorized", "unusable", "timeout", "unreachable").index(one.cause))
    return Answer(failure=failures[0] if failures else Failure(cause="unusable", detail=f"{question.host}: no port"))


def _answer(device: Device, question: Question) -> Answer:
    if question.ask == "presets":
        return Answer(presets=presets_of(device))
    if question.ask == "go_to":
        return Answer(presets=(go_to(device, question.preset),))
    return Answer(streams=find_streams(device, question))


def _second_opinion(question: Question, port: int, failed: CallFailed) -> Answer:
    """The library's, where a device answers and its answers cannot be used; else what went wrong with ours."""
    failure = Answer(failure=Failure(cause=failed.cause, detail=str(failed)))
    if failed.cause != "unusable" or question.ask not in ("streams", "look"):
        return failure
    try:
        return Answer(streams=ask_again(question, port, question.limit_sec / 2))
    except NoOpinion:
        return failure


def main() -> None:
    """One question, one answer."""
    logging.disable(logging.CRITICAL)  # the library logs as it pleases
    # A sandbox may forbid to set limits; then it sets its own.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (_MOST_MEMORY, _MOST_MEMORY))
    question = Question.model_validate_json(sys.stdin.buffer.read())
    try:
        answer = converse(question)
    except Exception as error:  # noqa: BLE001 - the process's boundary: whatever a device brings about is told of it
        detail = f"{question.host}: the conversation met {type(error).__name__}: {error}"
        answer = Answer(failure=Failure(cause="unusable", detail=detail[:300]))
    sys.stdout.write(answer.model_dump_json())


if __name__ == "__main__":
    main()
