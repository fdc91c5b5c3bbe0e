"""Makes recorder processes in milliseconds: loads PyAV once, then forks for each request.

    python -m recorder.process.forkserver FD

FD is one end of a `SOCK_SEQPACKET` socket pair.  A request is `{"id": n}` with one descriptor, the socket of the new
recorder, and is answered by `{"id": n, "pid": p}`.  A recorder's end is told as `{"exited": p, "status": s}`, negative
for a signal.  When the other end closes, the server waits for its recorders, which see their own sockets end, and
exits.  Recorders outlive a fork server that dies.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
import time
import traceback

from recorder.process import allocator, worker
from recorder.process.warmup import warm_up
from recorder.process_name import name_process

LINGER_SEC = 10.0
"""So long the server waits for its recorders when the daemon is gone."""
_MESSAGE_BYTES = 4096


class ForkServer:
    """One thread, one process; `serve` returns when the daemon is gone."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._children: set[int] = set()
        self._wake_out, self._wake_in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def serve(self) -> None:
        """Until the other end closes."""
        self._take_signals()
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        poll.register(self._wake_out, select.POLLIN)
        try:
            while True:
                ready = dict(poll.poll())
                if self._wake_out in ready:
                    os.read(self._wake_out, _MESSAGE_BYTES)
                    self._reap()
                if self._sock.fileno() in ready and not self._request():
                    return
        except ConnectionError:
            return  # the daemon went away while it was told something

    def linger(self) -> None:
        """The daemon is gone: let the recorders finish their files first."""
        self._sock.close()
        deadline = time.monotonic() + LINGER_SEC
        while self._children and (left := deadline - time.monotonic()) > 0:
            select.select([self._wake_out], [], [], left)
            self._children.difference_update(pid for pid, _ in _ended())

    def _take_signals(self) -> None:
        # The descriptor makes a signal readable; the handler itself has nothing to do.
        signal.set_wakeup_fd(self._wake_in, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # A terminal's ^C and a service manager reach the whole group: the daemon decides what ends, not they.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)

    def _request(self) -> bool:
        """One request; False at the end."""
        message, descriptors, _, _ = socket.recv_fds(self._sock, _MESSAGE_BYTES, 1)
        if not message:
            return False
        for descriptor in descriptors:
            try:
                pid = os.fork()
            except OSError as error:
                print(f"recorder.process.forkserver: cannot fork: {error}", file=sys.stderr, flush=True)  # noqa: T201
                pid = -1
            if pid == 0:
                self._become_recorder(descriptor)
            os.close(descriptor)
            if pid > 0:
                self._children.add(pid)
                self._sock.send(json.dumps({"id": json.loads(message)["id"], "pid": pid}).encode())
        return True

    def _become_recorder(self, descriptor: int) -> None:
        """In the child: nothing of the server is left, and nothing returns into it."""
        status = worker.FAILED
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(self._wake_in)
            os.close(self._wake_out)
            self._sock.close()
            name_process("gather-recorder")
            worker.run(socket.socket(fileno=descriptor))
            status = 0
        except BaseException:  # noqa: BLE001 - the child must end here, whatever happened
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)

    def _reap(self) -> None:
        for pid, status in _ended():
            self._children.discard(pid)
            self._sock.send(json.dumps({"exited": pid, "status": status}).encode())


def _ended() -> list[tuple[int, int]]:
    """The children that have ended, each with its status."""
    ended: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended.append((pid, os.waitstatus_to_exitcode(status)))


def main() -> None:
    """The process as the daemon starts it."""
    sock = socket.socket(fileno=int(sys.argv[1]))
    sock.set_inheritable(False)
    name_process("gather-forks")
    allocator.be_frugal()
    warm_up()
    gc.collect()
    gc.freeze()  # what is loaded stays shared: the collector of a recorder does not write into its pages
    server = ForkServer(sock)
    server.serve()
    server.linger()


if __name__ == "__main__":
    main()
