"""The pictures of docs/alarms.md, out of the very runs of `test_alarms.py`: what each alarm was triggered by.

    python -m tests.recorder.alarm_page docs/images/alarms

Each case becomes a drawing: key frames of the recorded slice along the time, what the recorder measured of each of
them, and of the sound, with its thresholds, and the alarm as it was raised and cleared.
"""

from __future__ import annotations

import base64
import itertools
import math
import sys
import tempfile
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import av

from recorder.packets import Packet
from recorder.pictures.looks import look_at
from recorder.pictures.pictures import jpeg_of
from recorder.pictures.watching import MOVING_SHARE, STILL_SHARE, Look, changed_share
from recorder.protocol import AlarmRaised
from recorder.source.tracks import track_of
from tests.recorder.alarm_cases import QUICK, Case, Run, run_all
from tests.recorder.processes import Forks

WIDTH, LEFT, RIGHT = 900, 150, 20
STRIP, ROW, GAP = 76, 62, 14
FRAMES = 7
SILENCE_DBFS = -100.0


@dataclass(frozen=True, slots=True)
class Measured:
    """A slice as the recorder judges it: looks and levels by seconds since its first packet."""

    length: float
    looks: list[tuple[float, Look, bytes]]
    levels: list[tuple[float, float]]


def measure(path: Path) -> Measured:
    """Every key frame of a slice looked at, and its sound's level every tenth of a second."""
    looks: list[tuple[float, Look, bytes]] = []
    with av.open(str(path)) as container:
        track = track_of(container.streams.video[0])
        between: list[Packet] = []
        length = 0.0
        for raw in container.demux(video=0):
            if raw.dts is None or not raw.size:
                continue
            packet = Packet(track, bytes(raw), raw.pts, raw.dts, raw.duration or 0, raw.is_keyframe, 0.0)
            at = float(raw.dts * track.time_base)
            length = at
            if not packet.is_key:
                between.append(packet)
                continue
            look = look_at(packet, between[-50:])
            if look is not None:
                looks.append((at, look, jpeg_of([packet]).jpeg))
    with av.open(str(path)) as container:
        levels = list(_levels(container)) if container.streams.audio else []
    return Measured(length, looks, levels)


def _levels(container: av.container.InputContainer) -> Iterable[tuple[float, float]]:
    for frame in container.decode(audio=0):
        samples = array("f", bytes(frame.planes[0]))[: frame.samples]
        power = sum(one * one for one in samples) / max(1, len(samples))
        yield float(frame.time or 0.0), max(SILENCE_DBFS, 10 * math.log10(power) if power else -math.inf)


class Drawing:
    """An SVG of rows over one time axis."""

    def __init__(self, measured: Measured) -> None:
        self._measured = measured
        self._parts: list[str] = []
        self._top = 30

    def x(self, at: float) -> float:
        """Where a time stands."""
        return LEFT + (WIDTH - LEFT - RIGHT) * min(max(at / max(self._measured.length, 0.1), 0.0), 1.0)

    def text(self, x: float, y: float, words: str, style: str = "") -> None:
        self._parts.append(f'<text x="{x:.0f}" y="{y:.0f}" {style}>{words}</text>')

    def strip(self) -> None:
        """Key frames along the time."""
        self.text(8, self._top + STRIP / 2, "key frames")
        width = (WIDTH - LEFT - RIGHT) / FRAMES - 4
        for n in range(FRAMES):
            at = self._measured.length * (n + 0.5) / FRAMES
            _, _, jpeg = min(self._measured.looks, key=lambda one: abs(one[0] - at))
            data = base64.b64encode(jpeg).decode()
            x = LEFT + n * (width + 4)
            self._parts.append(
                f'<image x="{x:.1f}" y="{self._top}" width="{width:.1f}" height="{STRIP - 8}"'
                f' href="data:image/jpeg;base64,{data}"/>'
            )
        self._top += STRIP

    def row(
        self, name: str, points: list[tuple[float, float]], low: float, high: float, marks: list[tuple[float, str]]
    ) -> None:
        """A measured value over the time, with its thresholds."""
        top = self._top

        def y(value: float) -> float:
            return top + ROW * (1 - min(max((value - low) / (high - low), 0.0), 1.0))

        self._parts.append(f'<rect x="{LEFT}" y="{top}" width="{WIDTH - LEFT - RIGHT}" height="{ROW}" class="field"/>')
        for n, line in enumerate(name.split("|")):
            self.text(8, top + 14 + 14 * n, line)
        for value, label in marks:
            self._parts.append(
                f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" class="mark"/>'
            )
            self.text(WIDTH - RIGHT - 4, y(value) + (10 if label.startswith("still") else -3), label, 'class="label"')
        for piece in _unbroken(points):
            line = " ".join(f"{self.x(at):.1f},{y(value):.1f}" for at, value in piece)
            self._parts.append(f'<polyline points="{line}" class="value"/>')
        self._top += ROW + GAP

    def alarm(self, run: Run) -> None:
        """From when to when the case was so, and the alarm stood."""
        case = run.case
        begun = run.first_at - run.film_at
        bars = [("in the film", "film", case.since - begun, case.until - begun)] if case.alarm else []
        for raised, cleared in zip(run.raised, run.cleared, strict=False):
            bars.append((f"alarm: {raised.kind}", "alarm", raised.since - run.first_at, cleared.until - run.first_at))
        if not bars:
            self.text(8, self._top + 12, "no alarm")
            self._top += 18
        for name, kind, since, until in bars:
            self.text(8, self._top + 12, name)
            x, width = self.x(since), self.x(until) - self.x(since)
            self._parts.append(f'<rect x="{x:.1f}" y="{self._top}" width="{width:.1f}" height="14" class="{kind}"/>')
            self._top += 18
        for second in range(0, int(self._measured.length) + 1, 2):
            self.text(self.x(second), self._top + 12, f"{second} s", 'class="label second"')
        self._top += 18

    def svg(self, title: str) -> str:
        """The whole."""
        style = (
            "text{font:12px sans-serif;fill:#222}.title{font-size:15px;font-weight:bold}"
            ".label{font-size:10px;fill:#555;"
            "text-anchor:end}.second{text-anchor:middle}.field{fill:#f4f4f2;stroke:#ddd}.mark{stroke:#b33;"
            "stroke-dasharray:4 3}.value{fill:none;stroke:#246;stroke-width:1.5}.film{fill:#aab}.alarm{fill:#c22}"
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self._top + 6}" width="{WIDTH}">'
            f"<style>{style}</style><rect width='100%' height='100%' fill='#fff'/>"
            f'<text x="8" y="20" class="title">{title}</text>{"".join(self._parts)}</svg>\n'
        )


def _unbroken(points: list[tuple[float, float]]) -> Iterable[list[tuple[float, float]]]:
    """The points in pieces, each without a pause of more than a second."""
    piece: list[tuple[float, float]] = []
    for point in points:
        if piece and point[0] - piece[-1][0] > 1.0:
            yield piece
            piece = []
        piece.append(point)
    yield piece


def draw(run: Run) -> str:
    """The drawing of a run."""
    measured = measure(run.slice_path)
    drawing = Drawing(measured)
    drawing.strip()
    looks = measured.looks
    tops = [(at, look.dark[0]) for at, look, _ in looks]
    drawing.row(
        "luma of all but|the brightest|twentieth", tops, 0, 60, [(QUICK.black_luma, f"black: {QUICK.black_luma:.0f}")]
    )
    changed = [(after[0], 100 * changed_share(before[1], after[1])) for before, after in itertools.pairwise(looks)]
    limits = [(100 * STILL_SHARE, f"still: {STILL_SHARE:.0%}"), (100 * MOVING_SHARE, f"moves: {MOVING_SHARE:.0%}")]
    drawing.row("pixels changed since|the key frame|before, %", changed, 0, 100, limits)
    if measured.levels:
        limit = [(QUICK.silent_dbfs, f"silent: {QUICK.silent_dbfs:.0f} dBFS")]
        drawing.row("sound, dBFS", measured.levels, SILENCE_DBFS, -20, limit)
    drawing.alarm(run)
    return drawing.svg(run.case.name)


def slug(case: Case) -> str:
    """The drawing's file name."""
    return "".join(letter if letter.isalnum() else "-" for letter in case.name.lower()).replace("--", "-")


def told(raised: AlarmRaised | None) -> str:
    """What people read."""
    return f"`{raised.kind}`: {raised.detail}" if raised else "none"


def main(folder: Path) -> None:
    """Play all cases, draw them, print the table."""
    folder.mkdir(parents=True, exist_ok=True)
    forks = Forks()
    with tempfile.TemporaryDirectory() as place:
        runs = run_all(forks, Path(place))
        print("| camera | alarm | after | told |\n|---|---|---|---|")
        for run in runs:
            (folder / f"{slug(run.case)}.svg").write_text(draw(run), encoding="utf-8")
            raised = run.raised[0] if run.raised else None
            delay = f"{raised.since - run.film_at - run.case.since:+.1f} s" if raised else "-"
            print(f"| {run.case.name} | {run.case.alarm or 'none'} | {delay} | {told(raised)} |")
    forks.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
