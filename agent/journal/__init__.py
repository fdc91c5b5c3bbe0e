"""The journal: one SQLite file that knows every recording, slice and gap, and how far each is on its way to the server.

`schema` has the tables, `versions` what becomes of older ones, `file` opens and writes them, `rows` comes out of them,
`journal` has the operations, `threaded` is the door for asyncio.
"""

from agent.journal.journal import Journal
from agent.journal.rows import RecordingRow, SliceRow, SliceState, SnapshotRow
from agent.journal.threaded import JournalThread
from agent.journal.versions import JournalError

__all__ = [
    "Journal",
    "JournalError",
    "JournalThread",
    "RecordingRow",
    "SliceRow",
    "SliceState",
    "SnapshotRow",
]
