"""Name a process for good: its id, when it started, and the boot in which it did."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import psutil
from pydantic import JsonValue

from gameday.agent.lifeline import boot_id, created_s
from gameday.record.folder import About
from gameday.record.history import Event, Record


def identity(name: str, pid: int) -> dict[str, JsonValue]:
    """Return the data of a ``process.started`` record. Raises ``ProcessLookupError`` when it has ended."""
    return {"process": name, "pid": pid, "created_s": created_s(pid)}


@dataclass(frozen=True, slots=True)
class Known:
    """A process of which a history of this boot speaks."""

    process: str
    pid: int
    created_s: float

    @property
    def words(self) -> str:
        """Return how a person finds it."""
        return f"{self.process} (process {self.pid})"

    def find(self) -> psutil.Process | None:
        """Return the process if it still runs; None when it ended or its id belongs to another one now."""
        try:
            if created_s(self.pid) != self.created_s:
                return None
            found = psutil.Process(self.pid)
            return None if found.status() == psutil.STATUS_ZOMBIE else found
        except (ProcessLookupError, psutil.NoSuchProcess):
            return None


def processes(history: Iterable[Record], about: About) -> tuple[Known, ...]:
    """Return what a run started or saw start and may still run: nothing of another boot does, and what should outlive the run is left out."""
    if about.boot_id != boot_id():
        return ()
    return tuple(
        Known(str(r.data["process"]), int(cast("int", r.data["pid"])), float(cast("float", r.data["created_s"])))
        for r in history
        if r.event == Event.PROCESS_STARTED and not r.data.get("lasting")
    )
