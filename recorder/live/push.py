"""The live process: one connection to one server, fed with packets by a recorder process, from beginning to end.

It connects with the first key frame it is given, and ends when told to, when the feed or the daemon is gone, when the
server is lost, and when the channel's tracks change: the daemon then starts another.  It may be killed at any moment.
"""

from __future__ import annotations

import math
import select
import signal
import socket

from recorder.clocks import monotonic
from recorder.daemon_link import DaemonLink
from recorder.errors import ProtocolError, RefusedUrl
from recorder.live.connecting import STALL_SEC
from recorder.live.failures import PushEnded
from recorder.live.flv_output import FlvOutput
from recorder.live.framing import LivePacket, LiveTrack, Message, Skipped, Unframer
from recorder.live.target import Target, target_of
from recorder.process_name import name_process
from recorder.protocol import CloseChannel, LiveChanged, LivePulse, PushLive, Trouble

REACH_SEC = 3.5
"""So long its name may take to be found, and its port to answer."""
CONNECT_SEC = 6.5
"""Less than the daemon takes to answer a command (`agent.live.ANSWER_SEC`), so that the answer says what is wrong."""
PROOF_SEC = 0.5
"""nginx-rtmp says "publish" and hangs up right behind it on whom it does not let publish: so long an RTMP server has to
take the stream before it counts as live. The picture itself waits for nothing."""
HANG_SEC = STALL_SEC + 2.0
"""libav cannot be interrupted while it writes: the kernel's alarm ends the process."""
SLOWEST_BYTES = 8 << 10
"""A line that takes so many bytes a second only is slow and does not hang: a large key frame gets the time it needs."""
GOODBYE_SEC = 2.0
QUIET_SEC = 6.0
"""A server that has a publisher tells its viewers that there is a picture: without one for so long, it is let go."""
PULSE_SEC = 1.0
_READ_BYTES = 64 << 10


class Push:
    """One push. `feed` is the socket on which a recorder's tap sends."""

    def __init__(self, order: PushLive, feed: socket.socket, link: DaemonLink) -> None:
        self._order = order
        self._feed = feed
        self._link = link
        self._messages = Unframer()
        self._tracks: tuple[LiveTrack, ...] = ()
        self._output: FlvOutput | None = None
        self._sent_bytes = self._sent_packets = self._skipped = 0
        self._next_pulse = self._fed_at = 0.0
        self._proof_at = math.inf  # when an RTMP server has taken the stream for long enough
        self._told_waiting = False

    def run(self) -> None:
        """Until it is over; what ended it is the last thing told."""
        # The default action needs neither the interpreter nor its lock: a write that hangs in libav ends, too.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        self._next_pulse = monotonic() + PULSE_SEC
        try:
            target = target_of(self._order.push_url)
            while not self._stopped():
                self._receive(target)
            ended = LiveChanged("ended", "stopped")
        except PushEnded as error:
            ended = LiveChanged("ended", error.cause, str(error))
        except RefusedUrl as error:
            ended = LiveChanged("ended", "refused_url", str(error))
        except ProtocolError as error:
            ended = LiveChanged("ended", "changed", str(error))
        self._link.tell(self._pulse())
        self._link.tell(ended)
        self._link.flush(PULSE_SEC)
        if self._output is not None:
            signal.setitimer(signal.ITIMER_REAL, GOODBYE_SEC)
            self._output.close()
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _stopped(self) -> bool:
        """Wait for packets, for a while; whether the daemon wants no more."""
        now = monotonic()
        if now >= self._next_pulse:
            self._next_pulse = now + PULSE_SEC
            self._link.tell(self._pulse())
            if self._output is not None and now - self._fed_at > QUIET_SEC:
                raise PushEnded("no_picture", "the channel sends no picture any more")
            if self._output is None and not self._told_waiting:
                self._told_waiting = True
                self._link.tell(LiveChanged("waiting", "no_picture"))
        if self._output is not None and now >= self._proof_at:
            self._is_live(self._output)
        poll = select.poll()
        poll.register(self._feed, select.POLLIN)
        poll.register(self._link, select.POLLIN)
        poll.poll(max(0.0, min(self._next_pulse, self._proof_at) - monotonic()) * 1000)
        stop = any(isinstance(order, CloseChannel) for order in self._link.listen(0.0))
        return stop or self._link.ended

    def _receive(self, target: Target) -> None:
        try:
            data = self._feed.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            raise PushEnded("no_picture", "the channel's recorder process has ended")
        self._fed_at = monotonic()
        for message in self._messages.feed(data):
            self._take(target, message)

    def _take(self, target: Target, message: Message) -> None:
        if isinstance(message, LivePacket):
            if self._output is None:
                self._output = self._connect(target)
            signal.setitimer(signal.ITIMER_REAL, HANG_SEC + len(message.data) / SLOWEST_BYTES)
            sent = self._output.write(message)
            signal.setitimer(signal.ITIMER_REAL, 0)
            if sent:
                self._sent_packets += 1
                self._sent_bytes += len(message.data)
        elif isinstance(message, Skipped):
            self._skipped = message.packets
            if self._output is not None:
                self._output.rejoin()
        else:
            if self._output is not None:
                if message != self._output.tracks:
                    raise PushEnded("changed", "the channel's stream is another one now")
                self._output.rejoin()
            self._tracks = message

    def _connect(self, target: Target) -> FlvOutput:
        self._link.tell(LiveChanged("connecting"))
        self._link.flush(PULSE_SEC)
        signal.setitimer(signal.ITIMER_REAL, CONNECT_SEC)
        try:
            output = FlvOutput(
                target, self._tracks, token=self._order.token, ca_file=self._order.ca_file, limit_sec=REACH_SEC
            )
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if output.is_taken:
            self._is_live(output)
        else:
            self._proof_at = monotonic() + PROOF_SEC
        return output

    def _is_live(self, output: FlvOutput) -> None:
        output.is_taken, self._proof_at = True, math.inf
        if output.but[0] == "left_out":
            self._link.tell(Trouble("live", output.but[1]))
        self._link.tell(LiveChanged("live", *output.but))
        self._link.flush(PULSE_SEC)

    def _pulse(self) -> LivePulse:
        return LivePulse(self._sent_packets, self._sent_bytes, self._skipped)


def push(order: PushLive, link: DaemonLink) -> None:
    """Be this push; the descriptor of the feed came with the order."""
    name_process("gather-live")
    with socket.socket(fileno=link.take_descriptor()) as feed:
        feed.setblocking(False)
        Push(order, feed, link).run()
