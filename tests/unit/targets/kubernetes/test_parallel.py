"""Everything is done for all, and every failure is told."""

from __future__ import annotations

import threading

import pytest

from gameday.targets.kubernetes import parallel
from gameday.targets.protocol import TargetError


def test_results_come_in_order_and_all_run_at_once() -> None:
    """Twenty at the same time: each waits for all others."""
    barrier = threading.Barrier(20, timeout=5)

    def do(item: int) -> int:
        barrier.wait()
        return 2 * item

    assert parallel.each(range(20), do) == tuple(range(0, 40, 2))


def test_all_are_done_before_a_failure_is_raised() -> None:
    """It says for whom else it failed."""
    done: list[str] = []

    def do(item: str) -> None:
        done.append(item)
        if item != "b":
            raise TargetError(f"{item} failed")

    with pytest.raises(TargetError, match=r"^a failed \(and so for c\)$"):
        parallel.each("abc", do)
    assert sorted(done) == ["a", "b", "c"]


def test_a_bug_is_raised_as_it_is() -> None:
    """Nobody takes it for the target's trouble."""
    with pytest.raises(ZeroDivisionError):
        parallel.each([1, 0], lambda item: 1 // item)


def test_nothing_is_done_for_nobody() -> None:
    """And no thread is made."""
    assert parallel.each([], str) == ()
