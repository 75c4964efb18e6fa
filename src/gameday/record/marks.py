"""
Mark the processes of a run, and end only what carries the mark.

The mark is a variable in the environment of everything that a run starts, ``GAMEDAY_RUN_FOLDER``, and its value is where the run's folder
lies. So a folder can speak only for processes that were started by a run in this very place, whatever process ids stand
in it.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gameday.agent.lifeline import created_s

MARK = "GAMEDAY_RUN_FOLDER"


@contextmanager
def marked(folder: Path) -> Iterator[None]:
    """Mark all that is started within the block as belonging to a folder."""
    before = os.environ.get(MARK)
    os.environ[MARK] = str(folder.resolve())
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(MARK, None)
        else:
            os.environ[MARK] = before


def is_marked(pid: int, folder: Path) -> bool:
    """Return whether a process carries the mark of a folder; one of another user does not show it."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"{MARK}={folder.resolve()}".encode() in environment.split(b"\0")


def signal_marked(pid: int, number: signal.Signals, folder: Path, *, born_s: float | None = None) -> int | None:
    """
    Send a signal to a process that carries the mark of a folder, and to no other.

    The process is held by a descriptor before it is looked at, so that its number cannot pass to another one meanwhile.

    Args:
        pid: Its number.
        number: The signal.
        folder: Whose mark it must carry.
        born_s: When it began, in seconds since the boot; None where that does not matter.

    Returns:
        The descriptor of the process, to wait for its end and to be closed; None when it is gone or not one of the
        folder's.
    """
    if pid <= 1:
        return None
    with suppress(OSError, OverflowError):
        held = os.pidfd_open(pid)
        with suppress(OSError):
            if is_marked(pid, folder) and (born_s is None or created_s(pid) == born_s):
                signal.pidfd_send_signal(held, number)
                return held
        os.close(held)
    return None


def wait_for_end(held: list[int], *, within_s: float) -> None:
    """Wait until processes have ended, by their descriptors, which are closed; who may reap them does so."""
    poll = select.poll()
    for each in held:
        poll.register(each, select.POLLIN)
    until_s, left = time.monotonic() + within_s, len(held)
    while left and (rest_s := until_s - time.monotonic()) > 0:
        for ended, _ in poll.poll(rest_s * 1000):
            poll.unregister(ended)
            left -= 1
    for each in held:
        os.close(each)
