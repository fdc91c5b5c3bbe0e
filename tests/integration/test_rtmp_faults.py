"""What media servers do to a push, each on a channel of its own and all at once: what the command is answered, what
people see, how it comes back, and what the recordings beside it lose (nothing).

`pytest -s` prints the table of docs/live.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from agent.channels.view import view_of
from agent.cli.status import channel_lines
from agent.doctor.examine import Daemon, _pushes
from agent.monitoring.metrics import Exposition
from agent.monitoring.tally import Tally
from agent.mqtt.messages import state_messages
from agent.mqtt.topics import Topics
from agent.schedule.reconciler import Desired, Due
from agent.status import ChannelView, DaemonView
from agent.vitals import LoopLag, consumption
from agent.wire.models import Answer, WireCamera
from agent.words import Words
from recorder.packets import TrackKind
from recorder.protocol import SliceClosed
from recorder.specs import Tuning
from tests.agent.commanded import Agent
from tests.agent.rooms import recorded_sec, rooms_in
from tests.media import MakeSample, packet_hashes
from tests.servers.flv_targets import flv_target
from tests.servers.proxy import Line, Proxy
from tests.servers.rtmp_nginx import rtmp_server
from tests.servers.tls_front import tls_front

pytestmark = pytest.mark.integration

KINDS: tuple[TrackKind, ...] = ("video", "audio")
LIMIT_SEC = 45.0
KEY, USER, PASSWORD = "SECRETkey", "SECRETuser", "SECRETpassword"
MOST_MB = 80
WATCHED = Tuning(slice_sec=0.0, inter_val=0, snap_sec=0.0)


class School:
    """Channels that record the same film, each with a push of its own."""

    def __init__(self, agent: Agent, film: Path) -> None:
        self.agent, self.film = agent, film
        self.seen: list[str] = []

    async def channels(self, count: int) -> None:
        """Channels 1 to `count`, online and recording."""
        fleet = self.agent.rooms.fleet
        for number in range(1, count + 1):
            camera = WireCamera(camera_id=number, camera_name=f"R{number}", stream_prop=1, stream_mp4=str(self.film))
            fleet.channels[number] = channel = self.agent.rooms.channel(camera)
            self.agent.rooms.state.put_camera(camera)
            now = self.agent.rooms.clock.wall()
            lesson = Due(f"course:{number}:1", number, number, now, None, title="课")
            channel.want(Desired(connect=True, reconnect=True, due=(lesson,)), WATCHED)
        await self.agent.rooms.until(lambda: all(one.recording for one in fleet.channels.values()))
        await self.agent.rooms.until(lambda: all(recorded_sec(one) > 1 for one in fleet.channels.values()))

    @property
    def pids(self) -> list[int]:
        """The recorder processes."""
        return [pid for channel in self.agent.rooms.fleet.channels.values() if (pid := channel.pid) is not None]

    async def ask(self, camera_id: int, url: str) -> tuple[Answer, float]:
        """The answer to `start_live`, and the seconds it took."""
        began = time.monotonic()
        answer = await self.agent.answer("start_live", camera_id=camera_id, push_url=url, lease_sec=300)
        return answer, time.monotonic() - began

    async def until(self, camera_id: int, state: str, cause: str | None = None, *, since: float | None = None) -> float:
        """Until its push has come to this state (for this cause) at or after `since` (now); the seconds from there."""
        began = time.monotonic() if since is None else since
        wanted, found = (camera_id, state, cause), list[float]()

        def told() -> bool:
            found[:] = [
                one["at"] - began
                for one in self.agent.relayed
                if one["at"] >= began and wanted == (one["camera_id"], one["state"], one["cause"])
            ]
            return bool(found)

        await self.agent.until(told)
        return found[0]

    async def stop(self, camera_id: int) -> float:
        """Seconds that `stop_live` took; nothing of it is left then."""
        push = self.agent.lives._pushes[camera_id]
        pid = push._attempt._process.pid if push._attempt else None
        began = time.monotonic()
        assert await self.agent.ok("stop_live", camera_id=camera_id) == {"camera_id": camera_id, "was_live": True}
        took = time.monotonic() - began
        assert self.agent.lives.view(camera_id) is None
        assert pid is None or not lives(pid), "its process is left"
        return took

    def look(self, camera_id: int) -> ChannelView:
        """The channel as views have it; what people and programs are shown of it is kept in `seen`."""
        channel = self.agent.rooms.fleet.channels[camera_id]
        view = view_of(channel, wanted=True, live=self.agent.lives.view(camera_id))
        whole = DaemonView(now=self.agent.rooms.clock.wall(), version="0", pid=1, channels=(view,))
        metrics, _ = Exposition(whole, Tally(), consumption(), LoopLag(), clock_steps=0, is_ready=True).text("")
        self.seen += [
            view.model_dump_json(),
            metrics.decode(),
            repr(state_messages(whole, Topics.of("gather", "a1"))),
            *(f"{finding.as_json(language)}" for finding in _pushes(Daemon(whole)) for language in ("en", "zh")),
            *("\n".join(channel_lines(view, whole.now, Words(language))) for language in ("en", "zh")),
        ]
        return view

    def processes(self) -> dict[int, int]:
        """The resident memory of each live process in MB, by its number. What others see of it is kept in `seen`."""
        found = {}
        for push in self.agent.lives._pushes.values():
            if push._attempt is not None:
                pid = push._attempt._process.pid
                with contextlib.suppress(OSError):
                    folder = Path(f"/proc/{pid}")
                    shown = [(folder / name).read_bytes().decode() for name in ("comm", "cmdline", "environ", "status")]
                    self.seen += shown
                    found[pid] = int(shown[-1].partition("VmRSS:")[2].split()[0]) // 1024
        return found

    async def recorded(self) -> int:
        """End all recordings; the packets in them: what the camera sent, none missing, none twice."""
        rooms, count = self.agent.rooms, 0
        for channel in rooms.fleet.channels.values():
            channel.want(Desired(connect=True, reconnect=True), WATCHED)
        closed: list[SliceClosed] = []

        def all_closed() -> bool:
            closed[:] = [one for one in rooms.events if isinstance(one, SliceClosed)]
            return len(closed) == len(rooms.fleet.channels)

        await rooms.until(all_closed)
        for kind in KINDS:
            source = packet_hashes(self.film, kind)
            for one in closed:
                recorded = packet_hashes(one.facts.path, kind)
                begin = source.index(recorded[0])
                assert recorded == [source[(begin + n) % len(source)] for n in range(len(recorded))]
                count += len(recorded)
        return count


def lives(pid: int) -> bool:
    """Whether there is such a process."""
    return Path(f"/proc/{pid}").exists()


def held(pid: int) -> tuple[int, int]:
    """A process's descriptors and threads; of this one, in which the servers are as well, what stands for processes."""
    descriptors = list(Path(f"/proc/{pid}/fd").iterdir())
    if pid == os.getpid():
        processes = sum(os.path.lexists(one) and "pidfd" in str(one.readlink()) for one in descriptors)
        return processes, len(asyncio.all_tasks())
    return len(descriptors), len(list(Path(f"/proc/{pid}/task").iterdir()))


async def looking(condition: Callable[[], bool]) -> None:
    """Until it is so: a matter of processes, which only looking tells."""
    async with asyncio.timeout(LIMIT_SEC):
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.1)


async def holds_no_more_than(before: dict[int, tuple[int, int]]) -> None:
    """Daemon and recorders come back to the descriptors and threads that they had."""

    def come_back() -> bool:
        return not any(now > then for pid, had in before.items() for now, then in zip(held(pid), had, strict=True))

    try:
        await looking(come_back)
    except TimeoutError:
        now = {pid: held(pid) for pid in before}
        raise AssertionError(
            f"descriptors and threads of {os.getpid()} and its recorders: {before}, now {now}"
        ) from None


@pytest.fixture
async def school(
    tmp_path: Path, sample: MakeSample, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> AsyncIterator[School]:
    """Whatever happens in it, nobody is told a key, a user or a password."""
    caplog.set_level(logging.DEBUG)
    async with rooms_in(tmp_path) as rooms:
        film = sample(seconds=8, gop_sec=0.2, width=1280, height=720)
        school = School(Agent(rooms, tmp_path, str(tmp_path / "good" / "ca.pem")), film)
        yield school
        await school.agent.lives.close()
    said = capfd.readouterr()
    told = [said.out, said.err, caplog.text, *map(repr, school.agent.told), *map(repr, school.agent.relayed)]
    for text in [*told, *school.seen]:
        for secret in (KEY, USER, PASSWORD):
            assert secret not in text


def secret(url: str) -> str:
    """The address with a key and a user."""
    return url.replace("://", f"://{USER}:{PASSWORD}@", 1) + f"?key={KEY}"


async def test_servers_that_never_take_the_stream(school: School, tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()
    with (
        rtmp_server(tmp_path / "late", away=True) as late,
        rtmp_server(tmp_path / "nginx") as nginx,
        flv_target("silent") as silent,
        flv_target("shake_hands") as shakes_hands,
        tls_front(tmp_path / "good", nginx.port, "127.0.0.1") as good,
        tls_front(tmp_path / "bad", nginx.port, "127.0.0.1") as bad,
    ):
        rows = {
            "away": (late.url("room"), "unreachable"),
            "its name is not known": ("rtmp://media.invalid/live/room", "unresolved"),
            "says 403 to the key": (nginx.url("room", "guarded"), "refused"),
            "no such application": (nginx.url("room", "nosuch"), "refused"),
            "nobody may publish": (nginx.url("room", "closed"), "refused"),
            "takes the connection, says nothing": (silent.url("live/room", "rtmp"), "timeout"),
            "shakes hands, says nothing more": (shakes_hands.url("live/room", "rtmp"), "timeout"),
            "a certificate of nobody": (f"rtmps://127.0.0.1:{bad.port}/live/room", "tls"),
            "a certificate of the own authority": (f"rtmps://127.0.0.1:{good.port}/live/safe?key={KEY}", ""),
            "takes everything": (nginx.url("busy") + f"?key={KEY}", ""),
            "somebody else publishes there": (nginx.url("busy") + f"?key={KEY}", "refused"),
        }
        await school.channels(len(rows))
        before = {pid: held(pid) for pid in (os.getpid(), *school.pids)}
        # The last one comes when the other is there.
        *first, last = [(n, url if KEY in url else secret(url)) for n, (url, _) in enumerate(rows.values(), 1)]
        began = time.monotonic()
        asked = await asyncio.gather(*(school.ask(*one) for one in first))
        asked.append(await school.ask(*last))
        print("\n| the server | cause | answered after | said |\n|---|---|---|---|")
        for number, ((name, (url, cause)), (answer, took)) in enumerate(zip(rows.items(), asked, strict=True), 1):
            school.seen.append(answer.model_dump_json())
            print(f"| {name} | {cause or 'live'} | {took:.1f} s | {answer.err_msg} |")
            if not cause:
                await school.until(number, "live", since=began)
                continue
            await school.until(number, "waiting", cause, since=began)
            # A machine that is busy beyond measure may not know it yet.
            assert (answer.err_code, answer.data["cause"]) in ((10008, cause), (10008, "pending")), (name, answer)
            host = url.split("/")[2]
            assert f"://{host}/" in answer.err_msg
            assert all(answer.data[language] for language in ("en", "zh"))
            view = school.look(number)
            assert view.live is not None
            assert host in view.live.target
            assert ("处理：" in school.seen[-1]) == (view.live.state == "waiting")
        # What hangs is ended while it hangs.
        for number in (6, 7):
            await school.until(number, "connecting")
            school.processes()
            print(f"stopped while it hangs: {await school.stop(number):.1f} s")
        began = time.monotonic()
        late.start()
        await school.stop(10)
        print(f"live after it came: {await school.until(1, 'live', since=began):.1f} s")
        print(f"live after the other one went: {await school.until(11, 'live', since=began):.1f} s")
        print(f"memory: {sorted(school.processes().values())} MB")
        await school.agent.lives.close()
        await holds_no_more_than(before)
        print(f"recorded beside it: {await school.recorded()} packets, none missing")


async def test_servers_that_fail_while_they_take_it(school: School, tmp_path: Path) -> None:
    rate = school.film.stat().st_size / 8
    with (
        rtmp_server(tmp_path / "frozen") as frozen,
        rtmp_server(tmp_path / "restarted") as restarted,
        rtmp_server(tmp_path / "well") as well,
    ):
        cut, slow = Proxy(("127.0.0.1", well.port)), Proxy(("127.0.0.1", well.port))
        slow.line, slow.window = Line(rate=rate / 4), 32 << 10
        async with cut.serve(), slow.serve():
            urls = [
                frozen.url("a"),
                frozen.url("b"),
                restarted.url("c"),
                f"rtmp://127.0.0.1:{cut.port}/live/d",
                f"rtmp://127.0.0.1:{slow.port}/live/e",
                well.url("f"),
            ]
            await school.channels(len(urls))
            before = {pid: held(pid) for pid in (os.getpid(), *school.pids)}
            asked = await asyncio.gather(*(school.ask(n, f"{url}?key={KEY}") for n, url in enumerate(urls, 1)))
            assert [answer.err_code for answer, _ in asked] == [0] * len(urls), asked
            # Somebody else looks at what is live already: nothing is made anew.
            processes = school.processes().keys()
            assert (await school.ask(6, f"{well.url('f')}?key={KEY}"))[0].err_code == 0
            assert school.processes().keys() == processes

            began = time.monotonic()
            frozen.signal(signal.SIGSTOP)
            restarted.stop()
            cut.cut()
            noticed = await school.until(4, "waiting", "ended", since=began)
            back = await school.until(4, "live", since=began)
            print(f"\ncut: noticed after {noticed:.1f} s, live again after {back:.1f} s")
            noticed = await school.until(3, "waiting", "ended", since=began)
            await school.until(3, "waiting", "unreachable", since=began)
            again = time.monotonic()
            restarted.start()
            back = await school.until(3, "live", since=again)
            print(f"restarted: noticed after {noticed:.1f} s, live {back:.1f} s after it came")
            noticed = await school.until(1, "waiting", "stalled", since=began)
            print(f"hangs: noticed after {noticed:.1f} s; another stopped in {await school.stop(2):.1f} s", end="")
            await school.until(1, "waiting", "timeout", since=began)
            school.look(1)
            again = time.monotonic()
            frozen.signal(signal.SIGCONT)
            print(f", live {await school.until(1, 'live', since=again):.1f} s after it went on")

            await looking(lambda: (live := school.look(5).live) is not None and live.skipped > 0)
            view = school.look(5).live
            assert view is not None
            assert view.state == "live"
            late = (view.sent_bytes - slow.up) / (rate / 4)
            print(f"slow: live at {rate / 4000:.0f} of {rate / 1000:.0f} KB/s, {view.skipped} packets left out", end="")
            print(f", {late:.1f} s on the way; stopped in {await school.stop(5):.1f} s")
            moved = await school.ask(6, f"{well.url('g')}?key={KEY}")
            assert moved[0].err_code == 0
            print(f"moved to another place: {moved[1]:.1f} s")
            print(f"memory: {sorted(school.processes().values())} MB")
            assert max(school.processes().values()) < MOST_MB
            # Whoever was not touched was live all along.
            words = [one["state"] for one in school.agent.relayed if one["camera_id"] == 6]
            assert words == ["connecting", "live"] * 2
            await school.agent.lives.close()
            await holds_no_more_than(before)
            print(f"recorded beside it: {await school.recorded()} packets, none missing")
