"""
Read and write files of folders that may come from anywhere: regular files of this user only, bounded, and no link is followed.

Run folders travel: as artifacts of CI, on shared disks, from colleagues. Whoever can write to one chooses what stands in it, so every reader
of a run's folder opens its files here, and every command that acts on one looks first whose it is.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path

MOST_TEXT_BYTES = 64 << 20
"""No plan, description or history of one writer is larger: a history of a week has some megabytes."""
MOST_ROWS_BYTES = 512 << 20
"""No file of request rows or metrics is larger: about ten million requests."""

_FOLDERS = ("history", "logs")
"""What is a folder in every run's folder."""


class ToldError(OSError):
    """An error of a file whose text is a whole sentence."""

    def __init__(self, text: str, number: int | None = 0) -> None:
        """Keep the sentence where an ``OSError`` has the system's."""
        super().__init__(number, text)

    def __str__(self) -> str:
        """Return the sentence alone."""
        return str(self.strerror)


class UnsafeError(ToldError):
    """A file or folder is not taken as it is; the text says why, and what to do."""


def open_regular(path: Path, *, most_bytes: int = MOST_TEXT_BYTES) -> int:
    """
    Open a file for reading, without waiting for anybody, and return its descriptor.

    Raises:
        UnsafeError: It is no regular file, belongs to another user, can be written by others, or is larger than
            ``most_bytes``.
        OSError: It is not there, is a link, or cannot be opened.
    """
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise UnsafeError(f"{path} is no regular file")
        if status.st_size > most_bytes:
            raise UnsafeError(f"{path} has {status.st_size} bytes; at most {most_bytes} are read")
        _see_owner(path, status)
    except OSError:
        os.close(file)
        raise
    return file


def read_bytes(path: Path, *, most_bytes: int = MOST_TEXT_BYTES) -> bytes:
    """Return what a file holds, at most ``most_bytes`` even while it grows. Raises as ``open_regular``."""
    with os.fdopen(open_regular(path, most_bytes=most_bytes), "rb") as file:
        return file.read(most_bytes)


def read_text(path: Path, *, most_bytes: int = MOST_TEXT_BYTES) -> str:
    """Return a file's text. Raises as ``open_regular``, and ``UnicodeDecodeError``."""
    return read_bytes(path, most_bytes=most_bytes).decode("utf-8")


def open_to_append(path: Path) -> int:
    """
    Open a file for appending, or make it, and return its descriptor.

    Raises ``OSError`` for links and what is no regular file.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    file = os.open(path, flags, 0o644)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise UnsafeError(f"{path} is no regular file")
    return file


def write_text(path: Path, text: str, *, errors: str = "strict", mode: int = 0o644) -> None:
    """
    Write a file at once or not at all: whoever reads it sees the old text or the new one, whole. No link is followed.

    Raises:
        OSError: It cannot be written; nothing of it is left.
    """
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(file, "w", encoding="utf-8", errors=errors) as stream:
            stream.write(text)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def see_own(folder: Path) -> None:
    """
    Refuse a folder in which somebody else may have written.

    The folder and what lies directly in it as a folder must belong to this user, be no link, and be closed to writing for others; so must
    the folder around it, but whose that is does not matter, and one like ``/tmp``, in which nobody may rename what is
    another's, will do.

    Raises:
        UnsafeError: One of them is not so.
        OSError: One of them cannot be looked at.
    """
    around = folder.parent.stat()
    if _is_open(around) and not around.st_mode & stat.S_ISVTX:
        raise UnsafeError(_open(folder.parent, around))
    with os.scandir(folder) as entries:
        inner = [Path(entry) for entry in entries if entry.is_dir(follow_symlinks=False) or entry.name in _FOLDERS]
    for each in (folder, *inner):
        status = each.lstat()
        if not stat.S_ISDIR(status.st_mode):
            raise UnsafeError(f"{each} is no folder of its own")
        _see_owner(each, status)


def _see_owner(path: Path, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise UnsafeError(
            f"{path} belongs to another user ({_name(status.st_uid)}), so it is not trusted;"
            " look at it, and work on a copy of your own (cp -r)"
        )
    if _is_open(status):
        raise UnsafeError(_open(path, status))


def _open(path: Path, status: os.stat_result) -> str:
    mode = stat.S_IMODE(status.st_mode)
    return f"others can write to {path} (mode {mode:o}), so it is not trusted; look at it, then: chmod -R go-w {path}"


def _is_open(status: os.stat_result) -> bool:
    """Return whether others than the owner may write; a group that the owner alone is in does not count."""
    if status.st_mode & stat.S_IWOTH:
        return True
    return bool(status.st_mode & stat.S_IWGRP) and not _is_private(status.st_uid, status.st_gid)


def _is_private(uid: int, gid: int) -> bool:
    """
    Return whether a group is the user's private one.

    The same name, and nobody else in it (as Debian's sshd has it).
    """
    try:
        user, group = pwd.getpwuid(uid), grp.getgrgid(gid)
    except KeyError:
        return False
    return user.pw_gid == gid and group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
