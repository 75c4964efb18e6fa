"""A proxy leads to the replicas that are ready, as long as there are any."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gameday.targets.local import replicas as module
from gameday.targets.local.replicas import Replicas

BOTH = ("web-1", "web-2")


class World:
    """Two replicas that answer probes unless they are in ``silent``, and what the proxy was told."""

    def __init__(self) -> None:
        """Begin with both ready."""
        self.silent: set[str] = set()
        self.told: list[tuple[str, ...]] = []
        self._changed = asyncio.Event()
        self.replicas = Replicas(BOTH, self._probe, self._lead_to)

    async def until(self, *endpoints: str) -> None:
        """Wait until the proxy was last told to lead there."""
        async with asyncio.timeout(10):
            while not self.told or self.told[-1] != endpoints:
                self._changed.clear()
                await self._changed.wait()

    async def _probe(self, instance: str) -> bool:
        return instance not in self.silent

    async def _lead_to(self, endpoints: tuple[str, ...]) -> None:
        self.told.append(endpoints)
        self._changed.set()


def watched(scenario: Callable[[World], Awaitable[None]]) -> None:
    """Run a scenario while the replicas are being watched."""

    async def run() -> None:
        world = World()
        watching = asyncio.create_task(world.replicas.watch())
        try:
            await scenario(world)
        finally:
            watching.cancel()
            await asyncio.wait([watching])

    asyncio.run(run())


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probe without pauses: the order is tested, not the pace."""
    monkeypatch.setattr(module, "PROBE_S", 0.0)
    monkeypatch.setattr(module, "STARTING_S", 0.0)


def test_a_replica_that_is_silent_is_left_out_until_it_answers_again() -> None:
    """Two probes in a row without an answer; one answer brings it back."""

    async def scenario(world: World) -> None:
        await world.until(*BOTH)
        world.silent.add("web-1")
        await world.until("web-2")
        world.silent.clear()
        await world.until(*BOTH)

    watched(scenario)


def test_connections_go_to_all_when_none_is_ready() -> None:
    """A connection that is refused says more than one that leads nowhere."""
    world = World()
    for instance in BOTH:
        world.replicas.ended(instance)
    assert world.replicas.endpoints == BOTH


def test_the_end_of_a_process_takes_it_out_at_once() -> None:
    """Nobody has to miss a probe first."""
    world = World()
    world.replicas.ended("web-2")
    assert world.replicas.endpoints == ("web-1",)


def test_a_service_that_is_not_spread_has_one_replica_whatever_its_state() -> None:
    """That is the variant without the mechanism."""
    world = World()
    asyncio.run(world.replicas.spread_over(all_of_them=False))
    world.replicas.ended("web-1")
    assert (world.replicas.serving, world.replicas.endpoints) == (("web-1",), ("web-1",))
    assert world.told == [("web-1",)]


def test_who_comes_and_goes_is_told_once_each() -> None:
    """Those that are there at first come too, so that a reader knows how many there were."""
    said: list[tuple[str, bool]] = []

    async def scenario(world: World) -> None:
        world.replicas = Replicas(BOTH, world._probe, world._lead_to, lambda name, joined: said.append((name, joined)))
        watching = asyncio.create_task(world.replicas.watch())
        await world.until(*BOTH)
        world.silent.add("web-1")
        world.replicas.ended("web-1")
        await world.until("web-2")
        world.silent.clear()
        await world.until(*BOTH)
        watching.cancel()
        await asyncio.wait([watching])

    asyncio.run(scenario(World()))
    assert said == [("web-1", True), ("web-2", True), ("web-1", False), ("web-1", True)]
