"""Processes as tests see and end them."""

from __future__ import annotations

import os
import signal

import psutil


def is_there(process: psutil.Process) -> bool:
    """
    Tell whether a process has not ended; one whose parent was killed may never be reaped in a container without an init.

    A first thread that has ended is no end: the others still hold the process's files and locks.
    """
    try:
        return process.is_running() and (process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1)
    except psutil.NoSuchProcess:
        return False


def kill_together(*pids: int) -> None:
    """Kill processes in one moment: they are stopped first, so that none of them sees the end of another."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in pids:
            os.kill(pid, number)
