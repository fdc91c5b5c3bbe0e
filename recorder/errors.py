"""Everything the recorder raises, in one tree.

RecorderError
+-- SourceError            a camera cannot be opened or went away; `cause` says why in one word
|   +-- RefusedUrl         an address of a scheme or form that is never opened
+-- FileError              a slice could not be written, synced, closed or repaired
|   +-- SyncFailed         the disk refused to make data durable: what was not synced counts as lost
|   +-- NotRepairable      nothing playable is in the file
+-- ProtocolError          a message between daemon and recorder process that does not parse
"""

from __future__ import annotations


class RecorderError(Exception):
    """Base of the tree."""


class SourceError(RecorderError):
    """A source could not be opened, or ended, or fell silent.

    `cause` is one of the words in `recorder.specs.Cause`; the message is for people and holds no secret.
    """

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class RefusedUrl(SourceError):
    """The address is of a scheme or form that this program never opens."""

    def __init__(self, message: str) -> None:
        super().__init__("refused_url", message)


class FileError(RecorderError):
    """A slice could not be written, synced, closed or repaired."""


class SyncFailed(FileError):
    """The disk refused to make data durable. What was written since the last sync counts as lost; never retried."""


class NotRepairable(FileError):
    """The file holds no playable fragment."""


class ProtocolError(RecorderError):
    """A message between the daemon and a recorder process does not parse."""
