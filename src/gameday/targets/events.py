"""What happened to a system's processes and to the replicas of its services, as a target tells it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProcessStarted:
    """A process on this machine began; ``created_s`` (since the boot) with the pid identifies it."""

    t_s: float
    process: str
    pid: int
    created_s: float


@dataclass(frozen=True, slots=True)
class ProcessExited:
    """A process ended with an exit code (negative: by that signal); ``expected`` when its keeper had asked it to."""

    t_s: float
    process: str
    pid: int
    code: int
    expected: bool


ProcessEvent = ProcessStarted | ProcessExited
"""``t_s`` of every event is the machine's monotonic clock."""


@dataclass(frozen=True, slots=True)
class ReplicaJoined:
    """
    A replica became an endpoint of its service: new connections may be led to it.

    Attributes:
        t_s: When that was seen, on the machine's monotonic clock.
        identity: Tells it from one that had the name before: a pod's uid, a process's id and start.
        node: The machine it runs on; empty where there is one only.
    """

    t_s: float
    service: str
    replica: str
    identity: str
    node: str


@dataclass(frozen=True, slots=True)
class ReplicaLeft:
    """A replica is no endpoint of its service any more; fields as of ``ReplicaJoined``."""

    t_s: float
    service: str
    replica: str
    identity: str
    node: str


ReplicaEvent = ReplicaJoined | ReplicaLeft


@dataclass(frozen=True, slots=True)
class ProcessShort:
    """A process of gameday's own ran short: ``what`` it had not enough of and what that did, and how often, as ``agent.resources`` counts."""

    t_s: float
    process: str
    what: str
    count: int


TargetEvent = ProcessEvent | ReplicaEvent | ProcessShort
