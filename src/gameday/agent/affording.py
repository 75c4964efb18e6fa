"""How much a stress may ask of the machine that it is to run on."""

from __future__ import annotations

import os
from pathlib import Path

_MEMORY = 0.5
"""The largest share of the machine's available memory that a stress may take."""


def too_much(cores: float, size_bytes: float, *, machine: str) -> str | None:
    """Return what this machine, called ``machine``, has not; None when it can afford so much."""
    there, available = os.cpu_count() or 1, available_bytes(Path("/proc/meminfo").read_text(encoding="ascii"))
    if cores > there:
        return f"stress: asked for {cores:g} cores, {machine} has {there}; ask for at most so many"
    if size_bytes > _MEMORY * available:
        most = f"{_MEMORY * available / 1e6:.0f}MB"
        return f"stress: asked for {size_bytes / 1e6:.0f}MB of memory; at most {most}, half of what is free on {machine}, can be taken"
    return None


def available_bytes(meminfo: str) -> int:
    """Return what the text of ``/proc/meminfo`` says is available."""
    for line in meminfo.splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return 0
