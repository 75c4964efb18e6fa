"""
Write measured values as a person reads them.

Every number in a sentence or a report is written here, or by ``report.figures``, which adds what only tables need.
"""

from __future__ import annotations

import math

MINUS = "\N{MINUS SIGN}"


def seconds(value_s: float) -> str:
    """Write a duration: ``12.3 s``, ``1.94 s``, ``230 ms``, ``4.2 ms``, ``0.42 ms``, ``0 s``."""
    size_s = abs(value_s)
    if math.isinf(size_s):
        return "unbounded"
    if size_s == 0:
        return "0 s"
    if size_s >= 0.9995:
        return f"{fixed(value_s, 1 if size_s >= 9.995 else 2)} s"
    size_ms = size_s * 1000
    return f"{fixed(value_s * 1000, 0 if size_ms >= 9.95 else 1 if size_ms >= 0.995 else 2)} ms"


def percent(ratio: float) -> str:
    """Write a ratio as a percentage: ``0.48 %``, ``52.6 %``; only what is exactly all or nothing is ``100 %`` or ``0 %``."""
    return f"{bare_percent(ratio)} %"


def bare_percent(ratio: float) -> str:
    """Write the same without its sign."""
    size = abs(ratio) * 100
    if size in {0.0, 100.0}:
        return fixed(ratio * 100, 0)
    if 99.9 <= size < 100:
        return fixed(math.copysign(min(math.floor(size * 100 + 1e-6) / 100, 99.99), ratio), 2)
    if size < 0.005:
        return "<0.01" if ratio > 0 else f"{MINUS}<0.01"
    return fixed(ratio * 100, 1 if size >= 9.995 else 2)


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


def bound(value: float, unit: str) -> str:
    """Write a declared bound as people write it, without padding: ``250 ms``, ``0.5 %``, ``1.2 queries per key``."""
    if unit == "s":
        return f"{trimmed(value)} s" if abs(value) >= 1 or value == 0 else f"{trimmed(value * 1000)} ms"
    return f"{trimmed(value * 100)} %" if unit == "ratio" else f"{trimmed(value)} {unit}"


def between(lo: float, hi: float, unit: str) -> str:
    """Write an interval in a finding's unit."""
    return f"[{quantity(lo, unit)}, {quantity(hi, unit)}]"


def trimmed(value: float) -> str:
    """Write a number with at most four decimals and no trailing zeros: ``0.5``, ``250``, ``1.2``."""
    text = fixed(value, 4)
    return text.rstrip("0").rstrip(".") if "." in text else text


def fixed(value: float, decimals: int) -> str:
    """Write a number with so many decimals, commas between thousands and a true minus sign."""
    text = f"{abs(value):,.{decimals}f}"
    return f"{MINUS}{text}" if value < 0 and text.strip("0.,") else text
