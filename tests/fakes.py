"""Hand-written stand-ins for what a unit test cannot have: a clock that obeys, and a system whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gameday.runner.env import Env
from gameday.targets.protocol import CANARY_S, Calls, Delay, EdgeState, Emptied, TargetError


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
    A system with one caller that sends ``called`` requests over each edge between two readings of its counters.

    ``inert`` takes orders and does nothing; ``bypass`` is the share of calls that no proxy sees; ``broken`` names methods that raise;
    ``draw`` says where in -1..1 of the jitter a canary's delay falls; ``mute`` answers no canary at all.
    """

    inert: bool = False
    bypass: float = 0.0
    called: int = 100
    keys: int = 20
    broken: tuple[str, ...] = ()
    draw: float = 0.0
    mute: bool = False
    delays: dict[str, Delay] = field(default_factory=dict)
    fast: int = 0
    slow: int = 0
    acts: list[str] = field(default_factory=list)

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

    def edge(self, edge: str) -> EdgeState:
        """Read an edge."""
        return EdgeState(edge, self.delays.get(edge), connections=0, delayed=0)

    def canary_s(self, edge: str, *, within_s: float = CANARY_S) -> float:
        """Take as long as the edge is delayed, but wait no longer than for ``within_s``."""
        delay = self.delays.get(edge, Delay(0.0))
        took_s = math.inf if self.mute else 0.001 + delay.delay_s + self.draw * delay.jitter_s
        return min(took_s, within_s)

    def calls(self, edge: str) -> Calls | None:
        """Count another batch of calls, and return all counts."""
        slow = round(self.called * (1 - self.bypass)) if edge in self.delays else 0
        self.slow += slow
        self.fast += self.called - slow
        return Calls({0.1: self.fast, math.inf: self.fast + self.slow}, failed=0)

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
        """Publish nothing."""
        return {}

    def url(self, service: str) -> str:  # noqa: ARG002 - the protocol's signature
        """Name an address that nobody listens on."""
        return "http://127.0.0.1:9"

    def state(self) -> tuple[object, ...]:
        """Return everything that a fault could change."""
        return (dict(self.delays), self.keys)

    def _act(self, name: str) -> None:
        self.acts.append(name)
        if name in self.broken:
            raise TargetError(f"{name} is broken")
