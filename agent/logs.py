"""Logs: to stderr as text, as JSON or for the journal, and never with a secret in them.

Secrets are taken out of the finished line, so that neither a traceback nor a library's own message carries one.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TextIO

HIDDEN = "***"

_NAMES = (
    r"(?:[\w-]*(?:password|passwd|passphrase|token|unionid|secret|credential)"
    r"|(?:[a-z]+[_-])?pass|pwd|enrol_key|api_key)"
)
_PATTERNS = (
    # user:password@ of an address. A raw password may hold anything but blanks: rather too much hidden than too little.
    (r"(://[^\s/:@]*):(?!\d{1,5}/)\S*@", rf"\1:{HIDDEN}@"),
    (r"(\bauthorization[\"']?\s*[:=]\s*)[^\r\n]*", rf"\1{HIDDEN}"),
    (r"\b(Bearer)\s+[\w.~+/=-]{8,}", rf"\1 {HIDDEN}"),
    (rf"(?<![\w-])({_NAMES})=(?!\*)[^\s&\"',;)}}\]]+", rf"\1={HIDDEN}"),
    (rf"([\"']{_NAMES}[\"']\s*:\s*)([\"'])(?:\\.|(?!\2).)*\2", rf"\1\2{HIDDEN}\2"),
    (r"(/(?:token|unionid|password|device_pass)/)[^\s/?&\"']+", rf"\1{HIDDEN}"),  # API v1's form /name/value
)
_COMPILED = [(re.compile(pattern, re.IGNORECASE), instead) for pattern, instead in _PATTERNS]
_PRIORITIES = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}
_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_CHATTY = ("aiohttp.access", "apscheduler", "asyncio", "sqlalchemy", "websockets")

_known_secrets: set[str] = set()


def conceal(secret: str) -> None:
    """From now on this very text is hidden wherever it turns up. Texts too short to be a secret are ignored."""
    if len(secret) >= 6:
        _known_secrets.add(secret)


def redact(text: str) -> str:
    """The text without passwords in addresses, tokens, keys and secrets of queries."""
    for secret in _known_secrets:
        text = text.replace(secret, HIDDEN)
    for pattern, instead in _COMPILED:
        text = pattern.sub(instead, text)
    return text


def set_up(
    level: Literal["debug", "info", "warning", "error"],
    form: Literal["auto", "text", "json", "journal"],
    *,
    file: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> None:
    """Send what is logged to stderr, or to `file` (appended), in this form. Replaces what was set up before."""
    handler: logging.Handler = (
        logging.StreamHandler(sys.stderr) if file is None else logging.FileHandler(file, encoding="utf-8")
    )
    if form == "auto":
        form = "journal" if file is None and goes_to_journal(sys.stderr, os.environ if env is None else env) else "text"
    handler.setFormatter(_Redacting({"text": _text, "json": _json, "journal": _journal}[form]))
    root = logging.getLogger()
    for former in root.handlers[:]:
        root.removeHandler(former)
        former.close()
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.NOTSET if level == "debug" else logging.WARNING)
    logging.captureWarnings(True)


def goes_to_journal(stream: TextIO, env: Mapping[str, str]) -> bool:
    """Whether the stream is the very one that systemd connected to its journal (`$JOURNAL_STREAM`, systemd.exec(5))."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return env.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class _Redacting(logging.Formatter):
    def __init__(self, form: Callable[[logging.LogRecord, str, dict[str, Any]], str]) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + self.formatException(record.exc_info)
        if record.stack_info:
            message += "\n" + self.formatStack(record.stack_info)
        fields = {name: value for name, value in vars(record).items() if name not in _OWN_FIELDS}
        return redact(self._form(record, message, fields))


def _text(record: logging.LogRecord, message: str, fields: dict[str, Any]) -> str:
    moment = datetime.fromtimestamp(record.created, UTC).astimezone().isoformat(" ", "milliseconds")
    return f"{moment} {record.levelname.lower():7} {record.name}: {message}{_tail(fields)}"


def _journal(record: logging.LogRecord, message: str, fields: dict[str, Any]) -> str:
    priority = _PRIORITIES.get(record.levelno, 6)
    lines = f"{record.name}: {message}{_tail(fields)}".splitlines()
    return "\n".join(f"<{priority}>{line}" for line in lines)


def _json(record: logging.LogRecord, message: str, fields: dict[str, Any]) -> str:
    about = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": redact(message),  # before quotes are escaped, which would hide secrets from the patterns
    }
    return json.dumps(fields | about, ensure_ascii=False, default=str)


def _tail(fields: dict[str, Any]) -> str:
    return "".join(f" {name}={value}" for name, value in fields.items())
