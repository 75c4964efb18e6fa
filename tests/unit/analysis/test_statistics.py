"""Shares and quantiles of short windows, and what their intervals promise."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.analysis.model import Status
from gameday.analysis.statistics import (
    RESAMPLES,
    Estimate,
    Sample,
    decide,
    difference,
    few,
    minimum_samples,
    quantile,
    quantile_estimate,
    quantile_resampled,
    ratio,
    resamples,
    share,
    student,
    widening,
)
from gameday.experiment.samples import NORMAL


def seconds_of(n: int, seconds: int) -> np.ndarray:
    """Spread n requests evenly over seconds."""
    return np.arange(n) * seconds // n


@pytest.mark.parametrize(("n", "bound"), [(300, 0.0152), (360, 0.0127), (918, 0.0050), (1000, 0.0046)])
def test_nothing_seen_is_bounded_by_the_rule_of_three(n: int, bound: float) -> None:
    """With none of n, at 99 % the share is at most 1 - 0.01^(1/n)."""
    none = np.zeros(n, bool)
    found = share(none, none, seconds_of(n, 16), resamples(1, "w", 16))
    assert found is not None
    assert (found.value, found.lo) == (0.0, 0.0)
    assert found.hi == pytest.approx(bound, abs=5e-5)


def test_everything_seen_is_the_mirror_image() -> None:
    """All of n are bounded from below as none are from above."""
    every = np.ones(360, bool)
    found = share(every, every, seconds_of(360, 16), resamples(1, "w", 16))
    assert found is not None
    assert found.hi == 1.0
    assert found.lo == pytest.approx(1 - 0.0127, abs=5e-5)


def test_clustered_errors_have_a_wider_interval_than_scattered_ones() -> None:
    """Three bad seconds of twenty are one event, not 180."""
    second, weights = seconds_of(1200, 20), resamples(1, "w", 20)
    clustered = share(second < 3, second < 3, second, weights)
    scattered_mask = np.arange(1200) % 20 < 3
    scattered = share(scattered_mask, scattered_mask, second, weights)
    assert clustered is not None
    assert scattered is not None
    assert clustered.value == scattered.value
    assert clustered.hi - clustered.lo > 3 * (scattered.hi - scattered.lo)


def test_what_may_be_bad_widens_the_interval_to_one_side() -> None:
    """Requests of unknown fate count for the upper end and not for the lower."""
    second = seconds_of(1000, 20)
    none, some = np.zeros(1000, bool), np.arange(1000) % 10 == 0
    found = share(none, some, second, resamples(1, "w", 20))
    assert found is not None
    assert found.lo == 0.0
    assert found.hi > 0.1


def test_no_requests_give_no_estimate() -> None:
    """Nothing is not zero."""
    empty = np.zeros(0, bool)
    assert share(empty, empty, np.zeros(0, np.int64), resamples(1, "w", 5)) is None


def test_the_same_seed_draws_the_same_seconds_and_another_label_others() -> None:
    """Each resample draws as many seconds as the window has."""
    first = resamples(7, "baseline", 16)
    assert np.array_equal(first, resamples(7, "baseline", 16))
    assert not np.array_equal(first, resamples(7, "steady", 16))
    assert first.shape == (RESAMPLES, 16)
    assert set(first.sum(axis=1).tolist()) == {16}


@given(
    st.lists(st.floats(0.001, 5.0), min_size=1, max_size=80),
    st.integers(1, 6),
    st.sampled_from([0.5, 0.95, 0.99]),
    st.randoms(use_true_random=False),
)
def test_resampled_quantiles_are_those_of_the_repeated_values(
    values: list[float], seconds: int, q: float, random: object
) -> None:
    """Bisection over counts gives what sorting the concatenated seconds would."""
    del random
    array, second = np.array(values), np.arange(len(values)) % seconds
    weights = resamples(3, "w", seconds)
    drawn = quantile_resampled(Sample.of(array, second, weights), q)
    for index in (0, 1, 17):
        repeated = np.repeat(array, weights[index][second].astype(int))
        if len(repeated):
            assert drawn[index] == np.quantile(repeated, q, method="inverted_cdf")


def test_quantiles_are_only_estimated_from_enough_requests() -> None:
    """p50 from 30, p95 from 200, p99 from 1000."""
    assert [minimum_samples(q) for q in (0.5, 0.95, 0.99)] == [30, 200, 1000]
    values = np.linspace(0, 1, 199)
    assert quantile_estimate(Sample.of(values, seconds_of(199, 10), resamples(1, "w", 10)), 0.95) is None


def test_a_stall_is_seen_by_those_who_came_while_it_lasted() -> None:
    """A stall of 3 s in 12 s of open arrivals: p95 = 10 ms + 3 s - 0.05 * 12 s = 2.41 s, within 2 %."""
    times_s = np.arange(0, 12, 0.01)
    waits_s = 0.010 + np.clip(8.0 - times_s, 0, 3.0) * (times_s >= 5.0)
    found = quantile(Sample.of(waits_s, times_s.astype(np.int64), resamples(1, "w", 12)), 0.95)
    assert found == pytest.approx(2.41, rel=0.02)


@pytest.mark.parametrize(
    ("lo", "hi", "expected"),
    [
        (0.0, 0.01, Status.PASS),
        (0.02, 0.05, Status.FAIL),
        (0.005, 0.02, Status.INCONCLUSIVE),
        (0.01, 0.01, Status.PASS),
    ],
)
def test_an_interval_decides_only_when_it_lies_on_one_side(lo: float, hi: float, expected: Status) -> None:
    """Absence of evidence is never a pass; larger-is-better is the mirror image."""
    assert decide(lo, hi, "<", 0.01) is expected
    assert decide(1 - hi, 1 - lo, ">", 0.99) is expected


def test_differences_and_ratios_carry_both_windows_uncertainty() -> None:
    """The interval contains the value, and two clean windows differ by at most one bound each."""
    clean = Estimate(0.0, 0.0, 0.005, 900)
    apart = difference(clean, clean)
    assert (apart.value, apart.lo, apart.hi) == (0.0, -0.005, 0.005)
    kept = ratio(clean.complement(), clean.complement())
    assert kept.lo < kept.value == 1.0 < kept.hi
    assert kept.lo == pytest.approx(0.995, abs=1e-4)
    gone = ratio(Estimate(0.0, 0.0, 0.005, 900), clean.complement())
    assert gone.hi < 0.05


@pytest.mark.parametrize(("degrees", "value"), [(8, 3.355), (10, 3.169), (15, 2.947), (30, 2.750), (60, 2.660)])
def test_student_is_as_in_the_tables(degrees: int, value: float) -> None:
    """99 %, two-sided."""
    assert student(degrees) == pytest.approx(value, rel=0.003)


@pytest.mark.parametrize(("alike", "least"), [(0.0, 0.98), (0.5, 0.95), (0.8, 0.9), (0.9, 0.85)])
def test_widened_intervals_of_a_mean_hold_the_truth(alike: float, least: float) -> None:
    """
    Of sixteen seconds that resemble each other by so much.

    Not widened, they hold it in 97, 82, 53 and 36 % of the runs.
    """
    source, held = np.random.default_rng(5), 0
    for _ in range(2000):
        values = np.empty(16)
        values[0] = source.normal()
        for index in range(1, 16):
            values[index] = alike * values[index - 1] + np.sqrt(1 - alike**2) * source.normal()
        half = NORMAL * widening(values) * few(16) * values.std() / 4
        held += bool(abs(values.mean()) <= half)
    assert held / 2000 >= least


def test_many_requests_of_a_long_window_need_little_memory() -> None:
    """A quantile of 200,000 requests in 600 s takes less than a tenth of what a count of each second below each value would."""
    source = np.random.default_rng(1)
    sample = Sample.of(source.random(200_000), source.integers(0, 600, 200_000), resamples(1, "long", 600))
    tracemalloc.start()
    try:
        drawn = quantile_resampled(sample, 0.95)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 200_000 * 600 * 8 / 10
    assert abs(float(np.median(drawn)) - 0.95) < 0.005
