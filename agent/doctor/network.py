"""How far one gets towards a host: name, port. Blocking; for a thread."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass
from typing import Literal

Obstacle = Literal["", "no_dns", "closed", "no_route", "no_answer"]
REACH_SEC = 5.0
_OBSTACLES: dict[int, Obstacle] = {errno.ECONNREFUSED: "closed", errno.ENETUNREACH: "no_route"}


@dataclass(frozen=True, slots=True)
class Reached:
    """The obstacle, empty when a TCP connection came about, and what the system said to it."""

    obstacle: Obstacle
    why: str = ""


def reach(host: str, port: int, limit_sec: float = REACH_SEC) -> Reached:
    """Resolve and connect."""
    try:
        socket.create_connection((host, port), limit_sec).close()
    except socket.gaierror as failed:
        return Reached("no_dns", failed.strerror or str(failed))
    except UnicodeError:
        return Reached("no_dns", "not a host name")
    except TimeoutError:
        return Reached("no_answer", f"no answer within {limit_sec:.0f} s")
    except OSError as failed:
        obstacle = _OBSTACLES.get(failed.errno or 0, "no_answer")
        return Reached(obstacle, failed.strerror or str(failed))
    return Reached("")
