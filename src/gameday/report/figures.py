"""
Write numbers in tables, in the same way as ``analysis.wording`` writes them in sentences.

Units as in ``analysis.model``: ``s`` (printed as ms below one second), ``ratio`` (printed as percent), ``times`` (printed
with a multiplication sign), anything else is printed behind the number. Three significant digits, commas between thousands, a true minus sign.
"""

from __future__ import annotations

import math
from typing import Literal

from gameday.analysis.model import Interval
from gameday.analysis.wording import MINUS, bare_percent, bound, fixed, seconds, trimmed

NOTHING = "—"
UNBOUNDED = "not bounded"
TIMES = "\N{MULTIPLICATION SIGN}"


def quantity(value: float | None, unit: str) -> str:
    """Write a value with its unit: ``1.94 s``, ``23 ms``, ``52.6 %``, ``1,080 requests``; a dash for nothing."""
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return UNBOUNDED
    if unit == "s":
        return seconds(value)
    if unit == "ratio":
        return f"{bare_percent(value)} %"
    return _with_unit(significant(value), unit)


def latency(value_s: float | None, hang_s: float) -> str:
    """Write a quantile of response times; from the hang threshold on it is only known to be longer: ``> 3 s``."""
    if value_s is None or math.isnan(value_s):
        return NOTHING
    return f"> {trimmed(hang_s)} s" if value_s >= hang_s else seconds(value_s)


def measured(value: float | None, unit: str, interval: Interval | None) -> str:
    """
    Write a measured value.

    A value that is the lower bound of an interval without an upper one was cut off by the end of the measurement, so it is
    printed as ``> 14 s``.
    """
    if value is not None and interval is not None and math.isinf(interval.hi) and interval.lo >= value > 0:
        return f"> {limit(value, unit)}"
    return quantity(value, unit)


def limit(value: float, unit: str) -> str:
    """Write a declared bound as people write it, without padding: ``250 ms``, ``0.5 %``, ``1.2 queries per key``."""
    return bound(value, unit) if unit in {"s", "ratio"} else _with_unit(trimmed(value), unit)


def accepted(op: Literal["<", ">"] | None, at: float | None, unit: str) -> str:
    """Write an accepted range, to which its bound belongs: ``≤ 1.2 queries per key``; a dash when nothing is demanded."""
    if op is None or at is None:
        return NOTHING
    return f"{'≤' if op == '<' else '≥'} {limit(at, unit)}"


def interval_text(interval: Interval | None, unit: str) -> str:
    """Write an interval in one unit: ``[1.80, 2.10] s (99 %)``, an open end as ``∞``; empty without one."""
    if interval is None:
        return ""
    ends = [end for end in (interval.lo, interval.hi) if math.isfinite(end)]
    if not ends:
        return UNBOUNDED
    factor, suffix = _scale(max(abs(end) for end in ends), unit)
    pair = ", ".join(_end(end * factor, unit) for end in (interval.lo, interval.hi))
    return f"[{pair}]{suffix} ({trimmed(interval.level * 100)} %)"


def change(value: float, lo: float | None, hi: float | None, unit: str) -> str:
    """
    Write a difference with its interval at 99 %, if it has one, an open end as ``∞``: ``+12 ms [3.00, 27.0] ms (99 %)``.

    That of ratios (``times``) is a ratio itself.
    """
    sign = "+" if value > 0 and unit != "times" else ""
    if lo is None and hi is None:
        return f"{sign}{quantity(value, unit)}"
    ends = Interval(-math.inf if lo is None else lo, math.inf if hi is None else hi, 0.99)
    return f"{sign}{quantity(value, unit)} {interval_text(ends, unit)}"


def clock(t_s: float) -> str:
    """Write a time on the load's clock, to a tenth of a second: ``22.0 s``, negative before the load began."""
    return f"{fixed(t_s, 1)} s"


def count(n: float) -> str:
    """Write a count: ``1,080``."""
    return f"{n:,.0f}"


def share(part: float, whole: float) -> str:
    """Write a part of a whole in percent; a dash for a part of nothing."""
    return f"{bare_percent(part / whole)} %" if whole else NOTHING


def difference(predicted: float, measured_value: float) -> str:
    """Write how far a measured value is from a predicted one, in percent of the predicted: ``4.1 % more``, ``as predicted``."""
    if not predicted or not math.isfinite(predicted) or not math.isfinite(measured_value):
        return NOTHING
    off = measured_value / predicted - 1
    if abs(off) < 0.0005:
        return "as predicted"
    return f"{bare_percent(abs(off))} % {'more' if off > 0 else 'less'}"


def significant(value: float) -> str:
    """Write a plain number with three significant digits and no exponent; whole numbers keep all theirs."""
    if not math.isfinite(value):
        return "∞" if value > 0 else f"{MINUS}∞" if value < 0 else NOTHING
    if value == round(value) and abs(value) < 1e15:
        return fixed(value, 0)
    return _three_digits(value)


def coordinate(value: float) -> str:
    """Write a coordinate of a drawing, to a tenth, as short as can be."""
    text = f"{value:.1f}"
    return "0" if text == "-0.0" else text.removesuffix(".0")


def stable(value: float) -> float | None:
    """Round to nine significant digits, for files that machines read; None for what JSON cannot say."""
    return float(f"{value:.9g}") if math.isfinite(value) else None


def _with_unit(text: str, unit: str) -> str:
    if unit == "times":
        return f"{text}{TIMES}"
    return f"{text} {unit}" if unit else text


def _scale(largest: float, unit: str) -> tuple[float, str]:
    if unit == "s":
        return (1.0, " s") if largest >= 1 else (1000.0, " ms")
    return (100.0, " %") if unit == "ratio" else (1.0, TIMES if unit == "times" else "")


def _end(value: float, unit: str) -> str:
    if unit == "ratio" and math.isfinite(value):
        return bare_percent(value / 100)
    return _three_digits(value) if math.isfinite(value) and value else significant(value)


def _three_digits(value: float) -> str:
    return fixed(value, max(0, min(6, 2 - math.floor(math.log10(abs(value))))))
