"""
The file that a system which was left running is tied to. Standard library only.

The node keeps it locked, so that everybody can tell whether the system is up: the kernel lets the lock go when the node ends, however
it ends. Whoever removes the file ends the system.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from gameday.record.locks import is_taken, take

PERIOD_S = 1.0
"""How often the node looks whether its file is still there."""


class Stay:
    """The node's side: it holds the lock."""

    def __init__(self, path: Path) -> None:
        """Lock the file. Raises ``OSError`` when there is none, or another node holds it."""
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            take(self._file)
        except OSError:
            os.close(self._file)
            raise

    async def over(self) -> None:
        """Return when the file is gone, or another one is in its place."""
        ours = os.fstat(self._file)
        while True:
            try:
                there = self._path.stat()
            except OSError:
                return
            if (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino):
                return
            await asyncio.sleep(PERIOD_S)


def is_held(path: Path) -> bool:
    """Return whether a node that lives is tied to this file."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return is_taken(file)
    except OSError:  # no file that can be locked
        return False
    finally:
        os.close(file)
