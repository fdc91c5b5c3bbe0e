"""Sound beside its picture, for as long as a connection lasts: by the sender reports of both tracks (RFC 3550, 6.4.1).

Often the picture's stamps come from the camera's clock and the sound's from the quartz of its converter: 100 ppm
between them are a second in three hours.  Each report says which instant of the camera's clock a stamp is; where the
zeros of both tracks lie on that clock, and how that changes, is how far they have drifted apart.
"""

from __future__ import annotations

from collections import deque
from statistics import median

from recorder.source.rtsp.stamps import Report, StampClock

SKEW_SEC = 0.1
"""At the beginning of a connection the sound is moved, at once, if it is farther from its picture than this."""
DRIFT_SEC = 0.04
"""Later it is moved, little by little, if it is farther than this: what people notice begins there (ITU-R BT.1359)."""
LEAP_SEC = 0.5
"""More at once is no drift: a camera's clock was set between two reports, or what they say is nonsense."""
_NONSENSE_SEC = 10.0
_MEMORY = 9
"""So many reports tell together: cameras write them a frame too early or too late."""


class LipSync:
    """Without I/O. The picture stays, coverage is told by it; the sound is moved."""

    def __init__(self, picture: StampClock, sound: StampClock) -> None:
        self._picture = picture
        self._sound = sound
        self._heard: tuple[Report | None, Report | None] = (None, None)
        self._base: float | None = None  # the skew at which sound and picture are together
        self._drift = 0.0  # how far they have drifted apart since, as far as it was mended
        self._recent: deque[float] = deque(maxlen=_MEMORY)  # skews without what is mended

    def belongs_to(self, picture: StampClock, sound: StampClock) -> bool:
        """Whether these are the clocks: a camera that starts anew within a connection gets others."""
        return self._picture is picture and self._sound is sound

    def follow(self) -> None:
        """Hear what has been reported since."""
        picture, sound = self._picture.report, self._sound.report
        if picture is None or sound is None or picture is self._heard[0] or sound is self._heard[1]:
            return  # both must have said something new
        self._heard = (picture, sound)
        skew = self._skew()
        if self._base is None:
            self._base = 0.0
            if abs(skew) >= _NONSENSE_SEC:
                self._base = skew
            elif abs(skew) > SKEW_SEC:
                self._sound.move(skew)
            return
        self._recent.append(skew - self._base + self._sound.drift_sec)
        if len(self._recent) < _MEMORY:
            return
        apart = median(self._recent)
        if abs(apart - self._drift) > LEAP_SEC:
            self._base += apart - self._drift
            self._recent.clear()
        elif abs(apart - self._drift) > DRIFT_SEC:
            self._drift = apart
            self._sound.drift_to(apart)

    def _skew(self) -> float:
        """How much later the sound is by the reports than by our stamps, in seconds."""
        leading, following = self._picture.reported_zero_sec, self._sound.reported_zero_sec
        assert leading is not None
        assert following is not None
        return following - leading
