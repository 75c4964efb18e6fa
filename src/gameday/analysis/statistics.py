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
from gameday.experiment.samples import CONFIDENCE, LEAST_BEYOND, LEAST_FOR_P50, NORMAL

LEVEL = CONFIDENCE

RESAMPLES = 1999
"""Enough that the 0.5 % point of a bootstrap distribution rests on ten resamples."""

NOT_ALIKE, MOST_ALIKE = 0.2, 0.97
"""
An autocorrelation up to the first is one that independent seconds show as well; beyond it half a standard error is
added, as so few seconds show less than there is. Seconds that are more alike than the second cannot be told from a
trend.
"""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Counts = npt.NDArray[np.float32]
"""Whole numbers, as single floats: these multiply many times faster than integers."""
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
    Return how many requests a quantile needs before it is judged or printed: p50 30, p95 200, p98 500, p99 1000.

    Source: ten requests beyond the quantile, and for p95 an order-statistic interval of about -11/+30 %.
    """
    return max(LEAST_FOR_P50, math.ceil(LEAST_BEYOND / (1 - quantile) - 1e-6))


def decide(lo: float, hi: float, op: Literal["<", ">"], bound: float) -> Status:
    """Pass when the whole interval lies in the accepted range, fail when none of it does, else inconclusive."""
    if op == ">":
        lo, hi, bound = -hi, -lo, -bound
    if hi <= bound:
        return Status.PASS
    return Status.FAIL if lo > bound else Status.INCONCLUSIVE


@functools.lru_cache(maxsize=16)
def resamples(seed: int, label: str, seconds: int) -> Counts:
    """
    Draw how often each second of a window appears in each resample; the same for the same arguments.

    Two routes that use the same label draw the same seconds, so what moved both cancels out of their comparison.

    Returns:
        A read-only array of shape (``RESAMPLES``, ``seconds``) whose rows sum to ``seconds``; the resamples of one
        second lie side by side.
    """
    digest = hashlib.sha256(f"{seed}/{label}/{seconds}".encode()).digest()
    source = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8])))
    drawn = source.multinomial(seconds, np.full(seconds, 1 / seconds), size=RESAMPLES).astype(np.float32, order="F")
    drawn.setflags(write=False)
    return drawn


def share(sure: Bools, possible: Bools, second: Ints, weights: Counts, wide: float = 1.0) -> Estimate | None:
    """
    Estimate the share of requests of a kind, when of some it is not known whether they are of it.

    Args:
        sure: Per request, whether it certainly is of the kind; the lower end of the interval counts these alone.
        possible: Per request, whether it may be; the value and the upper end count these too.
        second: Per request, its second within the window.
        weights: ``resamples`` of the window.
        wide: By how much the interval is wider than that of the resamples: ``widening`` and ``few``.

    Returns:
        None without requests. An interval is never narrower than Wilson's; nothing seen in n gives ``1 - 0.01**(1/n)`` (the rule of three,
        for 99 %) as the upper end, and the mirror image when all are of the kind.
    """
    n = len(second)
    if n == 0:
        return None
    seconds, most = weights.shape[1], sure | possible
    of_all = functools.cache(lambda: _sums(weights, np.bincount(second, minlength=seconds)))

    def interval(mask: Bools) -> tuple[float, float]:
        k = int(np.count_nonzero(mask))
        if k in {0, n}:
            return share_interval(k, n)
        of_kind, all_ = _sums(weights, np.bincount(second[mask], minlength=seconds)), of_all()
        drawn = of_kind / np.maximum(all_, 1)
        lo, hi = (k / n + wide * (end - k / n) for end in percentile_interval(drawn[all_ > 0]))
        lowest, highest = share_interval(k, n)
        return max(0.0, min(lo, lowest)), min(1.0, max(hi, highest))

    lower = interval(sure)
    upper = lower if np.array_equal(sure, most) else interval(most)
    value = float(np.mean(most))
    return Estimate(value, lower[0], upper[1], n, float(np.mean(sure)), value)


def _sums(weights: Counts, counts: Ints) -> Floats:
    """
    Return the sum of counts per second in every resample, for each row of them.

    Exactly, as single floats only where these hold it.
    """
    exact = counts.max(initial=0) * weights.shape[1] < _SINGLE
    sums = weights @ counts.T.astype(np.float32 if exact else np.float64)
    return np.asarray(sums.T, np.float64)


_SINGLE = 2**24
"""Whole numbers up to here are exact as single floats."""


def share_interval(k: int, n: int) -> tuple[float, float]:
    """
    Return the interval of a share of which ``k`` of ``n`` (at least one) independent ones were seen.

    Source:
        Wilson (1927); for none and for all of them the exact bound, the rule of three of 99 %.
    """
    edge = 1 - (1 - LEVEL) ** (1 / n)
    if k == 0:
        return 0.0, edge
    if k == n:
        return 1 - edge, 1.0
    centre = (k + NORMAL**2 / 2) / (n + NORMAL**2)
    half = NORMAL * math.sqrt(k * (n - k) / n + NORMAL**2 / 4) / (n + NORMAL**2)
    return max(0.0, centre - half), min(1.0, centre + half)


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
    weights: Counts

    @classmethod
    def of(cls, values: Floats, second: Ints, weights: Counts) -> Sample:
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
    Return the quantile of each resample; one without values gives the highest value.

    The sorted values are cut into blocks, the narrower the nearer they are to the quantile. How many values of each second lie below each
    block finds the block in which a resample reaches its rank, and only within that block it counts value by value:
    neither time nor memory grows with (values x seconds) or (values x resamples).
    """
    n, seconds = len(sample.values), sample.weights.shape[1]
    edges = _edges(n, seconds, q)
    block = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
    inside = np.bincount(block * seconds + sample.second, minlength=(len(edges) - 1) * seconds).reshape(-1, seconds)
    reached = _sums(sample.weights, np.cumsum(inside, axis=0))
    wanted = np.maximum(1, np.ceil(q * reached[-1] - 1e-9))
    within = np.argmax(reached >= wanted, axis=0)
    before = np.where(within > 0, reached[np.maximum(within, 1) - 1, np.arange(RESAMPLES)], 0.0)
    index = np.full(RESAMPLES, n - 1, np.int64)
    some = reached[-1] > 0
    for each in np.unique(within[some]):
        start, end = edges[each : each + 2]
        found = np.flatnonzero(some & (within == each))
        for part in np.array_split(found, -(-len(found) * (end - start) // _MOST_CELLS)):
            counted = np.cumsum(sample.weights.T[np.ix_(sample.second[start:end], part)], axis=0, dtype=np.float64)
            index[part] = start + np.argmax(counted >= (wanted - before)[part], axis=0)
    return sample.values[index]


_MOST_CELLS = 4_000_000
"""So many weights of single values are looked at together, which bounds the memory."""


def _edges(n: int, seconds: int, q: float) -> list[int]:
    """
    Return where the blocks of ``n`` values begin, and the last ends: around the rank of the quantile their lengths double outwards.

    They begin at the deviation of the rank of independent values, and end where counting blocks costs no more than counting within one.
    """
    rank, least = math.ceil(q * n), math.isqrt(n) // 2 + 1
    most = max(least, 4 * math.isqrt(n * max(1, seconds // 64)))
    edges, length = {0, rank, n}, least
    below, above = rank, rank
    while below > 0 or above < n:
        below, above = max(0, below - length), min(n, above + length)
        edges |= {below, above}
        length = min(2 * length, most)
    return sorted(edges)


def percentile_interval(drawn: Floats) -> tuple[float, float]:
    """Return the percentile interval of a bootstrap distribution."""
    lo, hi = np.quantile(drawn, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return float(lo), float(hi)


def quantile_estimate(sample: Sample, q: float, least: int | None = None) -> tuple[Estimate, Floats] | None:
    """
    Estimate a quantile, and return that of each resample too.

    None below ``least`` values, or ``minimum_samples``.
    """
    if len(sample.values) < (minimum_samples(q) if least is None else least):
        return None
    drawn = quantile_resampled(sample, q)
    return Estimate(quantile(sample, q), *percentile_interval(drawn), len(sample.values)), drawn


def student(degrees: int) -> float:
    """
    Return the quantile of 99.5 % of Student's distribution with so many degrees of freedom, at least one.

    Source: Student (1908) up to five degrees; Cornish & Fisher (1937), three terms, from there on, within 1 %.
    """
    if degrees < len(_FEW):
        return _FEW[max(0, degrees)]
    z, n = NORMAL, degrees
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / n + second / n**2 + third / n**3


_FEW = (63.657, 63.657, 9.925, 5.841, 4.604, 4.032)
"""By degrees of freedom; none are as good as one."""


def few(seconds: int, lost: int = 1) -> float:
    """
    Return by how much the interval of so many resampled seconds is too narrow, because they are few.

    Args:
        seconds: Of all windows together.
        lost: Degrees of freedom that their means take, one for each window.

    Source: the bootstrap's variance is (n - 1) / n of the sample's, and its quantiles are normal, not Student's
        (Hesterberg, 2015).
    """
    free = max(1, seconds - lost)
    return student(free) / NORMAL * math.sqrt(seconds / free)


def widening(values: Floats, *, surely: bool = False) -> float:
    """
    Return by how much wider an interval is because seconds resemble those before them, at least 1.

    Args:
        values: One a second, of a window in which nothing was done.
        surely: Whether they are as alike as so few seconds leave possible (two standard errors), and not as they seem.

    Source:
        The variance of a mean of n values of an autoregressive series, 1 + 2 Σ (1 - k/n) r^k times that of independent
        ones, and what their own variance misses because their mean wanders as well (4.9 times for r = 0.9 and n = 16);
        the bias of r in a short series after Marriott & Pope (1954).
    """
    n, left = len(values), values - np.mean(values) if len(values) else values
    square = float(left @ left)
    if n < 5 or square == 0:
        return 1.0
    alike = (float(left[1:] @ left[:-1]) / square + 1 / n) / (1 - 3 / n)
    if surely or alike > NOT_ALIKE:
        alike += (2.0 if surely else 0.5) * math.sqrt(max(0.0, 1 - alike**2) / n)
    alike = min(max(alike, 0.0), MOST_ALIKE)
    apart = np.arange(1, n)
    inflated = 1 + 2 * float(np.sum((1 - apart / n) * alike**apart))
    return math.sqrt(inflated / (1 - inflated / n))
