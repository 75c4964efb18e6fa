"""Hand-written stand-ins for what a unit test cannot have: a clock that obeys, and a system whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from gameday.runner.env import Env
from gameday.targets.protocol import (
    CANARY_S,
    Called,
    Calls,
    Delay,
    EdgeState,
    Emptied,
    Errors,
    Node,
    Replica,
    Stress,
    Stressed,
    TargetError,
    Uncounted,
    Workload,
)


@dataclass
class FakeClock:
    """A monotonic clock that moves only when somebody sleeps."""

    now_s: float = 100.0

    def env(self) -> Env:
        """Return the environment that reads it."""
        return Env(now_s=lambda: self.now_s, sleep=self.sleep, spawn=self.spawn)

    @staticmethod
    def spawn(task: Callable[[], None]) -> Callable[[], bool]:
        """Do it at once."""
        task()
        return lambda: False

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.now_s += seconds


@dataclass
class FakeTarget:
    """
    A system with one caller that sends ``traffic`` requests over each edge between two readings of its counters.

    ``inert`` takes orders and does nothing; ``bypass`` is the share of calls that no proxy sees; ``broken`` names methods that raise;
    ``counters`` False is a caller that publishes none, ``elsewhere`` one whose connections go where no proxy is; ``silent`` names edges that
    nobody calls, ``unused`` services whose replicas nobody calls;
    ``draw`` says where in -1..1 of the jitter a canary's delay falls; ``mute`` answers no canary at all; who is killed with a grace
    is ending for now if it ``lingers``; ``counter`` counts the
    requests of a surge; ``told`` has whom each order about a replica named, with its service.
    """

    inert: bool = False
    bypass: float = 0.0
    traffic: int = 100
    keys: int = 20
    broken: tuple[str, ...] = ()
    draw: float = 0.0
    counters: bool = True
    elsewhere: bool = False
    silent: tuple[str, ...] = ()
    mute: bool = False
    unused: tuple[str, ...] = ()
    counter: str = 'http_requests_total{code="200",route="image"}'
    lingers: bool = False
    delays: dict[str, Delay] = field(default_factory=dict)
    errors: dict[str, Errors] = field(default_factory=dict)
    blackholed: set[str] = field(default_factory=set)
    processes: dict[str, Replica] = field(
        default_factory=lambda: {name: Replica(name, "1", stopped=False) for name in ("web-1", "web-2")}
    )
    desired: int = 2
    scaled: int | None = None
    cordoned: bool = False
    pending: str = ""
    pods: dict[str, str] = field(default_factory=lambda: {"web-1": "web", "web-2": "web"})
    stresses: dict[str, Stress] = field(default_factory=dict)
    worked_s: float = 0.0
    fast: int = 0
    slow: int = 0
    lost: int = 0
    seen: int = 0
    rejected: int = 0
    images: int = 0
    acts: list[str] = field(default_factory=list)
    told: set[tuple[str, str]] = field(default_factory=set)

    def delay(self, edge: str, delay: Delay, *, lease_s: float) -> None:
        """Delay an edge."""
        self._act("delay")
        assert lease_s > 0
        if not self.inert:
            self.delays[edge] = delay

    def heal(self, edge: str) -> None:
        """Heal an edge."""
        self._act("heal")
        self.delays.pop(edge, None)
        self.blackholed.discard(edge)
        self.errors.pop(edge, None)

    def reject(self, edge: str, errors: Errors, *, lease_s: float) -> None:
        """Answer requests on an edge."""
        self._act("reject")
        assert lease_s > 0
        if not self.inert:
            self.errors[edge] = errors

    def blackhole(self, edge: str, *, lease_s: float) -> None:
        """Blackhole an edge."""
        self._act("blackhole")
        assert lease_s > 0
        if not self.inert:
            self.blackholed.add(edge)

    def edge(self, edge: str) -> EdgeState:
        """Read an edge: another batch of calls has come through it, or to it, if anything is injected there."""
        faulted = edge in self.delays or edge in self.blackholed or edge in self.errors
        if faulted and edge in self.errors and not self.counters and not self.elsewhere:
            self._count(edge)
        away = self.elsewhere or edge in self.silent
        return EdgeState(
            edge,
            self.delays.get(edge),
            connections=0,
            delayed=0,
            blackholed=edge in self.blackholed,
            errors=self.errors.get(edge),
            requests=self.seen,
            matched=self.seen,
            rejected=self.rejected,
            attempts=round(self.traffic * (1 - self.bypass)) if faulted and not away else 0,
        )

    def canary_s(self, edge: str, *, within_s: float = CANARY_S) -> float:
        """Take as long as the edge is delayed, but wait no longer than for ``within_s``: for ever where nothing passes."""
        delay = self.delays.get(edge, Delay(0.0))
        silent = self.mute or edge in self.blackholed
        took_s = math.inf if silent else 0.001 + delay.delay_s + self.draw * delay.jitter_s
        return min(took_s, within_s)

    def calls(self, edge: str) -> Calls | Uncounted | None:
        """Count another batch of calls, and return all counts if the caller publishes any."""
        if not self.counters:
            return None
        self._count(edge)
        return Calls({0.1: self.fast, math.inf: self.fast + self.slow}, failed=self.lost)

    def _count(self, edge: str) -> None:
        reached = 0 if self.elsewhere else round(self.traffic * (1 - self.bypass))
        lost = slow = 0
        if edge in self.blackholed:
            lost = reached
        elif edge in self.errors:
            lost = round(reached * self.errors[edge].share)
            self.seen += reached
            self.rejected += lost
        elif edge in self.delays:
            slow = reached
        self.lost += lost
        self.slow += slow
        self.fast += self.traffic - lost - slow

    def replicas(self, service: str) -> tuple[Replica, ...]:  # noqa: ARG002 - the protocol's signature
        """Read the processes."""
        return tuple(self.processes.values())

    def is_ready(self, service: str, replica: str) -> bool:
        """Be ready when it is there and runs."""
        self.told.add((service, replica))
        return self.processes[replica].identity is not None and not self.processes[replica].stopped

    def kill(self, service: str, replica: str, *, lease_s: float, grace_s: float = 0.0) -> None:
        """Start another process in its place at once, or none while the lease lasts; given a grace, let it take that first if it ``lingers``."""
        self._act("kill")
        self.told.add((service, replica))
        assert grace_s >= 0
        if not self.inert:
            before = self.processes[replica]
            self.processes[replica] = (
                replace(before, ending=True)
                if self.lingers and grace_s
                else replace(before, identity=None if lease_s > 0 else f"{before.identity}+")
            )

    def revive(self, service: str, replica: str) -> None:
        """Start it."""
        self._act("revive")
        self.told.add((service, replica))
        if self.processes[replica].identity is None:
            self.processes[replica] = Replica(replica, "9", stopped=False)

    def pause(self, service: str, replica: str, *, lease_s: float) -> None:
        """Stop a process."""
        self._act("pause")
        self.told.add((service, replica))
        assert lease_s > 0
        if not self.inert:
            self.processes[replica] = replace(self.processes[replica], stopped=True)

    def resume(self, service: str, replica: str) -> None:
        """Let it go on."""
        self._act("resume")
        self.told.add((service, replica))
        self.processes[replica] = replace(self.processes[replica], stopped=False)

    def called(self, service: str, callers: Collection[str]) -> Called | None:
        """See all callers at a service that is used, and a stranger at any."""
        return Called(() if service in self.unused else tuple(callers), ("192.0.2.7",))

    def workload(self, service: str) -> Workload:  # noqa: ARG002 - the protocol's signature
        """Have as many replicas as it is to have."""
        now = self.desired if self.scaled is None else self.scaled
        return Workload(now, now, now)

    def scale(self, service: str, count: int, *, lease_s: float) -> None:  # noqa: ARG002 - the protocol's signature
        """Have another number."""
        self._act("scale")
        assert lease_s > 0
        if not self.inert:
            self.scaled = count

    def unscale(self, service: str) -> None:  # noqa: ARG002 - the protocol's signature
        """Have the number that it had."""
        self._act("unscale")
        self.scaled = None

    def node_of(self, replica: str) -> str:  # noqa: ARG002 - the protocol's signature
        """Put all of them on one node."""
        return "node-1"

    def node(self, name: str) -> Node:
        """Read the node."""
        return Node(name, not self.cordoned, self.pods)

    def cordon(self, node: str, *, lease_s: float) -> None:  # noqa: ARG002 - the protocol's signature
        """Cordon it."""
        self._act("cordon")
        assert lease_s > 0
        self.cordoned = self.cordoned or not self.inert

    def evict(self, node: str, *, grace_s: float) -> None:  # noqa: ARG002 - the protocol's signature
        """Move all of them to another node."""
        self._act("evict")
        assert grace_s >= 0
        self.pods = self.pods if self.inert else {}

    def uncordon(self, node: str) -> None:  # noqa: ARG002 - the protocol's signature
        """Let it take pods again."""
        self._act("uncordon")
        self.cordoned = False

    def unready(self) -> str:
        """Return what keeps its pods from being ready."""
        return self.pending

    def stress(self, place: str, stress: Stress, *, lease_s: float) -> None:
        """Stress a place; an inert target starts somebody who does nothing."""
        self._act("stress")
        assert lease_s > 0
        self.stresses[place] = stress

    def stressed(self, place: str) -> Stressed | None:
        """Let a second pass in which everything asked for is used."""
        if (stress := self.stresses.get(place)) is None:
            return None
        self.worked_s += 1.0
        share = 0.0 if self.inert else 1.0
        return Stressed(self.worked_s, share * self.worked_s * stress.cores, share * stress.memory_bytes)

    def relax(self, place: str) -> None:
        """End it."""
        self._act("relax")
        self.stresses.pop(place, None)

    def cache_keys(self, service: str, prefix: str | None) -> int:  # noqa: ARG002 - the protocol's signature
        """Count keys."""
        return self.keys

    def empty_cache(self, service: str, prefix: str | None) -> Emptied:  # noqa: ARG002 - the protocol's signature
        """Remove all keys."""
        self._act("empty_cache")
        before = self.keys
        if not self.inert:
            self.keys = 0
        return Emptied(before, self.keys)

    def metrics(self) -> Mapping[str, Mapping[str, float]]:
        """Count another batch of image requests, and publish all of them."""
        if not self.counters:
            return {"web": {"front_requests_total": 3.0}}
        self.images += 0 if self.inert else self.traffic
        bytes_ = self.counter.replace("{", "_bytes_total{") if "http_requests" not in self.counter else "up_total"
        return {"web": {self.counter: float(self.images), bytes_: 900.0 * self.images}}

    def url(self, service: str) -> str:  # noqa: ARG002 - the protocol's signature
        """Name an address that nobody listens on."""
        return "http://127.0.0.1:9"

    def state(self) -> tuple[object, ...]:
        """Return everything that a fault could change."""
        return (
            dict(self.delays),
            dict(self.errors),
            set(self.blackholed),
            dict(self.processes),
            dict(self.stresses),
            self.scaled,
            self.cordoned,
            self.keys,
        )

    def _act(self, name: str) -> None:
        self.acts.append(name)
        if name in self.broken:
            raise TargetError(f"{name} is broken")
