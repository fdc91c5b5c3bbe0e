"""Live on demand, the daemon's side: which channel is pushed where, for how long, and the live processes that do it."""

from agent.live.lease import Lease
from agent.live.lives import ANSWER_SEC, Lives, LiveSetup, PushFailed

__all__ = ["ANSWER_SEC", "Lease", "LiveSetup", "Lives", "PushFailed"]
