"""Raise and lower what the kernel allows this process."""

from __future__ import annotations

import os
import resource
from contextlib import suppress

from gameday.agent.resources import raise_open_files

_OTHER_FILES = 64
_PRIORITY = -10


def go_first() -> None:
    """
    Ask to be scheduled before the system under test, so that arrivals are sent on time; only root may, others stay as they are.

    A generator that waits for the processor measures itself; the gate ``on-time`` says so when it happened.
    """
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)


def raise_limits(connections: int) -> None:
    """
    Allow as many open connections as may be had, and forbid core dumps (they would hold secrets).

    Raises:
        OSError: ``connections`` are more than the hard limit allows; the text names both numbers.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    if resource.RLIM_INFINITY != hard < wanted:
        raise OSError(
            f"{connections} requests in flight need {wanted} open files, and only {hard} are allowed: "
            f"raise the hard limit (ulimit -Hn {wanted})"
        )
    raise_open_files()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
