"""Single-flight within a process: who asks for what is being fetched waits for that one result."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")
_KEEP_S = 0.05  # a reader that missed just before the value was stored must still find this flight


class Flights(Generic[T]):
    """Fetches in progress, by key. A fetch goes on when those who wait for it are gone."""

    def __init__(self) -> None:
        """Start with none."""
        self._tasks: dict[str, asyncio.Task[T]] = {}

    async def share(self, key: str, fetch: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
        """
        Return the value for a key and whether somebody else's fetch gave it.

        Raises:
            Exception: What the fetch raised, for all who wait.
        """
        task = self._tasks.get(key)
        if task is not None:
            return await asyncio.shield(task), True
        task = asyncio.ensure_future(_as_coroutine(fetch))
        self._tasks[key] = task
        task.add_done_callback(lambda done: self._ended(key, done))
        return await asyncio.shield(task), False

    def forget(self) -> None:
        """Share nothing that began before now."""
        self._tasks.clear()

    def _ended(self, key: str, task: asyncio.Task[T]) -> None:
        failed = task.cancelled() or task.exception() is not None
        asyncio.get_running_loop().call_later(0.0 if failed else _KEEP_S, self._drop, key, task)

    def _drop(self, key: str, task: asyncio.Task[T]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]


async def _as_coroutine(fetch: Callable[[], Awaitable[T]]) -> T:
    return await fetch()
