"""The Target protocol: what faults and the runner may ask of the place where a system runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

CANARY_S = 3.0
"""How long a canary waits for its answer where no delay is asked for."""


class TargetError(Exception):
    """The target could not do what was asked; the text says what failed, where, and the next step."""


@dataclass(frozen=True, slots=True)
class Delay:
    """What a latency fault adds to every answer on an edge: ``delay_s`` plus or minus up to ``jitter_s``, uniform."""

    delay_s: float
    jitter_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Errors:
    """What an errors fault does: a ``share`` of the requests whose path matches the glob ``path`` is answered with ``status``."""

    path: str
    status: int
    share: float


@dataclass(frozen=True, slots=True)
class EdgeState:
    """
    What the proxy on an edge does now, and what it did since it started.

    ``live`` counts the connections open now; ``requests`` those seen while errors were injected, ``matched`` those of them on the path
    that was asked for, and ``rejected`` those that the proxy answered itself. Where an edge has several proxies, all are added up, a
    fault is shown when all of them have it, and ``partial`` says that only some do. ``existing`` counts the connections from before that
    were reset so that they pass the proxy, and ``spared`` those that are let past it on purpose: the health checks of a kubelet.
    ``attempts`` counts the connections that callers opened through it, or the exchanges that they began, whichever are more, since what is
    injected was last changed; canaries are not among them.
    """

    edge: str
    delay: Delay | None
    connections: int
    delayed: int
    blackholed: bool = False
    live: int = 0
    errors: Errors | None = None
    requests: int = 0
    matched: int = 0
    rejected: int = 0
    existing: int = 0
    spared: int = 0
    attempts: int = 0
    partial: bool = False

    @property
    def is_free(self) -> bool:
        """Return whether no fault is on the edge."""
        return self.delay is None and self.errors is None and not self.blackholed and not self.partial


@dataclass(frozen=True, slots=True)
class Calls:
    """
    What the caller of an edge saw, by its own counters since it started.

    ``answered`` maps an upper bound in seconds to the number of calls that were answered at most so fast (cumulative, ends at
    infinity); ``failed`` counts calls that were not answered: timeouts, errors, refused by a breaker are not calls. Where they are
    ``timed``, they are among the answered too.
    """

    answered: Mapping[float, int]
    failed: int
    timed: bool = False

    @property
    def called(self) -> int:
        """Return how many calls ended."""
        return max(self.answered.values(), default=0) + (0 if self.timed else self.failed)


@dataclass(frozen=True, slots=True)
class Uncounted:
    """Why the caller's counters, which the system file names, say nothing of an edge: a clause for a proof."""

    reason: str


@dataclass(frozen=True, slots=True)
class Emptied:
    """What emptying a cache did: keys before, and keys left when it had been done (both counted by the cache, in one step)."""

    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Called:
    """Which of a service's callers have called it since it is looked at, and the addresses of others that have."""

    by: tuple[str, ...]
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Replica:
    """
    One process or pod of a service.

    Attributes:
        name: As the target knows it, such as ``web``. A process that is started again keeps it; a pod that takes another's place has
            another one.
        identity: Tells the present one from any that comes after it: of a process its pid and start, of a pod its uid and restarts;
            None when there is none.
        stopped: Its process state is T: it is there and does nothing.
        ending: It has been told to end and is not to come back, but has not ended: it may serve still.
    """

    name: str
    identity: str | None
    stopped: bool
    ending: bool = False


@dataclass(frozen=True, slots=True)
class Stress:
    """What a stress takes now, in cores and bytes, and the most that it will take while it lasts."""

    cores: float
    memory_bytes: float
    most_cores: float
    most_bytes: float


@dataclass(frozen=True, slots=True)
class Workload:
    """How many replicas a service is to have, how many are ready, and to how many of them its callers are sent."""

    desired: int
    ready: int
    endpoints: int


@dataclass(frozen=True, slots=True)
class Node:
    """
    One node of a cluster, and what it runs of the system.

    Attributes:
        name: As the cluster knows it.
        schedulable: New pods may be put there.
        pods: The system's pods there, those that are ending included, and whose each is; what belongs to every node is none of them.
    """

    name: str
    schedulable: bool
    pods: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Stressed:
    """What a stressor has used: processor time since it began, by ``t_s`` of the monotonic clock, and the memory that it holds."""

    t_s: float
    used_s: float
    rss_bytes: float


class Target(Protocol):
    """
    A running system, as faults and probes see it. Every method may raise ``TargetError`` and returns within seconds.

    Edges are written ``caller -> callee``; the caller ``load`` stands for connections from outside.
    """

    def delay(self, edge: str, delay: Delay, *, lease_s: float) -> None:
        """Delay answers on an edge; the delay ends by itself after ``lease_s`` unless this is called again. Idempotent."""
        ...

    def blackhole(self, edge: str, *, lease_s: float) -> None:
        """Accept connections on an edge and pass nothing in either direction; ends by itself after ``lease_s``. Idempotent."""
        ...

    def reject(self, edge: str, errors: Errors, *, lease_s: float) -> None:
        """Answer requests on an edge in the callee's place; ends by itself after ``lease_s``. Idempotent."""
        ...

    def heal(self, edge: str) -> None:
        """End whatever is injected on an edge at once; held answers are let go. Idempotent."""
        ...

    def edge(self, edge: str) -> EdgeState:
        """Read what the proxy on an edge does."""
        ...

    def canary_s(self, edge: str, *, within_s: float = CANARY_S) -> float:
        """
        Send one harmless request over an edge as its caller would, and return how long the answer took.

        It returns when it has waited for ``within_s`` too, and then says how long it did: ``within_s`` or a little more.
        """
        ...

    def calls(self, edge: str) -> Calls | Uncounted | None:
        """Read what the caller of an edge has seen; None when the system file maps no such counters of it (``load`` has none)."""
        ...

    def replicas(self, service: str) -> tuple[Replica, ...]:
        """Read the processes of a service, in the order of their names; asks none of them anything."""
        ...

    def is_ready(self, service: str, replica: str) -> bool:
        """
        Ask a replica of a service directly, not through a proxy, whether it can do its work; within about a second.

        Of one that has gone for good, whose name no other will have: return whether its service is whole without it.
        """
        ...

    def kill(self, service: str, replica: str, *, lease_s: float, grace_s: float = 0.0) -> None:
        """
        End a replica of a service: with SIGKILL at once, or, given ``grace_s``, with SIGTERM and then SIGKILL when it takes longer than that.

        It is started again as always, after ``lease_s`` at the soonest. While it is kept down, calling this again extends the lease.
        Without a grace, return when it has ended; raise ``TargetError``, and leave it running, where nothing can end it at once.
        """
        ...

    def revive(self, service: str, replica: str) -> None:
        """Keep a killed process down no longer; where one lease holds several, none of them. Idempotent."""
        ...

    def pause(self, service: str, replica: str, *, lease_s: float) -> None:
        """Stop a process with SIGSTOP; it goes on by itself after ``lease_s`` unless this is called again. Idempotent."""
        ...

    def resume(self, service: str, replica: str) -> None:
        """Let a stopped process go on at once. Idempotent."""
        ...

    def stress(self, place: str, stress: Stress, *, lease_s: float) -> None:
        """Use processor time and memory beside a service, or beside all (``host``); ends by itself after ``lease_s``. Idempotent."""
        ...

    def stressed(self, place: str) -> Stressed | None:
        """Read what the stressor of a place has used; None when there is none."""
        ...

    def relax(self, place: str) -> None:
        """End the stressor of a place. Idempotent."""
        ...

    def cache_keys(self, service: str, prefix: str | None) -> int:
        """Count the keys of a cache, or those under a prefix."""
        ...

    def empty_cache(self, service: str, prefix: str | None) -> Emptied:
        """Remove all keys of a cache, or those under a prefix."""
        ...

    def metrics(self) -> Mapping[str, Mapping[str, float]]:
        """Scrape every service's metrics page once: service -> sample key (``record.metrics.sample_key``) -> value."""
        ...

    def url(self, service: str) -> str:
        """Return where requests from outside enter at a service: ``http://127.0.0.1:PORT``, to which paths are appended."""
        ...


@runtime_checkable
class Cluster(Target, Protocol):
    """A target whose services have any number of replicas, on nodes. What it changes ends by itself, as everything does."""

    def called(self, service: str, callers: Collection[str]) -> Called | None:
        """
        Wait a moment until any of these has called any replica of a service, as seen there.

        None where that cannot be seen.
        """
        ...

    def workload(self, service: str) -> Workload:
        """Read how many replicas a service is to have and has."""
        ...

    def scale(self, service: str, count: int, *, lease_s: float) -> None:
        """Give a service ``count`` replicas; the number before comes back after ``lease_s`` unless this is called again. Idempotent."""
        ...

    def unscale(self, service: str) -> None:
        """Give a service the number of replicas that it had before ``scale``. Idempotent."""
        ...

    def node_of(self, replica: str) -> str:
        """Read on which node a replica is."""
        ...

    def node(self, name: str) -> Node:
        """Read a node."""
        ...

    def cordon(self, node: str, *, lease_s: float) -> None:
        """Let nothing new be put on a node; ends after ``lease_s`` unless this is called again. Idempotent."""
        ...

    def evict(self, node: str, *, grace_s: float) -> None:
        """
        Ask the system's pods on a node to leave within ``grace_s``; those that are leaving are not asked again.

        One whose disruption budget does not allow it yet stays; call this again later.
        """
        ...

    def uncordon(self, node: str) -> None:
        """Let a node be as it was before ``cordon``. Idempotent."""
        ...

    def unready(self) -> str:
        """Return which pods of the system are not ready and why, in one line; empty when all are."""
        ...


def cluster(target: Target) -> Cluster:
    """Return the target as a cluster; raises ``TargetError`` when it is none."""
    if not isinstance(target, Cluster):
        raise TargetError("this target has no nodes and no number of replicas to change; run with --target kind")
    return target
