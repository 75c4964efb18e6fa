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
from typing import Any

MESSAGE_SIZE_BYTES = 1 << 18
"""The largest message that is read; a tick of a thousand routes has half of it."""

TICK_S = 0.5
EXIT_ORPHANED = 91
EXIT_FATAL = 70
EXIT_LOCUSTFILE = 78
"""A locustfile cannot be run (EX_CONFIG of sysexits.h)."""


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
class Closed:
    """
    A person's own locustfile, and how to run it.

    Attributes:
        users: None with a LoadTestShape in the file.
        tags: Empty for all tasks.
        host: The base URL of its users; ``hosts`` are those of some user classes, by the class's name.
        names: Request name -> route, beside what is recognized without being told.
        judged_from_s: When the warm-up is over, in which users are made and nothing is judged.
    """

    locustfile: str
    users: int | None
    spawn_rate_per_s: float
    tags: tuple[str, ...]
    exclude_tags: tuple[str, ...]
    duration_s: float
    host: str
    hosts: Mapping[str, str]
    names: Mapping[str, str]
    judged_from_s: float


@dataclass(frozen=True, slots=True)
class Spec:
    """Everything that the child needs but the schedule; ``routes[i]`` is route ``i`` of the rows. ``closed`` runs a locustfile."""

    folder: str
    worker: int
    seed: int
    hang_s: float
    max_in_flight: int
    routes: tuple[RouteSpec, ...]
    closed: Closed | None = None


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
class UserClass:
    """A user class of a locustfile: how many of its users were made, and how many requests they sent together."""

    name: str
    users: int
    requests: int


@dataclass(frozen=True, slots=True)
class Raised:
    """
    What one place in a locustfile raised.

    Attributes:
        user: The user class; empty for what belongs to none, such as a listener or a shape.
        task: The function: a task, ``on_start``, ``tick``, or which listener.
        count: How often.
        error: The first exception in one line, with the line of the file.
        traceback: Of the first.
    """

    user: str
    task: str
    count: int
    error: str
    traceback: str


@dataclass(frozen=True, slots=True)
class LoadDone:
    """
    The end: every arrival scheduled before ``ended_s`` has its row; ``cpu_share`` of one core over the whole load.

    Attributes:
        late_s: Of a closed load, whose requests have no schedule to be late for: the p99, after the warm-up, of how late the process came to
            look at its clock, which is how long a user or an answer may have waited for it.
        shortages: How often the process had not enough of something (``agent.resources``).
        user_classes: Of a closed load; ``raised`` are its exceptions.
        exit_code: What the locustfile set as ``environment.process_exit_code``; None if it set nothing.
    """

    routes: tuple[RouteDone, ...]
    cpu_share: float
    ended_s: float
    stopped: bool
    late_s: float | None = None
    shortages: Mapping[str, int] = field(default_factory=dict)
    user_classes: tuple[UserClass, ...] = ()
    raised: tuple[Raised, ...] = ()
    exit_code: int | None = None

    def data(self) -> dict[str, Any]:
        """Return what the history keeps of it."""
        of_users = {}
        if self.late_s is not None:
            of_users = {
                "late_s": round(self.late_s, 6),
                "user_classes": [asdict(each) for each in self.user_classes],
                "raised": [asdict(each) for each in self.raised],
                "exit_code": self.exit_code,
            }
        return {
            "rows": dict(self.rows),
            "cpu_share": round(self.cpu_share, 4),
            **of_users,
            **({"shortages": dict(self.shortages)} if self.shortages else {}),
        }

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
    closed = value.pop("closed", None)
    return Spec(routes=routes, closed=None if closed is None else load_closed(closed), **value)


def load_closed(value: Mapping[str, Any]) -> Closed:
    """Read a locustfile's part of a ``Spec``."""
    return Closed(**{**value, "tags": tuple(value["tags"]), "exclude_tags": tuple(value["exclude_tags"])})


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
        parts = (("routes", RouteDone), ("user_classes", UserClass), ("raised", Raised))
        return LoadDone(**{**value, **{key: tuple(part(**each) for each in value[key]) for key, part in parts}})
    if kind == "Fatal":
        return Fatal(**value)
    raise ValueError(f"an event Ready, LoadTick, LoadDone or Fatal, not {kind!r}")
