"""One run at a time per system and place of its runs: two would measure each other."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class RefusedError(Exception):
    """A guardrail forbids the start; the text says which."""


@contextmanager
def lock(out: Path, *, system: str, target: str) -> Iterator[None]:
    """
    Hold the system's lock within the block; the kernel lets it go when the process ends, however it ends.

    Raises:
        RefusedError: Another run holds it.
    """
    with _opened(out, system, target) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(file, 100, 0).decode().strip() or "unknown"
            raise RefusedError(
                f"another command holds {system} on {target} (process {holder}); wait for its end"
            ) from None
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield


def is_locked(out: Path, *, system: str, target: str) -> bool:
    """Tell whether a run of the system is going on."""
    with _opened(out, system, target) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


@contextmanager
def _opened(out: Path, system: str, target: str) -> Iterator[int]:
    out.mkdir(parents=True, exist_ok=True)
    file = os.open(out / f".lock-{system}-{target}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        yield file
    finally:
        os.close(file)
