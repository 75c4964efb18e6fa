"""Do something for many pods at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from gameday.targets.protocol import TargetError

MOST = 20
"""How many are asked at the same time."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(items: Iterable[Item], do: Callable[[Item], Result]) -> tuple[Result, ...]:
    """
    Do it for every item, and return the results in their order.

    Raises:
        TargetError: It failed for at least one, when it has been done for all others; the first failure, and for whom else it failed.
    """
    every = tuple(items)
    if len(every) < 2:  # nothing to do at the same time
        return tuple(map(do, every))
    with ThreadPoolExecutor(max_workers=min(len(every), MOST), thread_name_prefix="each") as pool:
        futures = [pool.submit(do, item) for item in every]
    failed = [(item, error) for item, future in zip(every, futures, strict=True) if (error := _failure(future))]
    if not failed:
        return tuple(future.result() for future in futures)
    (_, first), *others = failed
    if not others:
        raise first
    raise type(first)(f"{first} (and so for {', '.join(_name(item) for item, _ in others)})") from first


def _failure(future: Future[Result]) -> TargetError | None:
    """Return the failure; one that is no ``TargetError`` is a bug, and is raised."""
    error = future.exception()
    if error is None or isinstance(error, TargetError):
        return error
    raise error


def _name(item: object) -> str:
    return str(getattr(item, "name", item))
