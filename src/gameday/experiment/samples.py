"""
What a sample can show: how many requests a threshold needs before it can be passed.

Source:
    The exact binomial bound for no events (Clopper & Pearson 1934): with nothing bad in ``n`` requests the upper 99 % bound of
    the bad share is ``1 - (1 - 0.99)^(1/n)``.
"""

from __future__ import annotations

import math

CONFIDENCE = 0.99
LEAST_FOR_P95 = 200
"""Ten requests lie beyond the quantile."""
LEAST_FOR_P50 = 30
"""Fifteen requests lie on either side."""
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
