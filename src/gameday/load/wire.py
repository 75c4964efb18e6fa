"""
What the session and the load process say to each other. Standard library only: both sides import it, and one must start fast.

The session writes JSON lines to the child's standard input: the ``Spec``, then ``Begin``, then perhaps ``Stop``; its end means
that nobody is left to load for. The child answers on a socket that keeps messages apart, one JSON object each: ``Ready``,
``LoadTick`` every half second (also its heartbeat), then ``LoadDone`` or ``Fatal``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

MESSAGE_SIZE_BYTES = 1 << 18
"""The largest message that is read; a tick of a thousand routes has half of it."""

TICK_S = 0.5
EXIT_ORPHANED = 91
EXIT_FATAL = 70


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """
    How to ask one route; secrets are filled in already, therefore headers and body are never printed.

    ``target`` is the request target in which ``{id}`` stands for the key; ``host`` and ``port`` are where it enters.
    """

    name: str
    method: str
    target: str
    host: str
    port: int
    deadline_s: float
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Spec:
    """Everything that the child needs but the schedule; ``routes[i]`` is route ``i`` of the rows."""

    folder: str
    worker: int
    seed: int
    hang_s: float
    max_in_flight: int
    routes: tuple[RouteSpec, ...]


@dataclass(frozen=True, slots=True)
class Begin:
    """Arrivals start at this instant of the machine's monotonic clock."""

    origin_monotonic_s: float


@dataclass(frozen=True, slots=True)
class Stop:
    """End now; what is open becomes censored rows."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The child waits for ``Begin``."""

    pid: int


@dataclass(frozen=True, slots=True)
class RouteTick:
    """
    What became of one route's arrivals, counted since the load's start.

    Attributes:
        offered: Arrivals that were due; those not counted below are still open.
        good: Answered well and in time, degraded answers among them.
        degraded: The part of ``good`` that named itself degraded.
        rejected: Refused on purpose (429, 503).
        bad: Late, another status, no connection, dropped or censored.
        hung: Given up after the hang threshold.
        p95_s: Of the response times of the last five seconds, from the scheduled start, 5 % too high at most; None when nothing
            ended in them.
    """

    route: str
    offered: int
    good: int
    degraded: int
    rejected: int
    bad: int
    hung: int
    p95_s: float | None


@dataclass(frozen=True, slots=True)
class LoadTick:
    """How the load goes: ``t_s`` on its own clock, ``cpu_share`` of one core since the tick before."""

    t_s: float
    monotonic_s: float
    routes: tuple[RouteTick, ...]
    in_flight: int
    cpu_share: float


@dataclass(frozen=True, slots=True)
class RouteDone:
    """What is on the disk for one route, and what Locust's own statistics counted for it (dropped arrivals are none of its)."""

    route: str
    rows: int
    locust_requests: int
    locust_failures: int


@dataclass(frozen=True, slots=True)
class LoadDone:
    """The end: every arrival scheduled before ``ended_s`` has its row; ``cpu_share`` of one core over the whole load."""

    routes: tuple[RouteDone, ...]
    cpu_share: float
    ended_s: float
    stopped: bool

    @property
    def rows(self) -> Mapping[str, int]:
        """Return how many rows are on the disk, by route."""
        return {route.route: route.rows for route in self.routes}


@dataclass(frozen=True, slots=True)
class Fatal:
    """The child cannot go on; ``error`` says why in one line."""

    error: str


Event = Ready | LoadTick | LoadDone | Fatal


def dump_command(command: Spec | Begin | Stop) -> bytes:
    """Write one line for the child."""
    return json.dumps({"cmd": type(command).__name__, **asdict(command)}).encode() + b"\n"


def dump_event(event: Event) -> bytes:
    """Write one message for the session."""
    return json.dumps({"ev": type(event).__name__, **asdict(event)}).encode()


def load_spec(line: bytes) -> Spec:
    """Read the first line. Raises ``ValueError`` on anything else."""
    value = json.loads(line)
    if not isinstance(value, dict) or value.pop("cmd", None) != "Spec":
        raise ValueError("a Spec is expected first")
    routes = tuple(
        RouteSpec(**{**route, "headers": tuple((name, text) for name, text in route["headers"])})
        for route in value.pop("routes")
    )
    return Spec(routes=routes, **value)


def load_command(line: bytes) -> Begin | Stop:
    """Read one of the later lines. Raises ``ValueError`` on anything else."""
    value = json.loads(line)
    kind = value.pop("cmd", None)
    if kind == "Begin":
        return Begin(**value)
    if kind == "Stop":
        return Stop()
    raise ValueError(f"a command Begin or Stop, not {kind!r}")


def load_event(message: bytes) -> Event:
    """Read one message of the child. Raises ``ValueError`` on anything else."""
    value = json.loads(message)
    kind = value.pop("ev", None)
    if kind == "Ready":
        return Ready(**value)
    if kind == "LoadTick":
        return LoadTick(**{**value, "routes": tuple(RouteTick(**route) for route in value["routes"])})
    if kind == "LoadDone":
        return LoadDone(**{**value, "routes": tuple(RouteDone(**route) for route in value["routes"])})
    if kind == "Fatal":
        return Fatal(**value)
    raise ValueError(f"an event Ready, LoadTick, LoadDone or Fatal, not {kind!r}")
