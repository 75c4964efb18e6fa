"""With a budget a call is tried once more while the budget lasts; without, as often as its library does."""

from __future__ import annotations

import asyncio

import pytest

from gameday.demo.guard import FailedError, RefusedError, TimedOutError
from gameday.demo.retries import AT_ONCE_S, MOST, RATIO, Retries
from gameday.demo.toggles import Switches, Toggles

BUDGET = Switches(Toggles())
CARELESS = Switches(Toggles(retry_budget=False))


class Calls:
    """A dependency that fails, and counts how often it was asked."""

    def __init__(self, error: type[Exception] | None = FailedError, *, times: int = 1_000) -> None:
        """Fail so many times, then answer."""
        self.made = 0
        self._error = error
        self._times = times

    async def make(self) -> str:
        """Count one, and fail or answer."""
        self.made += 1
        if self._error and self.made <= self._times:
            raise self._error("cache", "error")
        return "answer"


def test_a_call_that_failed_once_is_answered_by_the_second_try() -> None:
    """That is what a retry is for."""
    calls = Calls(times=1)
    assert asyncio.run(Retries(AT_ONCE_S, BUDGET).run(calls.make)) == "answer"
    assert calls.made == 2


def test_without_a_budget_every_call_is_tried_three_times() -> None:
    """When everything fails, the load triples just then."""
    calls = Calls()

    async def scenario() -> None:
        retries = Retries(AT_ONCE_S, CARELESS)
        for _ in range(50):
            with pytest.raises(FailedError):
                await retries.run(calls.make)

    asyncio.run(scenario())
    assert calls.made == 150


def test_a_budget_bounds_the_retries_to_a_tenth_of_the_calls() -> None:
    """But for what it held in the beginning."""
    calls, n = Calls(), 50

    async def scenario() -> None:
        retries = Retries(AT_ONCE_S, BUDGET)
        for _ in range(n):
            with pytest.raises(FailedError):
                await retries.run(calls.make)

    asyncio.run(scenario())
    assert n + MOST <= calls.made <= n + MOST + RATIO * n + 1


@pytest.mark.parametrize("error", [RefusedError, TimedOutError])
@pytest.mark.parametrize("switches", [BUDGET, CARELESS])
def test_what_was_refused_or_timed_out_is_not_tried_again(error: type[Exception], switches: Switches) -> None:
    """The first would be refused again, and for the second the time is over."""
    calls = Calls(error)
    with pytest.raises(error):
        asyncio.run(Retries(AT_ONCE_S, switches).run(calls.make))
    assert calls.made == 1


def test_with_a_budget_nothing_is_paid_twice() -> None:
    """A payment that failed may have been taken all the same."""
    calls = Calls()
    with pytest.raises(FailedError):
        asyncio.run(Retries(AT_ONCE_S, BUDGET, repeatable=False).run(calls.make))
    assert calls.made == 1
