"""Name a process for good: its id together with the kernel's start time of it."""

from __future__ import annotations

from dataclasses import dataclass

import psutil
from pydantic import JsonValue

SAME_S = 0.05
"""Start times that differ by less are the same process: the kernel counts them in ticks of 10 ms."""


def identity(name: str, pid: int) -> dict[str, JsonValue]:
    """Return the data of a ``process.started`` record."""
    return {"process": name, "pid": pid, "created_s": psutil.Process(pid).create_time()}


@dataclass(frozen=True, slots=True)
class Known:
    """A process of which a history speaks."""

    process: str
    pid: int
    created_s: float

    def find(self) -> psutil.Process | None:
        """Return the process if it still runs; None when it ended or its id belongs to another one now."""
        try:
            found = psutil.Process(self.pid)
            same = abs(found.create_time() - self.created_s) < SAME_S
            return found if same and found.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None
