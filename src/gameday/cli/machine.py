"""Read what this machine allows a load."""

from __future__ import annotations

import math
import resource
from pathlib import Path

from gameday.experiment.in_flight import Machine
from gameday.targets.ports import local_ports

_PROC = Path("/proc")


def this_machine() -> Machine:
    """Return the limits of this machine and of the processes that this one starts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Machine(
        open_files=math.inf if hard == resource.RLIM_INFINITY else hard, memory_bytes=_free_bytes(), ports=local_ports()
    )


def _free_bytes() -> float:
    """Return the memory that can be had without swapping, infinite where it is not told."""
    try:
        lines = (_PROC / "meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return math.inf
    return free
