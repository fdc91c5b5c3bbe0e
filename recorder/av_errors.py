"""What PyAV raises: FFmpeg's errors, errors of our own callbacks in its clothes, and plain ones for wrong arguments."""

from __future__ import annotations

import av

AV_ERRORS = (av.FFmpegError, OSError, ValueError)
