"""End processes that activities of a plain experiment started and that nobody waits for any more."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

from gameday.agent.lifeline import created_s
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
    found = []
    for each in psutil.Process().children(recursive=True):
        with suppress(ProcessLookupError):
            if created_s(each.pid) >= since_s - _TICK_S:
                found.append(each.pid)
    _kill(found)


def kill_session(leader: Known) -> bool:
    """
    Kill every process of the session that a process began which has ended; tell whether there was one.

    While a session has members, no other process gets its number.
    """
    with suppress(ProcessLookupError):
        if created_s(leader.pid) != leader.created_s or leader.find():
            return False
    found = []
    for each in psutil.process_iter():
        with suppress(ProcessLookupError, PermissionError, psutil.Error):
            if os.getsid(each.pid) == leader.pid and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each.pid)
    return _kill(found)


def _kill(pids: Iterable[int]) -> bool:
    """Kill them and wait until they are gone; their exit status is left to whoever started them."""
    poll, ends = select.poll(), []
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            ends.append(os.pidfd_open(pid))
            signal.pidfd_send_signal(ends[-1], signal.SIGKILL)
            poll.register(ends[-1], select.POLLIN)
    until_s, left = now_s() + _GONE_S, len(ends)
    while left and now_s() < until_s:
        for end, _ in poll.poll((until_s - now_s()) * 1000):
            poll.unregister(end)
            left -= 1
    for end in ends:
        os.close(end)
    return bool(ends)
