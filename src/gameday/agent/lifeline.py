"""Tie a process to the one that started it, so that nothing outlives a run. Standard library only."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

from gameday.agent.waiting import readable

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36  # same
_LIBC = ctypes.CDLL(None, use_errno=True)


def die_with(parent_pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """
    Ask the kernel to send this process a signal when its parent is gone, and end at once when that has happened already.

    The tie is to the parent's thread that forked, and a change of user clears it: start children from the main thread, and call this
    after the user has been changed.

    Source:
        PR_SET_PDEATHSIG in prctl(2).
    """
    if _LIBC.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent_pid:
        os._exit(1)


def end_group_with(parent_pid: int) -> None:
    """
    End this process and all of its group when its parent is gone; in time even for what it starts later and knows nothing of it.

    For the leader of a group that runs somebody else's programs: the kernel's signal would reach the leader alone. A thread waits for the
    parent's end, whichever of the parent's threads has forked.
    """
    try:
        parent = os.pidfd_open(parent_pid)
    except ProcessLookupError:
        os._exit(1)
    if os.getppid() != parent_pid:
        os._exit(1)

    def follow() -> None:
        readable(parent)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=follow, name="lifeline", daemon=True).start()


def adopt_orphans() -> None:
    """
    Become the parent of every descendant whose own parent ends, so that this process can find them.

    Source:
        PR_SET_CHILD_SUBREAPER in prctl(2).
    """
    if _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def live_on() -> None:
    """Undo ``die_with``: this process may outlive the one that started it."""
    if _LIBC.prctl(_PR_SET_PDEATHSIG, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")


def tie(number: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """Return what ``subprocess.Popen`` must call in a child (``preexec_fn``) to tie it to the calling process."""
    parent_pid = os.getpid()
    return lambda: die_with(parent_pid, number)


def boot_id() -> str:
    """Return the kernel's name of this boot: start times and monotonic clocks of different boots do not compare."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def created_s(pid: int) -> float:
    """
    Return when a process started, in seconds since the boot; with its id and the boot it names the process for good.

    Raises:
        ProcessLookupError: There is no such process.

    Source:
        proc(5), field 22 of ``/proc/PID/stat``; the name in field 2 may hold blanks, so fields are counted behind its parenthesis.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise ProcessLookupError(f"no process {pid}") from error
    return int(stat.rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
