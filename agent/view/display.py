"""What a person sees while `gather-agent standalone` runs: a live page on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from agent.status import ChannelView, DaemonView, Happening
from agent.view.board import Board, SliceLine, Stage, queue_line, until, what_is
from agent.view.verdict import not_recording
from agent.words import Words, clock, megabytes

REFRESH_PER_SEC = 2.0
_PAGE_LINES = 18
"""Lines that the page needs beside its list of slices."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where this server is found. `to_do` says how its console gets an owner; empty where it has one."""

    console_url: str
    to_do: str = ""
    log_file: Path | None = None


class Display(Protocol):
    """A way to show what goes on."""

    board: Board

    def say(self, text: str) -> None:
        """Say a sentence."""

    def open(self, place: Place) -> None:
        """The server is up: say where."""

    def take(self, happening: Happening) -> None:
        """Something happened."""

    def show(self, view: DaemonView) -> None:
        """This is how it is now."""

    def close(self) -> None:
        """Show no more."""


def make_display(stream: TextIO, say: Words) -> Display:
    """The live page where the stream is a terminal that can show one, lines otherwise."""
    console = Console(file=stream)
    return LivePage(console, say) if console.is_terminal and not console.is_dumb_terminal else Lines(stream, say)


class Lines:
    """One line for each thing that happens, with the time of day."""

    def __init__(self, stream: TextIO, say: Words) -> None:
        self.board = Board(say)
        self._stream = stream

    def say(self, text: str) -> None:
        """Say a sentence."""
        print(self.board.say.time(time.time()), text, file=self._stream, flush=True)

    def open(self, place: Place) -> None:
        """Say where the server is."""
        words = self.board.say
        self.say(f"{words('console')}: {where(place)}")
        if place.log_file is not None:
            self.say(f"{words('log')}: {place.log_file}")

    def take(self, happening: Happening) -> None:
        """Say what happened."""
        if sentence := self.board.take(happening, time.time()):
            self.say(sentence)

    def show(self, view: DaemonView) -> None:
        """Say what is being recorded since the last view."""
        for sentence in self.board.show(view):
            self.say(sentence)

    def close(self) -> None:
        """Nothing to undo."""


class LivePage:
    """A page that is drawn anew twice a second, by its own thread: a terminal that stands still holds nothing up."""

    def __init__(self, console: Console, say: Words) -> None:
        self.board = Board(say)
        self._console = console
        self._place: Place | None = None
        self._last = ""
        self._closed = False
        self._live = Live(console=console, get_renderable=self._page, refresh_per_second=REFRESH_PER_SEC)

    def say(self, text: str) -> None:
        """Say a sentence: above the page, or on it while it is up."""
        if self._live.is_started:
            self._last = text
        else:
            self._console.print(text, markup=False, highlight=False)

    def open(self, place: Place) -> None:
        """Put the page up."""
        self._place = place
        self._live.start()

    def take(self, happening: Happening) -> None:
        """Something happened."""
        self.board.take(happening, time.time())

    def show(self, view: DaemonView) -> None:
        """This is how it is now."""
        self.board.show(view)

    def close(self) -> None:
        """Leave the last page standing."""
        self._closed = True
        self._live.stop()

    def _page(self) -> RenderableType:
        board, say = self.board, self.board.say
        parts: list[RenderableType] = [self._head(), Text()]
        if not self._closed:
            parts += [Text(sentence, style="bold") for sentence in board.headline()]
        if board.view is not None:
            parts += [Text(), channels_table(board.view, say, ended=self._closed)]
        if board.slices:
            room = max(3, self._console.height - _PAGE_LINES - (len(board.view.channels) if board.view else 0))
            parts += [Text(), slices_table(board, room)]
        parts += [Text()]
        parts += [Text(f"{say.time(at)}  {sentence}", style="dim") for at, sentence in list(board.news)[-4:]]
        if not self._closed:
            parts += [Text(self._last or say("ctrl_c"), style="yellow" if self._last else "dim italic")]
        return Group(*parts)

    def _head(self) -> RenderableType:
        say, view = self.board.say, self.board.view
        grid = Table.grid(padding=(0, 2))
        if self._place is not None:
            grid.add_row(say("console"), Text(self._place.console_url, style="bold cyan"))
            if self._place.to_do:
                grid.add_row("", Text(self._place.to_do))
            if self._place.log_file is not None:
                grid.add_row(say("log"), Text(str(self._place.log_file), style="dim"))
        if view is not None:
            link = say(f"link_{view.link}")
            grid.add_row(say("server"), Text(say("link_and_queue", link=link, queue=queue_line(view, say))))
        return grid


def where(place: Place) -> str:
    """The console's address, and what to do there first."""
    return f"{place.console_url}  ({place.to_do})" if place.to_do else place.console_url


def channels_table(view: DaemonView, say: Words, *, ended: bool = False) -> Table:
    """A row a channel: state, source and tracks, what records (nothing any more when the daemon has `ended`)."""
    table = Table(expand=True, box=None, header_style="dim", pad_edge=False)
    for key in ("channel", "state", "source", "recording"):
        table.add_column(say(key), overflow="ellipsis", no_wrap=True)
    for channel in view.channels:
        tracks = ", ".join(filter(None, (channel.video, channel.audio))) or channel.detail
        table.add_row(
            escape(f"{channel.camera_id} {channel.name}"),
            Text(say(channel.state), style="green" if channel.state == "online" else "yellow"),
            escape(f"{Path(channel.source).name or channel.source}  {tracks}"),
            Text() if ended else _recordings(channel, view.now, say),
        )
    return table


def _recordings(channel: ChannelView, now: float, say: Words) -> Text:
    text = Text()
    for recording in channel.recordings:
        if text:
            text.append("; ")
        if recording.began_at is None or not_recording(channel, recording, now):
            text.append(say("rec_due"), style="bold yellow")
        else:
            text.append("● ", style="bold red")
            text.append(say("rec", elapsed=clock(now - recording.began_at)), style="bold")
        text.append(f" {what_is(recording, say)}, {until(recording, say)}")
    return text


def slices_table(board: Board, room: int) -> RenderableType:
    """The latest finished slices, at most `room` of them, and how far each is."""
    say = board.say
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column(say("finished"))
    table.add_column(say("channel"))
    table.add_column(say("length"), justify="right")
    table.add_column(say("size"), justify="right")
    table.add_column(say("where"))
    lines = list(board.slices.values())
    for line in lines[-room:]:
        table.add_row(
            f"{say.time(line.started)}  #{line.slice_inx}",
            escape(board.name_of(line.camera_id)),
            clock(line.seconds),
            megabytes(line.size),
            _stage(line, say),
        )
    hidden = len(lines) - room
    return Group(table, Text(say("more", count=hidden), style="dim")) if hidden > 0 else table


def _stage(line: SliceLine, say: Words) -> Text:
    key, style = {
        Stage.ON_DISK: ("slice_disk", "yellow"),
        Stage.STORED: ("slice_stored", "cyan"),
        Stage.LISTED: ("slice_listed", "green"),
    }[line.stage]
    return Text(say(key), style=style)
