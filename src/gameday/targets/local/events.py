"""What happened to the system's processes and replicas, as the node writes it on its connections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from gameday.targets.events import ProcessExited, ProcessShort, ProcessStarted, ReplicaJoined, ReplicaLeft, TargetEvent
from gameday.targets.local.wire import Json

_NAMES: Mapping[type[TargetEvent], str] = {
    ProcessStarted: "process.started",
    ProcessExited: "process.exited",
    ReplicaJoined: "replica.joined",
    ReplicaLeft: "replica.left",
    ProcessShort: "process.short",
}


def event_message(event: TargetEvent) -> dict[str, Json]:
    """Write an event as a JSON object."""
    return {"event": _NAMES[type(event)], **asdict(event)}


def read_event(message: dict[str, Json]) -> TargetEvent:
    """Read such an object. Raises ``KeyError`` or ``ValueError``."""
    t_s, name = float(str(message["t_s"])), message["event"]
    for kind in (ReplicaJoined, ReplicaLeft):
        if name == _NAMES[kind]:
            service, replica, identity, node = (str(message[key]) for key in ("service", "replica", "identity", "node"))
            return kind(t_s, service, replica, identity, node)
    if name == _NAMES[ProcessShort]:
        return ProcessShort(t_s, str(message["process"]), str(message["what"]), int(str(message["count"])))
    process, pid = str(message["process"]), int(str(message["pid"]))
    if name == _NAMES[ProcessStarted]:
        return ProcessStarted(t_s, process, pid, float(str(message["created_s"])))
    return ProcessExited(t_s, process, pid, int(str(message["code"])), bool(message["expected"]))
