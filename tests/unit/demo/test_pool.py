"""A pool never gives more slots than it has, and never loses one."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.demo.database import REFILL
from gameday.demo.pool import Pool, QueueFullError
from gameday.demo.pools import DATABASE_CONNECTIONS, Pools
from gameday.demo.toggles import Switches, Toggles


async def settle() -> None:
    """Let every task that can run do so."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_slots_are_given_in_the_order_of_asking() -> None:
    """Who waits longest comes first."""

    async def scenario() -> list[int]:
        pool, order = Pool("p", 1, queue_limit=9), list[int]()

        async def use(number: int) -> None:
            await pool.acquire(bounded=False)
            order.append(number)
            pool.release()

        await pool.acquire(bounded=False)
        tasks = [asyncio.create_task(use(number)) for number in range(4)]
        await settle()
        assert pool.waiting == 4
        pool.release()
        await asyncio.gather(*tasks)
        assert (pool.in_flight, pool.waiting) == (0, 0)
        return order

    assert asyncio.run(scenario()) == [0, 1, 2, 3]


def test_a_bounded_queue_refuses_and_an_unbounded_one_does_not() -> None:
    """The bound holds for who asks for it."""

    async def scenario() -> None:
        pool = Pool("p", 1, queue_limit=1)
        await pool.acquire(bounded=True)
        waiting = [asyncio.create_task(pool.acquire(bounded=True))]
        await settle()
        with pytest.raises(QueueFullError):
            await pool.acquire(bounded=True)
        waiting.append(asyncio.create_task(pool.acquire(bounded=False)))
        await settle()
        assert pool.waiting == 2
        for task in waiting:
            pool.release()
            await task
        pool.release()
        assert pool.in_flight == 0

    asyncio.run(scenario())


@given(st.lists(st.sampled_from(("ask", "release", "give up", "settle")), max_size=60))
def test_no_slot_is_lost_whatever_happens_in_one_moment(steps: list[str]) -> None:
    """Slots that arrive while their waiter gives up go to the next one."""

    async def scenario() -> None:
        pool = Pool("p", 2, queue_limit=5)
        tasks: list[asyncio.Task[None]] = []
        held = 0
        for step in steps:
            match step:
                case "ask":
                    tasks.append(asyncio.create_task(pool.acquire(bounded=False)))
                case "give up":
                    if tasks:
                        tasks[-1].cancel()
                case "settle":
                    await settle()
                case _ if any(task.done() and not task.cancelled() for task in tasks):
                    done = next(task for task in tasks if task.done() and not task.cancelled())
                    tasks.remove(done)
                    pool.release()
            await asyncio.sleep(0)
        await settle()
        held = sum(1 for task in tasks if task.done() and not task.cancelled())
        waiting = sum(1 for task in tasks if not task.done())
        assert pool.in_flight == held <= pool.limit
        assert pool.waiting == waiting
        assert not waiting or held == pool.limit
        for task in tasks:
            task.cancel()

    asyncio.run(scenario())


def test_the_pools_of_the_database_share_its_connections_out() -> None:
    """Own pools never need more connections than the shared one, those that wait idle after a loss included."""
    pools = Pools(Switches(Toggles()))
    own = [pools.queries(name) for name in ("catalogue", "identity", "orders")]
    assert sum(pool.limit for pool in own) + REFILL == DATABASE_CONNECTIONS


def test_the_toggle_chooses_the_pools_and_may_change_while_slots_are_held() -> None:
    """Who took a slot gives it back to the pool it came from; such a pool is shown until it is empty."""

    async def scenario() -> None:
        switches = Switches(Toggles(pool_per_dependency=False))
        pools = Pools(switches)
        shared = pools.outbound("payments")
        assert shared is pools.outbound("recommendations")
        await shared.acquire(bounded=False)
        switches.current = Toggles()
        assert pools.outbound("payments") is not pools.outbound("recommendations")
        assert shared in pools.in_use()
        shared.release()
        assert shared not in pools.in_use()

    asyncio.run(scenario())
