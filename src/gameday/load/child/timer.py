"""A timer with the kernel's precision that an event loop can watch."""

from __future__ import annotations

import ctypes
import os

_CLOCK_MONOTONIC = 1
_ABSOLUTE = 1


class _Interval(ctypes.Structure):
    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("value_s", ctypes.c_long),
        ("value_ns", ctypes.c_long),
    )


class Timer:
    """
    A timerfd on the monotonic clock: ``fd`` becomes readable when the armed instant has come.

    gevent's own timers wait through ``epoll_wait``, whose timeout is in whole milliseconds, so they are up to one millisecond
    late. ``os.timerfd_create`` exists from Python 3.13 on only.

    Source:
        timerfd_create(2).
    """

    def __init__(self) -> None:
        """Create the file descriptor: non-blocking, closed on exec."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd: int = self._libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")

    def arm(self, monotonic_s: float) -> None:
        """Fire at an instant of ``time.monotonic``, at once if it has passed; what was armed or has fired before is forgotten."""
        whole_s = int(monotonic_s)
        # Zero would disarm the timer.
        when = _Interval(0, 0, whole_s, int((monotonic_s - whole_s) * 1e9) or 1)
        self._libc.timerfd_settime(self.fd, _ABSOLUTE, ctypes.byref(when), None)

    def close(self) -> None:
        """Close the file descriptor."""
        os.close(self.fd)
