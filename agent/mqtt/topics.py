"""The topics below `<root>/<agent>/`. `docs/mqtt.md` lists them.

`agent` is the beginning of the agent's identity, which outlives names, addresses and registrations.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ORDERS = ("record", "snapshot", "camera", "preset")
_AGENT_CHARS = 12


@dataclass(frozen=True, slots=True)
class Topics:
    """The names of one agent's topics."""

    base: str
    node: str
    """The agent among Home Assistant's devices, of letters that topics of its discovery may have, whatever the root."""

    @classmethod
    def of(cls, root: str, agent_uid: str) -> Topics:
        """Those of the agent with this identity."""
        agent = agent_uid[:_AGENT_CHARS]
        return cls(f"{root}/{agent}", f"gather_{agent}")

    @property
    def status(self) -> str:
        """`online`, or `offline`: the last will."""
        return f"{self.base}/status"

    @property
    def state(self) -> str:
        """The agent as a whole."""
        return f"{self.base}/state"

    @property
    def events(self) -> str:
        """What just happened; not retained."""
        return f"{self.base}/event"

    def channel(self, camera_id: int) -> str:
        """A channel's state."""
        return f"{self.base}/channel/{camera_id}/state"

    def picture(self, camera_id: int) -> str:
        """A channel's picture, JPEG."""
        return f"{self.base}/channel/{camera_id}/picture"

    def order(self, camera_id: int, order: str) -> str:
        """Where an order for a channel is put."""
        return f"{self.base}/channel/{camera_id}/{order}/set"

    def answer(self, camera_id: int) -> str:
        """What became of an order; not retained."""
        return f"{self.base}/channel/{camera_id}/answer"

    @property
    def all_orders(self) -> str:
        """The filter for orders."""
        return f"{self.base}/channel/+/+/set"

    @property
    def all_channels(self) -> str:
        """The filter for what an earlier run may have left retained."""
        return f"{self.base}/channel/+/state"

    def is_ours(self, topic: str) -> bool:
        """Whether it is below this agent's own."""
        return topic == self.base or topic.startswith(f"{self.base}/")

    def order_in(self, topic: str) -> tuple[int, str] | None:
        """Channel and order of a topic; None for any other topic."""
        match = re.fullmatch(re.escape(self.base) + r"/channel/([0-9]{1,18})/(\w+)/set", topic)
        return (int(match[1]), match[2]) if match and match[2] in ORDERS else None

    def channel_in(self, topic: str) -> int | None:
        """The channel that a state belongs to."""
        match = re.fullmatch(re.escape(self.base) + r"/channel/([0-9]{1,18})/state", topic)
        return int(match[1]) if match else None
