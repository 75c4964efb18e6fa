"""The node's temporary folder: found again and removed when its owner died before it could do so."""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from gameday.record.marks import wait_for_end

_PREFIX = "gameday-run-"
_LOCK = "lock"
_LONGEST = 60  # characters of the folder's path: a socket's path is limited to 107
_YOUNG_S = 60.0  # a folder without a lock that is younger than this may be about to get one
_IPC_RMID = 0  # sys/ipc.h
_GONE_S = 5.0  # how long a killed process may take, one that waits for a disk included
_PID_FILE_BYTES = 4096


class Folder:
    """
    A temporary folder with a lock that the kernel releases when the owner dies.

    Attributes:
        path: Everybody may pass through it when root makes it, because the database runs as another user; what must stay
            private lies in folders of mode 0700.
    """

    def __init__(self) -> None:
        """Make the folder."""
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_base()))
        if os.geteuid() == 0:
            self.path.chmod(0o711)
        unborn = self.path / "lock.unborn"
        self._lock = os.open(unborn, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        unborn.rename(self.path / _LOCK)

    def remove(self) -> None:
        """Remove the folder; idempotent."""
        _remove(self.path)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def sweep() -> tuple[Path, ...]:
    """Remove the folders of this user whose owner is dead, and return them."""
    return tuple(path for path in _left_behind() if _remove(path))


def _left_behind() -> Iterator[Path]:
    for path in sorted(_base().glob(f"{_PREFIX}*")):
        with suppress(OSError):
            status = path.lstat()
            if status.st_uid != os.geteuid() or not stat.S_ISDIR(status.st_mode) or status.st_mode & 0o022:
                continue  # not one that was made here: somebody else may have written in it
            if not (path / _LOCK).exists():
                if time.time() - status.st_mtime > _YOUNG_S:
                    yield path
            elif _is_free(path / _LOCK):
                yield path


def _is_free(lock: Path) -> bool:
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(lock, flags), "rb+", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _base() -> Path:
    folder = Path(tempfile.gettempdir())
    passable = os.geteuid() != 0 or all(
        parent.stat().st_mode & 0o001 for parent in (folder.resolve(), *folder.resolve().parents)
    )
    return folder if passable and len(str(folder)) < _LONGEST else Path("/tmp")  # noqa: S108 - mkdtemp makes its name


def _remove(path: Path) -> bool:
    _end_what_is_left(path / "database")
    _free_shared_memory(path / "database" / "data" / "postmaster.pid")
    shutil.rmtree(path, ignore_errors=True)
    return not path.exists()


def _end_what_is_left(database: Path) -> None:
    """
    Kill what PostgreSQL has left in its folder, and wait until it has ended: only then is its shared memory nobody's.

    A process that was paused, or waited for a disk, when PostgreSQL itself ended has not heard of that.
    """
    held = list[int]()
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.name() == "postgres" and Path(process.cwd()).is_relative_to(database):
                held.append(os.pidfd_open(process.pid))
                if process.is_running():  # its number has not passed to another one
                    signal.pidfd_send_signal(held[-1], signal.SIGKILL)
    wait_for_end(held, within_s=_GONE_S)


def _free_shared_memory(pid_file: Path) -> None:
    """
    Free the segment that marks a data folder as used; a PostgreSQL that was killed leaves it behind. Its line 7 names it.

    One that somebody is attached to, or that belongs to another user than the file, is left alone.
    """
    with suppress(OSError, IndexError, ValueError):
        file = os.open(pid_file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(file, encoding="ascii") as text:
            owner = os.fstat(file).st_uid
            segment = int(text.read(_PID_FILE_BYTES).splitlines()[6].split()[1])
        if _is_abandoned(segment, owner):
            ctypes.CDLL(None).shmctl(segment, _IPC_RMID, None)


def _is_abandoned(segment: int, owner: int) -> bool:
    """
    Return whether a segment of shared memory belongs to a user and nobody uses it.

    Source: proc(5), ``/proc/sysvipc/shm``.
    """
    lines = Path("/proc/sysvipc/shm").read_text(encoding="ascii").splitlines()
    names = lines[0].split()
    found = (dict(zip(names, line.split(), strict=False)) for line in lines[1:])
    return any(
        int(each["shmid"]) == segment and int(each["uid"]) == owner and int(each["nattch"]) == 0 for each in found
    )
