"""What the HTTP library logs, made fit for people: a request that is none is one line, without its tokens."""

from __future__ import annotations

import logging

from aiohttp.http_exceptions import HttpProcessingError


class _WithoutWhatWasSent(logging.Filter):
    """The library's errors quote the line that it could not read, and addresses of API v1 hold tokens."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            record.msg, record.args = f"{record.getMessage()}: %s", (type(error).__name__,)
            record.levelno, record.levelname = logging.INFO, "INFO"  # anybody can send such
            record.exc_info = record.exc_text = None
        return True


def http_logger() -> logging.Logger:
    """The logger for a server's connections."""
    logger = logging.getLogger("agent.standalone.http")
    if not any(isinstance(one, _WithoutWhatWasSent) for one in logger.filters):
        logger.addFilter(_WithoutWhatWasSent())
    return logger
