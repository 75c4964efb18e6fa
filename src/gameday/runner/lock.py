"""One run at a time per system and place of its runs: two would measure each other."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gameday.record.locks import is_taken, take


class RefusedError(Exception):
    """A guardrail forbids the start; the text says which."""


class BusyError(RefusedError):
    """Another command holds the system."""


@contextmanager
def lock(out: Path, *, system: str, target: str) -> Iterator[None]:
    """
    Hold the system's lock within the block; the kernel lets it go when the process ends, however it ends.

    Raises:
        BusyError: Another run holds it.
        RefusedError: What lies in the lock's place is another user's, or no regular file.
    """
    with _opened(out, system, target) as file:
        try:
            take(file)
        except BlockingIOError:
            holder = os.pread(file, 100, 0).decode().strip() or "unknown"
            raise BusyError(
                f"another command holds {system} on {target} (process {holder}); wait for its end"
            ) from None
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield


def is_locked(out: Path, *, system: str, target: str) -> bool:
    """Return whether a run of the system goes on, or nobody can see it; one that begins meanwhile is not kept from it."""
    try:
        with _opened(out, system, target) as file:
            return is_taken(file)
    except RefusedError:
        return True


@contextmanager
def _opened(out: Path, system: str, target: str) -> Iterator[int]:
    if "/" in f"{system}{target}":  # no name of ours: a run's folder that says so was not written by a run
        raise ValueError(f"{system!r} on {target!r} is no name of a system and its target")
    out.mkdir(mode=0o755, parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    path = out / f".lock-{system}-{target}"
    try:
        file = os.open(path, flags, 0o644)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENAMETOOLONG}:
            raise
        why = "it is a link" if error.errno == errno.ELOOP else str(error.strerror)
        raise RefusedError(_unusable(path, system, target, why)) from error
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise RefusedError(_unusable(path, system, target, "it is no regular file"))
        yield file
    finally:
        os.close(file)


def _unusable(path: Path, system: str, target: str, why: str) -> str:
    lock_of = f"the lock of {system} on {target}, {path}, cannot be used: {why}"
    return f"{lock_of}; remove it, or keep the runs in another folder"
