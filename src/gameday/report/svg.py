"""
Draw small plots as SVG text: scales, ticks and a frame with phases and faults; no numbers are judged here.

Coordinates are in units of about one CSS pixel on a phone, so that a plot keeps its letters legible at 340 pixels; colours and patterns are
classes of the page's style sheet. Everything returned is markup that is safe to embed: texts are escaped here.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from gameday.report.figures import coordinate

LETTER = 5.4
"""The mean width of a letter at the style sheet's size of plot text (10 units): an estimate that errs on the wide side."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Map values in ``[lo, hi]`` to coordinates from ``start`` to ``end``; beyond the ends values are clipped."""

    lo: float
    hi: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the coordinate of a value; infinity is an end."""
        clipped = min(max(value, self.lo), self.hi)
        if self.log:
            part = math.log(clipped / self.lo) / math.log(self.hi / self.lo)
        else:
            part = (clipped - self.lo) / (self.hi - self.lo)
        return self.start + part * (self.end - self.start)


def linear_ticks(hi: float, *, about: int = 3) -> tuple[float, ...]:
    """Return round ticks from 0 that cover ``hi``; the last one is the end of the axis. Steps are 1, 2, 2.5 or 5 times a power of ten."""
    if not math.isfinite(hi) or hi <= 0:
        return (0.0, 1.0)
    rough = hi / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= rough * 0.999)
    return tuple(step * k for k in range(math.ceil(hi / step * 0.9999) + 1))


def decades(lo: float, hi: float) -> tuple[float, ...]:
    """Return the powers of ten in ``[lo, hi]``."""
    first, last = math.ceil(math.log10(lo) - 1e-9), math.floor(math.log10(hi) + 1e-9)
    return tuple(10.0**k for k in range(first, last + 1))


def element(name: str, inner: Markup | str = "", /, **attributes: float | str | None) -> Markup:
    """Write an element; floats become coordinates, ``_`` in names a dash, a trailing one is dropped, None leaves out."""
    written = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), coordinate(v) if isinstance(v, float | int) else v)
        for key, v in attributes.items()
        if v is not None
    )
    template = Markup("<{0}{1}>{2}</{0}>") if inner else Markup("<{0}{1}/>")
    return template.format(name, written, inner)


def text(x: float, y: float, words: str, *, anchor: str = "start", role: str = "label") -> Markup:
    """Write words; ``anchor`` is start, middle or end."""
    return element("text", words, x=x, y=y, text_anchor=None if anchor == "start" else anchor, class_=role)


def segment(x1: float, y1: float, x2: float, y2: float, role: str) -> Markup:
    """Draw a straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=role)


def box(x: float, y: float, width: float, height: float, role: str) -> Markup:
    """Draw a filled rectangle."""
    return element("rect", x=x, y=y, width=max(width, 0.0), height=max(height, 0.0), class_=role)


def polyline(points: Iterable[tuple[float, float] | None], role: str) -> Markup:
    """Draw a line through points; None is a gap, a point alone between gaps becomes a dash one unit long."""
    runs: list[list[str]] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(f"{coordinate(point[0])} {coordinate(point[1])}")
    parts = [f"M{run[0]}{'L' + ' '.join(run[1:]) if len(run) > 1 else 'h1'}" for run in runs if run]
    return element("path", d="".join(parts), class_=role) if parts else Markup("")


def bars(columns: Iterable[tuple[float, float, float, float]], role: str) -> Markup:
    """Draw rectangles (x, y, width, height) as one path; those without height are left out."""
    parts = [
        f"M{coordinate(x)} {coordinate(y)}h{coordinate(width)}v{coordinate(height)}h{coordinate(-width)}z"
        for x, y, width, height in columns
        if height > 0
    ]
    return element("path", d="".join(parts), class_=role) if parts else Markup("")


def apart(wanted: Sequence[float], *, least: float) -> tuple[float, ...]:
    """Move coordinates as little as need be so that neighbours are ``least`` apart; the order of the input is kept."""
    placed = list(wanted)
    order = sorted(range(len(placed)), key=lambda index: placed[index])
    for before, after in itertools.pairwise(order):
        placed[after] = max(placed[after], placed[before] + least)
    return tuple(placed)


def drawing(width: float, height: float, parts: Iterable[Markup], *, title: str, role: str) -> Markup:
    """Close a drawing: its title is the text that stands for it where it cannot be seen."""
    return element(
        "svg",
        Markup("").join(parts),
        viewBox=f"0 0 {coordinate(width)} {coordinate(height)}",
        role="img",
        aria_label=title,
        class_=role,
    )
