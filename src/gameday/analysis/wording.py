"""Write measured values as a person reads them."""

from __future__ import annotations

import math


def seconds(value_s: float) -> str:
    """Write a time: ``0.42 ms``, ``412 ms``, ``2.01 s``."""
    if math.isinf(value_s):
        return "unbounded"
    size_s = abs(value_s)
    if size_s < 0.001:
        return f"{value_s * 1000:.2f} ms"
    if size_s < 0.01:
        return f"{value_s * 1000:.1f} ms"
    return f"{value_s * 1000:.0f} ms" if size_s < 1 else f"{value_s:.2f} s"


def percent(ratio: float) -> str:
    """Write a ratio in 0..1 as a percentage with at most two decimals: ``0.48 %``, ``100 %``."""
    return f"{ratio * 100:.2f}".rstrip("0").rstrip(".") + " %"


def times(ratio: float) -> str:
    """Write a factor: ``3.1 times``."""
    return f"{ratio:.2f} times"


def quantity(value: float, unit: str) -> str:
    """Write a value in a finding's unit."""
    if unit == "s":
        return seconds(value)
    if unit == "ratio":
        return percent(value)
    return f"{value:.2f} {unit}"


def between(lo: float, hi: float, unit: str) -> str:
    """Write an interval in a finding's unit."""
    return f"[{quantity(lo, unit)}, {quantity(hi, unit)}]"
