"""The system calls by which slices and pictures reach the disk, in one place.

Whatever writes a recording calls them by way of this module (`disk_calls.pwrite(...)`): a test that notes what reached
the disk, or breaks it, puts others here.
"""

from __future__ import annotations

import os

open_file = os.open
close = os.close
pwrite = os.pwrite
pwritev = os.pwritev
pread = os.pread
fdatasync = os.fdatasync
fsync = os.fsync
rename = os.rename
unlink = os.unlink
mkdir = os.mkdir
