"""
What a sample can show: how many requests a threshold needs before it can be passed.

The checks of an experiment and the analysis of its run share these numbers, so that what is accepted can be judged.

Source:
    The exact binomial bound for no events (Clopper & Pearson 1934): with nothing bad in ``n`` requests the upper 99 % bound of
    the bad share is ``1 - (1 - 0.99)^(1/n)``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

CONFIDENCE = 0.99
"""The level of every interval: routes times metrics are about ten, so that 99 % each keeps false alarms of a run rare."""
NORMAL, NORMAL_95 = 2.5758293035489004, 1.6448536269514722
"""The normal quantiles of 99.5 % (the ends of every interval) and of 95 % (how surely an effect is seen)."""
LEAST_FOR_P50 = 30
"""Fifteen requests lie on either side."""
LEAST_BEYOND = 10
"""So many requests must lie beyond any other quantile."""
LEAST_FOR_P95 = 200
"""Ten requests lie beyond the quantile."""
QUANTILES: Mapping[str, float] = MappingProxyType({"p50": 0.5, "p95": 0.95})
"""The quantiles that a probe may bound, by the key that declares them."""
MATERIAL_S = 0.020
"""The latency margin that is judged: a difference below it is nobody's trouble, a generator later than this moves the verdict."""
BIN_S = 3.0
"""Recovery is seen in bins of this width."""
PLANNED_PER_BIN = 100
"""What a bin of the recovery must be expected to hold for its quantiles to be judged."""
LEAST_PER_BIN = 60
"""What it must then hold: Poisson arrivals fall from a hundred to below this once in a hundred thousand bins."""
BURN_S = 10.0
"""The burn of an error budget is looked at over this long (SRE workbook, ch. 5), and over a shorter window beside it."""
LEAST_BAD = 20
"""Bad requests within ``BURN_S`` below which no burn rate is believed: at 60/s one error in two seconds is already a burn of 0.8."""
LEAST_S = 10.0
"""Latencies are compared by resampling whole seconds, and fewer than ten seconds make no interval."""


def smallest_share(n: float) -> float:
    """Return the smallest bad share (0..1) that a clean sample of ``n`` requests excludes; 1 for none."""
    return 1 - (1 - CONFIDENCE) ** (1 / n) if n >= 1 else 1.0


def needed(bad_share: float) -> int | None:
    """Return how many clean requests show that the bad share is at most this; None when no number does."""
    if bad_share <= 0:
        return None
    return 1 if bad_share >= CONFIDENCE else math.ceil(math.log(1 - CONFIDENCE) / math.log1p(-bad_share))


def visible_slowdown(error: float, most: float) -> float:
    """
    Return the smallest ratio that is seen to be beyond ``most`` with a probability of 95 %.

    Args:
        error: The standard error of the ratio's logarithm.
        most: The largest ratio that is accepted.
    """
    return most * math.exp((NORMAL + NORMAL_95) * error)


def quiet_error(n: float) -> float:
    """
    Return the standard error of the logarithm of a p95 of ``n`` requests to a quiet service.

    Its times are lognormal with a sigma of 0.5.

    Source: the asymptotic variance of a quantile, q (1 - q) / (n f²), where f is the density at the quantile.
    """
    density = math.exp(-(NORMAL_95**2) / 2) / math.sqrt(2 * math.pi) / 0.5
    return math.sqrt(0.95 * 0.05 / max(n, 1)) / density


def visible_share(before: float, after: float, most: float) -> float:
    """
    Return the smallest share of bad requests that is seen to be too large with a probability of 95 %.

    Args:
        before: How many requests the baseline has.
        after: How many there are while the fault is on.
        most: The largest share, beyond the baseline's, that is accepted.
    """
    unsure, low, high = smallest_share(before), most, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        error = math.sqrt(middle * (1 - middle) / max(after, 1))
        seen = middle - math.hypot(NORMAL * error, unsure) - NORMAL_95 * error > most
        low, high = (low, middle) if seen else (middle, high)
    return high
