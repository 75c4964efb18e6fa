"""What happened to the system's processes, as the node tells it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from gameday.targets.local.wire import Json


@dataclass(frozen=True, slots=True)
class ProcessStarted:
    """A process began; ``created_s`` (since the boot) with the pid identifies it."""

    t_s: float
    process: str
    pid: int
    created_s: float


@dataclass(frozen=True, slots=True)
class ProcessExited:
    """A process ended with an exit code (negative: by that signal); ``expected`` when the node had asked it to."""

    t_s: float
    process: str
    pid: int
    code: int
    expected: bool


ProcessEvent = ProcessStarted | ProcessExited
"""``t_s`` of both is the machine's monotonic clock."""


def event_message(event: ProcessEvent) -> dict[str, Json]:
    """Write an event as a JSON object."""
    return {"event": "process.started" if isinstance(event, ProcessStarted) else "process.exited", **asdict(event)}


def read_event(message: dict[str, Json]) -> ProcessEvent:
    """Read such an object. Raises ``KeyError`` or ``ValueError``."""
    t_s, process, pid = float(str(message["t_s"])), str(message["process"]), int(str(message["pid"]))
    if message["event"] == "process.started":
        return ProcessStarted(t_s, process, pid, float(str(message["created_s"])))
    return ProcessExited(t_s, process, pid, int(str(message["code"])), bool(message["expected"]))
