"""End processes that activities of a plain experiment started and that nobody waits for any more."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil

from gameday.agent.lifeline import created_s
from gameday.record.marks import signal_marked, wait_for_end
from gameday.runner.identity import Known

_TICK_S = 0.01
"""The kernel tells when a process began in hundredths of a second."""
_GONE_S = 1.0
"""How long killed processes may take to be gone."""


def now_s() -> float:
    """Return the time since the boot, which is what a process's begin is told in."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def kill_descendants(since_s: float) -> None:
    """
    Kill every descendant of this process that began at ``since_s`` of ``now_s`` or later.

    Orphans are among them only where this process adopts them (``lifeline.adopt_orphans``).
    """
    held = []
    for each in psutil.Process().children(recursive=True):
        with suppress(ProcessLookupError, PermissionError):
            if created_s(each.pid) >= since_s - _TICK_S:
                held.append(os.pidfd_open(each.pid))
                signal.pidfd_send_signal(held[-1], signal.SIGKILL)
    wait_for_end(held, within_s=_GONE_S)


def kill_session(leader: Known, folder: Path) -> bool:
    """
    Kill every process of the session that a process began which has ended, if it carries the run's mark; return whether there was one.

    While a session has members, no other process gets its number. What has given its environment away is not found.
    """
    with suppress(ProcessLookupError):
        if created_s(leader.pid) != leader.created_s or leader.find():
            return False
    found = []
    for each in psutil.process_iter():
        with suppress(ProcessLookupError, PermissionError, psutil.Error):
            if os.getsid(each.pid) == leader.pid and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each.pid)
    held = [end for pid in found if (end := signal_marked(pid, signal.SIGKILL, folder)) is not None]
    wait_for_end(held, within_s=_GONE_S)
    return bool(held)
