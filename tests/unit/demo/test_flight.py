"""Who asks for what is being fetched gets that same result."""

from __future__ import annotations

import asyncio

import pytest

from gameday.demo.flight import Flights


def test_one_fetch_serves_all_who_ask_meanwhile() -> None:
    """The first is told that it fetched, the others that they shared."""

    async def scenario() -> tuple[list[tuple[int, bool]], int]:
        flights, calls = Flights[int](), 0
        gate = asyncio.Event()

        async def fetch() -> int:
            nonlocal calls
            calls += 1
            await gate.wait()
            return 42

        asking = [asyncio.create_task(flights.share("key", fetch)) for _ in range(3)]
        await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(*asking), calls

    assert asyncio.run(scenario()) == ([(42, False), (42, True), (42, True)], 1)


def test_a_failure_is_everybodys_and_the_next_one_tries_again() -> None:
    """Failures are not kept."""

    async def scenario() -> None:
        flights = Flights[int]()

        async def fail() -> int:
            raise ConnectionError("away")

        async def succeed() -> int:
            return 1

        results = await asyncio.gather(*(flights.share("key", fail) for _ in range(2)), return_exceptions=True)
        assert [type(result) for result in results] == [ConnectionError, ConnectionError]
        await asyncio.sleep(0.001)
        assert await flights.share("key", succeed) == (1, False)

    asyncio.run(scenario())


def test_a_fetch_goes_on_when_who_began_it_is_gone() -> None:
    """The others still get its result."""

    async def scenario() -> tuple[int, bool]:
        flights, gate = Flights[int](), asyncio.Event()

        async def fetch() -> int:
            await gate.wait()
            return 7

        first = asyncio.create_task(flights.share("key", fetch))
        second = asyncio.create_task(flights.share("key", fetch))
        await asyncio.sleep(0)
        first.cancel()
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await second

    assert asyncio.run(scenario()) == (7, True)


def test_after_forgetting_nothing_older_is_shared() -> None:
    """A reset begins afresh."""

    async def scenario() -> tuple[int, bool]:
        flights = Flights[int]()
        values = iter((1, 2))

        async def fetch() -> int:
            return next(values)

        await flights.share("key", fetch)
        flights.forget()
        return await flights.share("key", fetch)

    assert asyncio.run(scenario()) == (2, False)
