"""What two groups of runs differ by: by their own intervals, and by what runs differ by among themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gameday.analysis.differences import Figure, difference

RATE = Figure("a.b", "a rate", "requests per s", ">", 50.0, 48.0, 52.0, 0.99, 900)
RATIO = Figure("a.c", "a ratio", "times", "<", 2.0, 1.6, 2.5, 0.99, 900)


def test_of_two_runs_the_interval_is_that_of_their_own_ones_and_calls_nothing() -> None:
    """MOVER: the distances of the ends are put together as the sides of a right angle."""
    found = difference([RATE], [replace(RATE, value=60.0, lo=57.0, hi=64.0)])
    assert found
    assert (found.then, found.now, found.value) == (50.0, 60.0, 10.0)
    assert (found.lo, found.hi) == pytest.approx((10 - np.hypot(2, 3), 10 + np.hypot(2, 4)))
    assert (found.runs, found.replicated, found.call) == ((1, 1), False, "")


def test_ratios_are_compared_as_ratios() -> None:
    """From 2 times to 3 times is half as much again."""
    found = difference([RATIO], [replace(RATIO, value=3.0, lo=2.4, hi=3.75)])
    assert found
    assert (found.then, found.now, found.value) == pytest.approx((2.0, 3.0, 1.5))
    assert found.lo
    assert found.hi
    assert found.lo * found.hi == pytest.approx(1.5**2)


def test_an_open_end_leaves_the_difference_open_on_its_side() -> None:
    """A response time that is only known to be longer."""
    found = difference([RATE], [replace(RATE, hi=None)])
    assert found
    assert found.lo is not None
    assert found.hi is None
    found = difference([replace(RATIO, hi=None)], [RATIO])
    assert found
    assert found.lo == 0.0
    assert found.hi is not None


def test_what_does_not_measure_the_same_is_not_compared() -> None:
    """Another unit, or another side that is accepted."""
    assert difference([RATE], [replace(RATE, unit="s")]) is None
    assert difference([RATE], [replace(RATE, op="<")]) is None


def test_a_count_that_was_always_the_same_tells_no_spread() -> None:
    """Three times two seconds and then three is no certain change; where they differ among themselves it may be one."""
    count = replace(RATE, unit="s", op="<", lo=None, hi=None, level=None)
    same = difference([replace(count, value=2.0)] * 3, [replace(count, value=3.0)])
    assert same
    assert (same.value, same.lo, same.hi, same.replicated, same.call) == (1.0, None, None, False, "")
    other = difference([replace(count, value=each) for each in (2.0, 2.1, 1.9)], [replace(count, value=9.0)])
    assert other
    assert other.call == "worse"


@pytest.mark.parametrize("sizes", [(3, 1), (2, 2), (10, 1), (5, 5)])
def test_the_interval_holds_the_truth_in_99_of_100_where_runs_differ_more_than_their_seconds_tell(
    sizes: tuple[int, int], revision_seed: int
) -> None:
    """Each run's own interval is a tenth of what runs differ by; the truth is a difference of five."""
    noise = np.random.default_rng(revision_seed)
    held = 0
    for _ in range(500):
        then, now = (
            [
                replace(RATE, value=value, lo=value - 0.3, hi=value + 0.3)
                for value in noise.normal(mean, 1.0, size).tolist()
            ]
            for mean, size in zip((50.0, 55.0), sizes, strict=True)
        )
        found = difference(then, now)
        assert found
        assert found.lo is not None
        assert found.hi is not None
        held += found.lo <= 5.0 <= found.hi
    assert held >= 485
