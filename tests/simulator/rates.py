"""Test a claimed rate on a number of runs without flaking when the claim is true."""

from __future__ import annotations

import math

UNLUCKY = 1e-4
"""A true claim is rejected at most this often; the more seeds, the sharper the test."""


def most(n: int, rate: float) -> int:
    """Return how often something of this rate may happen in n runs before the rate is no longer believable."""
    tail, count = 1.0, -1
    while tail > UNLUCKY:
        count += 1
        tail -= math.comb(n, count) * rate**count * (1 - rate) ** (n - count)
    return count


def least(n: int, rate: float) -> int:
    """Return how often something of at least this rate must happen in n runs."""
    return n - most(n, 1 - rate)
