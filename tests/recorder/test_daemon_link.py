"""The recorder's end of the socket pair."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from recorder.daemon_link import DaemonLink
from recorder.errors import ProtocolError
from recorder.protocol import CloseChannel, EndRecording, Trouble, decode, encode

LIMIT_SEC = 10.0


@pytest.fixture
def pair() -> Iterator[tuple[DaemonLink, socket.socket]]:
    ours, theirs = socket.socketpair()
    link = DaemonLink(ours)
    with theirs:
        theirs.settimeout(LIMIT_SEC)
        yield link, theirs
    link.close()


def test_orders_in_pieces_come_whole_and_in_order(pair: tuple[DaemonLink, socket.socket]) -> None:
    link, daemon = pair
    first, second = encode(EndRecording(1)), encode(EndRecording(2))
    daemon.sendall(first[:5])
    assert list(link.listen(LIMIT_SEC)) == []
    daemon.sendall(first[5:] + second + b'{"type"')
    assert list(link.listen(LIMIT_SEC)) == [EndRecording(1), EndRecording(2)]


def test_orders_in_front_of_the_end_are_still_given(pair: tuple[DaemonLink, socket.socket]) -> None:
    link, daemon = pair
    daemon.sendall(encode(EndRecording(1)) + encode(CloseChannel()))
    daemon.close()
    orders = list(link.listen(LIMIT_SEC))
    while not link.ended:
        orders += link.listen(LIMIT_SEC)
    assert orders == [EndRecording(1), CloseChannel()]


def test_what_a_thread_tells_wakes_the_main_thread(pair: tuple[DaemonLink, socket.socket]) -> None:
    link, daemon = pair
    teller = threading.Thread(target=link.tell, args=(Trouble("word", "of a thread"),))
    teller.start()
    assert list(link.listen(LIMIT_SEC)) == []
    teller.join()
    with daemon.makefile("rb") as lines:
        assert decode(lines.readline()) == Trouble("word", "of a thread")


def test_a_daemon_that_does_not_listen_holds_up_nobody(pair: tuple[DaemonLink, socket.socket]) -> None:
    link, daemon = pair
    told = [Trouble("much", f"{n} " + "." * 1000) for n in range(2000)]
    for event in told:
        link.tell(event)
    link.flush(0.0)  # as much as the socket takes
    reader = threading.Thread(target=link.flush, args=(LIMIT_SEC,))
    reader.start()
    with daemon.makefile("rb") as lines:
        assert [decode(lines.readline()) for _ in told] == told
    reader.join()


def test_a_thread_may_outlive_the_link(pair: tuple[DaemonLink, socket.socket]) -> None:
    """A reader that hangs in a library wakes up when everything is closed, or somebody else's by then."""
    link, _ = pair
    link.close()
    link.tell(Trouble("late", "of a reader"))


def test_an_order_without_end_is_refused(pair: tuple[DaemonLink, socket.socket]) -> None:
    link, daemon = pair

    def send() -> None:
        with suppress(BrokenPipeError, ConnectionResetError):
            daemon.sendall(b"x" * (9 << 20))

    sender = threading.Thread(target=send)
    sender.start()
    with pytest.raises(ProtocolError, match="without end"):
        while True:
            list(link.listen(LIMIT_SEC))
    link.close()
    sender.join()
