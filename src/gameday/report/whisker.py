"""Draw a check as a whisker: the interval, the value in it, and the accepted range behind them."""

from __future__ import annotations

import math

from markupsafe import Markup

from gameday.analysis.model import Finding, Status
from gameday.report import figures, svg

WIDTH, HEIGHT = 150.0, 22.0
EDGE = 8.0


def whisker(check: Finding, value: str, interval: str) -> Markup:
    """
    Draw the interval against the threshold; nothing where there is no value or no threshold.

    The axis is its own for every check, logarithmic where the numbers span more than a factor of twenty; an interval that is not bounded ends
    in an arrow. ``value`` and ``interval`` say the same in words, for who cannot see it.
    """
    if check.value is None or check.bound is None or check.op is None or math.isnan(check.value):
        return Markup("")
    ends = (check.interval.lo, check.interval.hi) if check.interval else (check.value, check.value)
    scale = _scale([number for number in (*ends, check.value, check.bound) if math.isfinite(number)])
    at, middle = scale(check.bound), HEIGHT / 2
    accepted = (0.0, at) if check.op == "<" else (at, WIDTH - at)
    lo, hi = scale(ends[0]), scale(ends[1])
    parts = [
        svg.box(accepted[0], 3, accepted[1], HEIGHT - 6, "accepted"),
        svg.segment(at, 1, at, HEIGHT - 1, "threshold"),
        svg.segment(lo, middle, hi, middle, "stem"),
        _end(lo, middle, -1 if math.isinf(ends[0]) else 0),
        _end(hi, middle, 1 if math.isinf(ends[1]) else 0),
        _mark(scale(check.value), middle, check.status),
    ]
    title = f"{value} {interval}".rstrip() + f", accepted {figures.accepted(check.op, check.bound, check.unit)}"
    return svg.drawing(WIDTH, HEIGHT, parts, title=title, role=f"whisker {check.status}")


def _scale(numbers: list[float]) -> svg.Scale:
    lo, hi = min(numbers), max(numbers)
    if lo > 0 and hi / lo > 20:
        return svg.Scale(lo / 1.3, hi * 1.3, EDGE, WIDTH - EDGE, log=True)
    lo, hi = (min(lo, 0.0), hi) if lo < 0.6 * hi else (lo, hi)
    margin = 0.06 * (hi - lo) or 0.1 * abs(hi) or 1.0
    return svg.Scale(lo if lo == 0 else lo - margin, hi + margin, EDGE, WIDTH - EDGE)


def _end(x: float, y: float, arrow: int) -> Markup:
    if not arrow:
        return svg.segment(x, y - 4, x, y + 4, "stem")
    return svg.polyline([(x, y - 4), (x + 5 * arrow, y), (x, y + 4)], "stem open")


def _mark(x: float, y: float, status: Status) -> Markup:
    """Draw the value as a shape of its own per status, so that colour is never the only sign."""
    if status == Status.PASS:
        return svg.element("circle", cx=x, cy=y, r=3.6, class_="mark")
    if status == Status.FAIL:
        return svg.polyline([(x - 4, y - 4), (x + 4, y + 4), None, (x + 4, y - 4), (x - 4, y + 4)], "mark cross")
    return svg.element(
        "path", d=f"M{figures.coordinate(x)} {figures.coordinate(y - 4.5)}l4.5 4.5l-4.5 4.5l-4.5 -4.5z", class_="mark"
    )
