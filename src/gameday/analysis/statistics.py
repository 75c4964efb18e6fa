"""
Estimate shares and quantiles of short windows, with intervals that respect that requests of one second share their queue.

The unit of resampling is the whole second (cluster bootstrap); all of it is vectorised numpy and deterministic for a given seed.

Source: Field & Welsh (2007), bootstrapping clustered data; Zou & Donner (2008), the MOVER method for differences and ratios.
"""

from __future__ import annotations

import functools
import hashlib
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from gameday.analysis.model import Interval, Status
from gameday.experiment.samples import CONFIDENCE, LEAST_FOR_P50, LEAST_FOR_P95, LEAST_FOR_P99

LEVEL = CONFIDENCE

RESAMPLES = 1999
"""Enough that the 0.5 % point of a bootstrap distribution rests on ten resamples."""

_Z = 2.5758293035489004  # the normal quantile of 99.5 %
_MINIMUM = ((0.5, LEAST_FOR_P50), (0.95, LEAST_FOR_P95), (0.99, LEAST_FOR_P99))

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Estimate:
    """
    A value with its interval ``[lo, hi]`` at ``LEVEL`` and the number of requests behind it.

    Attributes:
        least: The value when nothing counts of which it is not known whether it does; ``most`` when all of that counts.
            None where nothing is unknown: the value itself.
    """

    value: float
    lo: float
    hi: float
    n: int
    least: float | None = None
    most: float | None = None

    @property
    def known(self) -> tuple[float, float]:
        """Return the smallest and the largest value that what is unknown may give."""
        return (
            self.value if self.least is None else self.least,
            self.value if self.most is None else self.most,
        )

    def interval(self) -> Interval:
        """Return the interval as the findings carry it."""
        return Interval(self.lo, self.hi, LEVEL)

    def complement(self) -> Estimate:
        """Return the estimate of one minus the share."""
        least, most = self.known
        return Estimate(1 - self.value, 1 - self.hi, 1 - self.lo, self.n, 1 - most, 1 - least)


def minimum_samples(quantile: float) -> int:
    """
    Return how many requests a quantile needs before it is judged or printed: p50 30, p95 200, p99 1000.

    Source: about ten requests beyond the quantile, and for p95 an order-statistic interval of about -11/+30 %.
    """
    return next(n for q, n in _MINIMUM if quantile <= q)


def decide(lo: float, hi: float, op: Literal["<", ">"], bound: float) -> Status:
    """Pass when the whole interval lies in the accepted range, fail when none of it does, else inconclusive."""
    if op == ">":
        lo, hi, bound = -hi, -lo, -bound
    if hi <= bound:
        return Status.PASS
    return Status.FAIL if lo > bound else Status.INCONCLUSIVE


@functools.lru_cache(maxsize=64)
def resamples(seed: int, label: str, seconds: int) -> Ints:
    """
    Draw how often each second of a window appears in each resample; the same for the same arguments.

    Two routes that use the same label draw the same seconds, so what moved both cancels out of their comparison.

    Returns:
        A read-only array of shape (``RESAMPLES``, ``seconds``) whose rows sum to ``seconds``.
    """
    digest = hashlib.sha256(f"{seed}/{label}/{seconds}".encode()).digest()
    source = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8])))
    drawn = source.multinomial(seconds, np.full(seconds, 1 / seconds), size=RESAMPLES).astype(np.int64)
    drawn.setflags(write=False)
    return drawn


def share(sure: Bools, possible: Bools, second: Ints, weights: Ints) -> Estimate | None:
    """
    Estimate the share of requests of a kind, when of some it is not known whether they are of it.

    Args:
        sure: Per request, whether it certainly is of the kind; the lower end of the interval counts these alone.
        possible: Per request, whether it may be; the value and the upper end count these too.
        second: Per request, its second within the window.
        weights: ``resamples`` of the window.

    Returns:
        None without requests. An interval is never narrower than Wilson's; nothing seen in n gives ``1 - 0.01**(1/n)`` (the rule of three,
        for 99 %) as the upper end, and the mirror image when all are of the kind.
    """
    n = len(second)
    if n == 0:
        return None
    least = _share_interval(sure, second, weights)
    most = _share_interval(sure | possible, second, weights)
    value = float(np.mean(sure | possible))
    return Estimate(value, least[0], most[1], n, float(np.mean(sure)), value)


def _share_interval(mask: Bools, second: Ints, weights: Ints) -> tuple[float, float]:
    n, k = len(mask), int(np.count_nonzero(mask))
    edge = 1 - (1 - LEVEL) ** (1 / n)
    if k == 0:
        return 0.0, edge
    if k == n:
        return 1 - edge, 1.0
    seconds = weights.shape[1]
    ones = weights @ np.bincount(second[mask], minlength=seconds)
    both = weights @ np.bincount(second, minlength=seconds)
    drawn = ones / np.maximum(both, 1)
    lo, hi = np.quantile(drawn[both > 0], ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    centre = (k + _Z**2 / 2) / (n + _Z**2)
    half = _Z * math.sqrt(k * (n - k) / n + _Z**2 / 4) / (n + _Z**2)
    return max(0.0, min(float(lo), centre - half)), min(1.0, max(float(hi), centre + half))


def difference(after: Estimate, before: Estimate) -> Estimate:
    """Estimate ``after - before`` of two independent windows from their two intervals (MOVER)."""
    value = after.value - before.value
    return Estimate(
        value,
        value - math.hypot(after.value - after.lo, before.hi - before.value),
        value + math.hypot(after.hi - after.value, before.value - before.lo),
        after.n,
        after.known[0] - before.known[1],
        after.known[1] - before.known[0],
    )


def ratio(after: Estimate, before: Estimate) -> Estimate:
    """Estimate ``after / before`` of two shares of independent windows from their two intervals (MOVER on logarithms)."""
    logs = [_log(estimate) for estimate in (after, before)]
    both = difference(*logs)
    value = after.value / before.value if before.value > 0 else math.exp(both.value)
    least, most = both.known
    return Estimate(value, math.exp(both.lo), math.exp(both.hi), after.n, math.exp(least), math.exp(most))


def _log(estimate: Estimate) -> Estimate:
    floor = 1e-9  # a share of nothing has no logarithm
    numbers = (estimate.value, estimate.lo, estimate.hi, *estimate.known)
    value, lo, hi, least, most = (math.log(max(x, floor)) for x in numbers)
    return Estimate(value, lo, hi, estimate.n, least, most)


@dataclass(frozen=True, slots=True)
class Sample:
    """Values of a window in ascending order, each with its second, and the resamples of those seconds."""

    values: Floats
    second: Ints
    weights: Ints

    @classmethod
    def of(cls, values: Floats, second: Ints, weights: Ints) -> Sample:
        """Sort once; every quantile of every resample is then a binary search."""
        order = np.lexsort((second, values))
        return cls(values[order], second[order], weights)


def quantile(sample: Sample, q: float) -> float:
    """Return the smallest value that at least a share ``q`` of the values does not exceed. Raises ``ValueError`` on nothing."""
    if len(sample.values) == 0:
        raise ValueError("no values")
    return float(sample.values[max(0, math.ceil(q * len(sample.values) - 1e-9) - 1)])


def quantile_resampled(sample: Sample, q: float) -> Floats:
    """
    Return the quantile of each resample.

    Below each rank, the values of each second are counted once; each resample then looks for its rank by bisection, which costs
    (resamples x seconds x log n) instead of (resamples x n). A resample without values gives the highest value.
    """
    n, seconds = len(sample.values), sample.weights.shape[1]
    below = np.zeros((n + 1, seconds), np.int64)
    below[np.arange(1, n + 1), sample.second] = 1
    np.cumsum(below, axis=0, out=below)
    wanted = np.maximum(1, np.ceil(q * (sample.weights @ below[n]) - 1e-9))
    lo, hi = np.zeros(RESAMPLES, np.int64), np.full(RESAMPLES, n, np.int64)
    while np.any(hi - lo > 1):
        middle = (lo + hi) // 2
        enough = np.einsum("rs,rs->r", below[middle], sample.weights) >= wanted
        hi, lo = np.where(enough, middle, hi), np.where(enough, lo, middle)
    return sample.values[hi - 1]


def percentile_interval(drawn: Floats) -> tuple[float, float]:
    """Return the percentile interval of a bootstrap distribution."""
    lo, hi = np.quantile(drawn, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return float(lo), float(hi)


def quantile_estimate(sample: Sample, q: float) -> Estimate | None:
    """Estimate a quantile; None below ``minimum_samples``."""
    if len(sample.values) < minimum_samples(q):
        return None
    lo, hi = percentile_interval(quantile_resampled(sample, q))
    return Estimate(quantile(sample, q), lo, hi, len(sample.values))


def slope_per_s(t_s: Floats, values: Floats) -> float | None:
    """Return the median of the slopes between all pairs of points (Theil-Sen); None below three points."""
    if len(t_s) < 3:
        return None
    first, second = np.triu_indices(len(t_s), 1)
    return float(np.median((values[second] - values[first]) / (t_s[second] - t_s[first])))
