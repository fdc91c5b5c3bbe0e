"""A Debian that is booted: systemd as process 1 of namespaces of its own, with no network but what a test gives it.

A real unit under a real systemd: sandbox, watchdog, credentials, restarts and cgroups are the kernel's. What is not
there is a kernel and hardware of its own. Needs root, cgroup2 and debootstrap.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.faults.school import until

PACKAGES = "systemd,systemd-sysv,dbus,ca-certificates,iproute2,procps,python3,libstdc++6,zlib1g"
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
BOOT = r"""
set -e
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for one in $2; do touch "dev/$one"; mount --bind "/dev/$one" "dev/$one"; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs dev/shm
ip link set lo up
pivot_root . mnt
umount -l /mnt
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=journal
"""
ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive"}


def obstacle() -> str:
    """Why this machine cannot boot one, empty where it can."""
    if os.geteuid() != 0:
        return "needs root"
    if missing := [one for one in ("debootstrap", "unshare", "nsenter", "ip") if shutil.which(one) is None]:
        return f"apt-get install {' '.join(missing)}"
    return "" if cgroup2() is not None else "no cgroup2 is mounted"


def cgroup2() -> Path | None:
    """Where the unified hierarchy is."""
    rows = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    return next((Path(row[1]) for row in rows if row[2] == "cgroup2"), None)


def make_root(folder: Path) -> None:
    """A small Debian 12 with what the package depends on, so that its installation needs no network."""
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=900)
    folder.chmod(0o755)  # pytest's own folders are private, and this one is everybody's /
    (folder / "etc/hosts").write_text("127.0.0.1 localhost recorder.school.example\n")


class Booted:
    """One that runs; every command is noted for the transcript."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.transcript: list[str] = []
        self._init = 0

    def start(self) -> None:
        """Boot it, also once more after `pull_the_plug`."""
        tree = cgroup2()
        assert tree is not None
        self._group = tree / f"gather-test-{os.getpid()}"
        self._group.mkdir(exist_ok=True)
        enter = f"echo $$ > {self._group}/cgroup.procs; exec unshare --fork --pid --mount --uts --ipc --net --cgroup"
        script = f"{enter} --propagation private sh -c '{BOOT}' boot \"$@\""
        self._outer = subprocess.Popen(
            ["sh", "-c", script, "boot", str(self.root), " ".join(DEVICES)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        children = Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children")
        self._init = int(until("unshare forks", lambda: children.read_text().strip() or None))
        until("systemd is up", lambda: self.says("systemctl", "is-system-running") in ("running", "degraded") or None)

    def run(self, *command: str, quiet: bool = False, limit_sec: float = 180) -> subprocess.CompletedProcess[str]:
        """A command inside."""
        inside = ["nsenter", "-t", str(self._init), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w"]
        variables = [f"{name}={value}" for name, value in ENV.items()]
        done = subprocess.run(
            [*inside, "env", "-i", *variables, *command],
            capture_output=True,
            text=True,
            timeout=limit_sec,
            check=False,
            start_new_session=True,
        )
        if not quiet:
            said = (done.stdout + done.stderr).rstrip()
            self.transcript += [f"# {' '.join(command)}", *([said] if said else []), ""]
        return done

    def must(self, *command: str) -> str:
        """What it prints; a failure is shown."""
        done = self.run(*command)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def says(self, *command: str) -> str:
        """What it prints, whatever its exit code: for looking again and again."""
        return self.run(*command, quiet=True).stdout.strip()

    def unit(self, key: str) -> str:
        """A property of the service."""
        return self.says("systemctl", "show", "--value", f"--property={key}", "gather-agent.service")

    def pull_the_plug(self) -> None:
        """Everything in it ends at once, as with a power cut (but for what the kernel has not written yet)."""
        if self._init:  # 0 would be ourselves
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._init, signal.SIGKILL)
        self._outer.wait(60)
        with contextlib.suppress(OSError):
            for folder in sorted(self._group.rglob("*"), reverse=True):
                if folder.is_dir():
                    folder.rmdir()
            self._group.rmdir()


@contextlib.contextmanager
def booted(root: Path) -> Iterator[Booted]:
    """Booted for as long as the block runs."""
    machine = Booted(root)
    try:
        machine.start()
        yield machine
    finally:
        machine.pull_the_plug()
