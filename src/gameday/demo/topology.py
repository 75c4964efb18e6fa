"""What the shop consists of: its processes and who connects to whom. Data only; ``targets`` turns it into processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["http", "redis", "postgres"]


@dataclass(frozen=True, slots=True)
class Process:
    """
    One process of the shop.

    Attributes:
        name: The service's name.
        kind: What it speaks; the stores are programs of their own.
        module: The Python module that runs it; None for a store.
        replicas: How many of it there are.
    """

    name: str
    kind: Kind
    module: str | None = None
    replicas: int = 1

    @property
    def instances(self) -> tuple[str, ...]:
        """Return the names of its replicas: ``web-1``, ``web-2``; its own when there is one only."""
        return (
            tuple(f"{self.name}-{number + 1}" for number in range(self.replicas)) if self.replicas > 1 else (self.name,)
        )


@dataclass(frozen=True, slots=True)
class Edge:
    """``caller`` opens connections to ``callee``; ``load`` is the caller from outside."""

    caller: str
    callee: str

    def __str__(self) -> str:
        """Write it as system files do."""
        return f"{self.caller} -> {self.callee}"


@dataclass(frozen=True, slots=True)
class Topology:
    """All processes and edges."""

    processes: tuple[Process, ...]
    edges: tuple[Edge, ...]

    def process(self, name: str) -> Process:
        """Return a service's process by the service's name."""
        return next(process for process in self.processes if process.name == name)

    def dependencies(self, caller: str) -> tuple[str, ...]:
        """Return whom a service calls."""
        return tuple(edge.callee for edge in self.edges if edge.caller == caller)

    def callers(self, callee: str) -> tuple[Edge, ...]:
        """Return the edges that lead to a service."""
        return tuple(edge for edge in self.edges if edge.callee == callee)


SHOP = Topology(
    processes=(
        Process("database", "postgres"),
        Process("cache", "redis"),
        Process("web", "http", "gameday.demo.web", replicas=2),
        Process("recommendations", "http", "gameday.demo.recommendations"),
        Process("payments", "http", "gameday.demo.payments"),
        Process("images", "http", "gameday.demo.images"),
        Process("pulse", "http", "gameday.demo.pulse"),
    ),
    edges=(
        Edge("load", "web"),
        Edge("load", "pulse"),
        Edge("web", "recommendations"),
        Edge("web", "payments"),
        Edge("web", "images"),
        Edge("web", "cache"),
        Edge("web", "database"),
    ),
)
