"""The choice of the command, and how its failures become exit codes."""

from __future__ import annotations

import errno
import importlib
import io
import logging
import os
import sys
from collections.abc import Sequence

from agent.cli.arguments import language_wanted, parser
from agent.cli.exits import Exit, Stop
from agent.config import ConfigError
from agent.files import CannotUse, NewerFormat
from agent.logs import redact
from agent.words import Words

log = logging.getLogger(__name__)

_FILE_TROUBLE = {
    errno.EACCES: Exit.NO_PERMISSION,
    errno.EPERM: Exit.NO_PERMISSION,
    errno.EROFS: Exit.CANNOT_CREATE,
    errno.ENOSPC: Exit.CANNOT_CREATE,
    errno.ENOTDIR: Exit.CANNOT_CREATE,
    errno.EEXIST: Exit.CANNOT_CREATE,
    errno.EADDRINUSE: Exit.UNAVAILABLE,
    errno.EADDRNOTAVAIL: Exit.UNAVAILABLE,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the result is the process's exit code (`exits.Exit`)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Chinese must not end a recording
    typed = sys.argv[1:] if argv is None else argv
    args = parser(language_wanted(typed, os.environ)).parse_args(typed)
    try:
        # By name: `status` does not pay for the daemon, and only two commands load the embedded server.
        return int(importlib.import_module(f"agent.cli.{args.module}").run(args))
    except (ConfigError, NewerFormat, CannotUse) as error:
        print(redact(str(error)), file=sys.stderr)  # noqa: T201
        # The first two do not mend themselves: the unit does not start again.
        return Exit.CONFIG if isinstance(error, (ConfigError, NewerFormat)) else Exit.CANNOT_CREATE
    except Stop as stop:
        print(f"gather-agent: {redact(str(stop))}", file=sys.stderr)  # noqa: T201
        return stop.code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:  # whoever read the output has gone: nothing may be written any more, not even at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except OSError as error:
        if error.errno not in _FILE_TROUBLE:
            raise
        log.debug("ended by", exc_info=True)
        code = _FILE_TROUBLE[error.errno]
        said = redact(str(error))
        if code is Exit.NO_PERMISSION and os.geteuid() != 0:
            said = Words(language_wanted(typed, os.environ))("no_permission", path=error.filename, error=said)
        print(f"gather-agent: {said}", file=sys.stderr)  # noqa: T201
        return code
