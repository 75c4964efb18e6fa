"""
Locks on files that the kernel lets go when whoever holds one ends. Standard library only.

They belong to the open file, and can be looked at without being taken: a look never makes somebody else's attempt to take one fail.
"""

from __future__ import annotations

import fcntl
import os
import struct

_FLOCK = "hhqqi4x"
"""``struct flock`` of 64-bit Linux: kind, whence, start, length (0 to the end), process (0 for a lock of an open file)."""


def take(file: int) -> None:
    """Take the lock of a file open for writing. Raises ``BlockingIOError`` when somebody else has it."""
    fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))


def is_taken(file: int) -> bool:
    """Return whether somebody else has the lock of an open file."""
    request = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_OFD_GETLK, request))[0]
    return int(kind) != fcntl.F_UNLCK
