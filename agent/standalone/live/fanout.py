"""One channel's picture on its way from the publisher to the viewers. No I/O.

A viewer begins with the headers and the last key-frame group.  Its own time begins at 0 and has no holes: where it was
too slow, and where another publisher took over, the next key frame follows at once on what it had.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from agent.standalone.live.flv import Kind, Tag, file_head

VIEWER_BYTES = 4 << 20
"""What may wait for one viewer."""
VIEWER_BEHIND_MS = 6000
"""A viewer for whom more media than this waits at a key frame goes on with that."""
GROUP_BYTES = 16 << 20
"""A key-frame group that is larger is not kept: new viewers wait for the next one."""
JOINT_MS = 40

Headers = tuple[Tag, ...]


class Viewer:
    """What waits for one viewer. `wake` is called when there is something to send, or it is over."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.over = False
        """The stream is another one now, or the channel is gone: the viewer has to come again."""
        self.cuts = 0
        """How often pictures were left out because it was slow."""
        self.size = 0
        self._wake = wake
        self._queue: deque[tuple[int, bytes]] = deque()
        self._headers: Headers = ()
        self._told: Headers = ()
        self._begun = False
        self._waits_for_key = True
        self._shift = 0
        self._next_at = 0

    def take(self, most: int) -> bytes:
        """What is to be sent next, about `most` bytes; empty where nothing waits."""
        pieces: list[bytes] = []
        taken = 0
        while self._queue and (not pieces or taken < most):
            _, piece = self._queue.popleft()
            pieces.append(piece)
            taken += len(piece)
        self.size -= taken
        return b"".join(pieces)

    def begin(self, headers: Headers, group: Iterable[Tag]) -> None:
        """The publisher's headers are these now, and its picture begins with `group` (or with the next key frame)."""
        if self._told and _codecs(headers) != _codecs(self._told):
            self.end()
            return
        self._headers = headers
        self._waits_for_key = True
        for tag in group:
            self.put(tag)

    def put(self, tag: Tag) -> None:
        """The next tag of the publisher."""
        if self.over:
            return
        opens = tag.is_key or not any(header.kind is Kind.VIDEO for header in self._headers)
        if self._waits_for_key and not opens:
            return
        if self._too_late(tag, opens):
            self._cut()
            if not opens:
                return
        if self._waits_for_key:
            self._waits_for_key = False
            self._shift = self._next_at - tag.at
            self._tell_headers()
        at = tag.at + self._shift
        if at < 0:
            return
        self._next_at = max(self._next_at, at + JOINT_MS)
        self._append(at, tag.written(at))
        self._wake()

    def end(self) -> None:
        """Nothing more will come."""
        self.over = True
        self._wake()

    def _too_late(self, tag: Tag, opens: bool) -> bool:
        if not self._queue:
            return False
        if self.size + len(tag.body) > VIEWER_BYTES:
            return True
        return opens and tag.kind is Kind.VIDEO and tag.at + self._shift - self._queue[0][0] > VIEWER_BEHIND_MS

    def _cut(self) -> None:
        """Throw away what waits; what comes next follows on what was sent."""
        self.cuts += 1
        self._next_at, first = self._queue[0]
        self._begun = self._begun and not first.startswith(b"FLV")
        self._queue.clear()
        self.size = 0
        self._waits_for_key = True
        self._told = ()  # they may be among what was thrown away

    def _tell_headers(self) -> None:
        if not self._begun:
            self._begun = True
            kinds = {header.kind for header in self._headers}
            self._append(0, file_head(video=Kind.VIDEO in kinds or not kinds, audio=Kind.AUDIO in kinds))
        for header in self._headers:
            if header.body not in {told.body for told in self._told}:
                self._append(self._next_at, header.written(self._next_at))
        self._told = self._headers

    def _append(self, at: int, data: bytes) -> None:
        self._queue.append((at, data))
        self.size += len(data)


class Broadcast:
    """One channel. One publisher at a time, and the newest is it."""

    def __init__(self) -> None:
        self.viewers: set[Viewer] = set()
        self._publisher: object | None = None
        self._headers: dict[Kind, Tag] = {}
        self._group: list[Tag] = []
        self._group_bytes = 0
        self._begun = False

    @property
    def live(self) -> bool:
        """Whether a picture comes."""
        return self._publisher is not None and self._begun

    def publish(self) -> object:
        """A new publisher, to be named in what it brings; the former one's word does not count any more."""
        self._publisher = object()
        self._headers.clear()
        self._forget_group()
        self._begun = False
        return self._publisher

    def is_publisher(self, publisher: object) -> bool:
        """Whether it is still the newest."""
        return self._publisher is publisher

    def unpublish(self, publisher: object) -> None:
        """It is gone. Viewers stay: it may come again in a moment."""
        if self.is_publisher(publisher):
            self._publisher = None
            self._forget_group()

    def take(self, publisher: object, tag: Tag) -> None:
        """A tag that it brings."""
        if not self.is_publisher(publisher) or tag.is_aside:
            return
        if tag.kind is Kind.SCRIPT or tag.is_header:
            changed = self._headers.get(tag.kind)
            self._headers[tag.kind] = tag
            if self._begun and (changed is None or changed.body != tag.body):
                self._forget_group()
                self._begin_all()
            return
        if not self._begun:
            self._begun = True
            self._begin_all()
        self._keep(tag)
        for viewer in list(self.viewers):
            viewer.put(tag)

    def join(self, wake: Callable[[], None]) -> Viewer:
        """A new viewer, who already has what there is."""
        viewer = Viewer(wake)
        self.viewers.add(viewer)
        if self._begun and self._publisher is not None:
            viewer.begin(self._all_headers(), self._group)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """A viewer is gone."""
        self.viewers.discard(viewer)

    def end(self) -> None:
        """The channel is gone."""
        self._publisher = None
        for viewer in list(self.viewers):
            viewer.end()

    def _begin_all(self) -> None:
        for viewer in list(self.viewers):
            viewer.begin(self._all_headers(), ())

    def _all_headers(self) -> Headers:
        return tuple(self._headers[kind] for kind in (Kind.SCRIPT, Kind.VIDEO, Kind.AUDIO) if kind in self._headers)

    def _keep(self, tag: Tag) -> None:
        if tag.is_key:
            self._forget_group()
        elif not self._group:
            return
        self._group.append(tag)
        self._group_bytes += len(tag.body)
        if self._group_bytes > GROUP_BYTES:
            self._forget_group()

    def _forget_group(self) -> None:
        self._group, self._group_bytes = [], 0


def _codecs(headers: Headers) -> dict[Kind, bytes]:
    return {header.kind: header.codec for header in headers if header.kind is not Kind.SCRIPT}
