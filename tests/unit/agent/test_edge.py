"""An edge delays under a lease, and heals."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from gameday.agent.edge import Edge
from gameday.agent.proxy import read_configuration


@dataclass(eq=False)
class Connection:
    """Counts how often it was told to hold back and to let go."""

    released: int = 0
    frozen: int = 0

    def freeze(self) -> None:
        """Hold back."""
        self.frozen += 1

    def release(self) -> None:
        """Let go."""
        self.released += 1

    def end(self) -> None:
        """Be ended by nobody here."""


def test_without_a_fault_nothing_is_drawn() -> None:
    """None is not zero: a chunk without a fault is not counted as delayed."""
    assert Edge("a -> b", [("127.0.0.1", 1)], seed=1).draw_delay_s() is None


def test_the_same_seed_draws_the_same_delays_within_the_jitter() -> None:
    """Uniform, both ends possible, never below zero."""

    async def drawn(delay_s: float, jitter_s: float) -> list[float | None]:
        edge = Edge("a -> b", [("127.0.0.1", 1)], seed=7)
        edge.delay(delay_s, jitter_s, lease_s=60)
        found = [edge.draw_delay_s() for _ in range(200)]
        edge.heal()
        return found

    first, second = (asyncio.run(drawn(2.0, 0.1)) for _ in range(2))
    assert first == second
    values = [value for value in first if value is not None]
    assert len(values) == 200
    assert 1.9 <= min(values) < 1.92
    assert 2.08 < max(values) <= 2.1
    assert min(value for value in asyncio.run(drawn(0.01, 0.1)) if value is not None) == 0


def test_healing_lets_every_live_connection_go() -> None:
    """By hand or by the end of the lease."""

    async def scenario() -> None:
        edge, connection = Edge("a -> b", [("127.0.0.1", 1)], seed=1), Connection()
        edge.live.add(connection)
        edge.delay(1, 0, lease_s=60)
        edge.heal()
        assert (edge.delay_s, connection.released) == (None, 1)
        edge.delay(1, 0, lease_s=0)
        for _ in range(100):
            await asyncio.sleep(0)
        assert (edge.delay_s, connection.released) == (None, 2)

    asyncio.run(scenario())


def test_a_new_lease_replaces_the_old_one() -> None:
    """The old one's end no longer heals."""

    async def scenario() -> tuple[float, float] | None:
        edge = Edge("a -> b", [("127.0.0.1", 1)], seed=1)
        edge.delay(1, 0, lease_s=0)
        edge.delay(2, 0, lease_s=60)
        for _ in range(100):
            await asyncio.sleep(0)
        found = edge.delay_s
        edge.heal()
        return found

    assert asyncio.run(scenario()) == (2, 0)


def test_the_configuration_is_one_line() -> None:
    """Endpoints and listeners, by edge."""
    line = '{"seed": 3, "endpoints": [["127.0.0.1", 80]], "edges": {"web -> cache": ["127.0.0.1", 9001]}}'
    found = read_configuration(line)
    assert found.seed == 3
    assert found.endpoints == (("127.0.0.1", 80),)
    assert found.edges == (("web -> cache", ("127.0.0.1", 9001)),)
    with pytest.raises(KeyError):
        read_configuration("{}")
