"""Plot one route over time: response time, what became of its requests, requests in flight; and signals of the system."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from markupsafe import Markup

from gameday.analysis import wording
from gameday.analysis.model import Analysis, RouteSeries, SystemSeries
from gameday.experiment.plan import Phase
from gameday.report import figures, svg
from gameday.report.routes import KINDS

WIDTH, HEIGHT = 340.0, 152.0
LEFT, RIGHT, TOP, BOTTOM = 40.0, 314.0, 16.0, 135.0
MOST_COLUMNS = 137
"""More columns than every second unit of a plot's width cannot be told apart, and would make the page of a long run large."""
MOST_MARKS = 20
"""More faults or moments than this are drawn as one path."""
FLOOR_S = 0.001
"""Response times below a millisecond are drawn as one: nothing is decided down there."""


def thinned(route: RouteSeries) -> RouteSeries:
    """
    Return a series that has no more bins than a plot has columns: each shows its worst second.

    Counts are those of the bin with most that was not good, quantiles and requests in flight the largest.
    """
    count = -(-len(route.start_s) // MOST_COLUMNS)
    if count <= 1:
        return route
    groups = [range(first, min(first + count, len(route.start_s))) for first in range(0, len(route.start_s), count)]
    worst = [max(group, key=lambda k: route.hung[k] + route.bad[k] + route.rejected[k]) for group in groups]

    def largest(values: Sequence[float | None]) -> tuple[float | None, ...]:
        return tuple(max((value for k in group if (value := values[k]) is not None), default=None) for group in groups)

    return replace(
        route,
        start_s=tuple(route.start_s[group[0]] for group in groups),
        good=tuple(route.good[k] for k in worst),
        degraded=tuple(route.degraded[k] for k in worst),
        rejected=tuple(route.rejected[k] for k in worst),
        bad=tuple(route.bad[k] for k in worst),
        hung=tuple(route.hung[k] for k in worst),
        p50_s=largest(route.p50_s),
        p95_s=largest(route.p95_s),
        in_flight=tuple(max(route.in_flight[k] for k in group) for group in groups),
    )


def _thinned(series: SystemSeries) -> SystemSeries:
    """Return a signal with the least and the largest value of each column, in the order in which they came."""
    count = -(-len(series.t_s) // MOST_COLUMNS)
    if count <= 2:
        return series
    kept: list[int] = []
    for first in range(0, len(series.t_s), count):
        group = range(first, min(first + count, len(series.t_s)))
        kept += sorted({min(group, key=series.values.__getitem__), max(group, key=series.values.__getitem__)})
    return replace(series, t_s=tuple(series.t_s[k] for k in kept), values=tuple(series.values[k] for k in kept))


def response_times(route: RouteSeries, analysis: Analysis, told: str, *, deadline_s: float, hang_s: float) -> Markup:
    """
    Plot p50 and p95 on a logarithmic axis, with the deadline and the hang threshold as lines.

    ``told`` says the same in words, for who cannot see the plot; so it does for the other plots of a route.
    """
    x = _time_axis(analysis)
    top_s = max([hang_s, deadline_s, *(value for value in route.p95_s if value is not None)]) * 2.2
    y = svg.Scale(FLOOR_S, top_s, BOTTOM, TOP, log=True)
    ticks = [(y(value), _short_time(value)) for value in svg.decades(FLOOR_S, top_s)]
    parts = [*_frame(analysis, x, ticks)]
    for value_s, name in ((deadline_s, "late from"), (hang_s, "hung from")):
        parts.append(svg.segment(LEFT, y(value_s), RIGHT, y(value_s), "limit"))
        parts.append(svg.text(LEFT + 3, y(value_s) - 2.5, f"{name} {figures.limit(value_s, 's')}", role="note halo"))
    lines = (("p95", route.p95_s), ("p50", route.p50_s))
    ends = [
        next((y(value) for value in reversed(values) if value is not None), None)  # where the line's name belongs
        for _, values in lines
    ]
    for name, values in reversed(lines):
        parts.append(svg.polyline(_points(route.start_s, values, x, y), f"line {name}"))
    named = [(name, end) for (name, _), end in zip(lines, ends, strict=True) if end is not None]
    for (name, _), at in zip(named, svg.apart([end for _, end in named], least=10), strict=True):
        parts.append(svg.text(RIGHT + 3, at + 3, name, role=f"label {name}"))
    parts.extend(_hover(route, x, lambda k: _times_of(route, k, hang_s)))
    return svg.drawing(WIDTH, HEIGHT, parts, title=f"Response time of {route.route} over time. {told}", role="plot")


def outcomes(route: RouteSeries, analysis: Analysis, told: str, *, bin_s: float = 1.0) -> Markup:
    """Plot what became of each second's requests, stacked, best at the bottom; counts are those of ``bin_s``."""
    x = _time_axis(analysis)
    columns = [
        column if bin_s == 1 else tuple(n / bin_s for n in column)
        for column in zip(*(_counts(route, kind) for kind in KINDS), strict=True)
    ]
    ticks = svg.linear_ticks(max([1, *(sum(column) for column in columns)]))
    y = svg.Scale(0, ticks[-1], BOTTOM, TOP)
    parts = [*_frame(analysis, x, _labelled(ticks, y, "/s"))]
    width = x(route.width_s) - x(0.0)
    for index, kind in enumerate(KINDS):
        drawn = (
            (x(start_s), y(sum(column[: index + 1])), width, y(sum(column[:index])) - y(sum(column[: index + 1])))
            for start_s, column in zip(route.start_s, columns, strict=True)
        )
        parts.append(svg.bars(drawn, f"fill {kind}"))
    parts.extend(_hover(route, x, lambda k: _counts_of(columns[k])))
    return svg.drawing(WIDTH, HEIGHT, parts, title=f"Outcomes of {route.route} per second. {told}", role="plot")


def in_flight(route: RouteSeries, analysis: Analysis) -> Markup:
    """Plot how many of the route's requests were open at the end of each second."""
    x = _time_axis(analysis)
    ticks = svg.linear_ticks(max([4, *route.in_flight]))
    y = svg.Scale(0, ticks[-1], BOTTOM, TOP)
    parts = [*_frame(analysis, x, _labelled(ticks, y, ""))]
    parts.append(
        svg.polyline(_points([t + route.width_s for t in route.start_s], route.in_flight, x, y), "line flight")
    )
    parts.extend(_hover(route, x, lambda k: f"{route.in_flight[k]} in flight"))
    return svg.drawing(
        WIDTH,
        HEIGHT,
        parts,
        title=f"Requests of {route.route} in flight, at most {max((0, *route.in_flight))}",
        role="plot",
    )


def signal(series: SystemSeries, analysis: Analysis) -> Markup:
    """Plot one signal of the system under test, with the limit that it cannot pass."""
    series = _thinned(series)
    x = _time_axis(analysis)
    finite = [value for value in (*series.values, series.limit or 0.0) if math.isfinite(value)]
    ticks = (0.0, 0.5, 1.0) if series.unit == "ratio" and max(finite) <= 1 else svg.linear_ticks(max([*finite, 1e-9]))
    y = svg.Scale(0, ticks[-1] * 1.08, BOTTOM, TOP)
    names = [(y(value), _short(value, series.unit)) for value in ticks]
    parts = [*_frame(analysis, x, names)]
    if series.limit is not None:
        at = y(series.limit)
        parts.append(svg.segment(LEFT, at, RIGHT, at, "limit"))
        parts.append(svg.text(LEFT + 3, at + 9 if at < TOP + 12 else at - 2.5, "limit", role="note halo"))
    values = [value if math.isfinite(value) else None for value in series.values]
    parts.append(svg.polyline(_points(series.t_s, values, x, y), "line signal"))
    return svg.drawing(
        WIDTH, HEIGHT, parts, title=f"{series.title} over time, at most {_short(max(finite), series.unit)}", role="plot"
    )


def _time_axis(analysis: Analysis) -> svg.Scale:
    return svg.Scale(0.0, max([1.0, *(phase.end_s for phase in analysis.phases)]), LEFT, RIGHT)


def _frame(analysis: Analysis, x: svg.Scale, ticks: Iterable[tuple[float, str]]) -> Iterator[Markup]:
    """Draw what lies behind every plot: phases with their names, the fault's shade, a kill's moments, the grid and both axes."""
    for phase in analysis.phases:
        yield from _phase(phase, x)
    yield from _upright((x(start_s) for start_s, end_s, _ in analysis.faulted if end_s - start_s < 1), "struck")
    for start_s, end_s in _joined((start_s, end_s) for start_s, end_s, _ in analysis.faulted if end_s - start_s >= 1):
        yield svg.box(x(start_s), TOP, x(end_s) - x(start_s), BOTTOM - TOP, "band")
    moments = ((kill.left_s, kill.failed_s, kill.ready_s, kill.back_s) for kill in analysis.kills)
    yield from _upright((x(moment_s) for four in moments for moment_s in four if moment_s is not None), "moment")
    for y, name in ticks:
        yield svg.segment(LEFT, y, RIGHT, y, "grid")
        yield svg.text(LEFT - 4, y + 3.2, name, anchor="end")
    times = [second for second in svg.linear_ticks(x.hi, about=6) if second <= x.hi]
    for second in times:
        last = second == times[-1]
        yield svg.text(x(second), BOTTOM + 12, f"{wording.trimmed(second)}{' s' if last else ''}", anchor="middle")


def _upright(places: Iterable[float], role: str) -> Iterator[Markup]:
    """Draw upright lines; many of them as one path, each place once."""
    at = list(places)
    if len(at) > MOST_MARKS:
        once = dict.fromkeys(map(figures.coordinate, at))
        yield svg.element("path", d="".join(f"M{each} {TOP:g}V{BOTTOM:g}" for each in once), class_=role)
        return
    for each in at:
        yield svg.segment(each, TOP, each, BOTTOM, role)


def _joined(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return spans as they are; of many, those that touch as one."""
    found = list(spans)
    if len(found) <= MOST_MARKS:
        return found
    joined: list[tuple[float, float]] = []
    for start_s, end_s in sorted(found):
        if joined and start_s <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end_s, joined[-1][1])
        else:
            joined.append((start_s, end_s))
    return joined


def _phase(phase: Phase, x: svg.Scale) -> Iterator[Markup]:
    start, end = x(phase.start_s), x(phase.end_s)
    if phase.name == "warmup":
        yield svg.box(start, TOP, end - start, BOTTOM - TOP, "unjudged")
    else:
        yield svg.segment(start, TOP - 9, start, BOTTOM, "border")
    if len(phase.name) * svg.LETTER + 4 <= end - start:
        yield svg.text(start + 3, TOP - 4, phase.name, role="phase fault" if phase.name == "fault" else "phase")


def _points(
    times: Sequence[float], values: Sequence[float | None], x: svg.Scale, y: svg.Scale
) -> Iterator[tuple[float, float] | None]:
    for t_s, value in zip(times, values, strict=True):
        yield None if value is None else (x(t_s), y(value))


def _hover(route: RouteSeries, x: svg.Scale, told: Callable[[int], str]) -> Iterator[Markup]:
    """Draw an unseen column per bin whose title a mouse shows."""
    width = x(route.width_s) - x(0.0)
    for k, start_s in enumerate(route.start_s):
        title = svg.element("title", f"{wording.trimmed(start_s)} s: {told(k)}")
        yield svg.element("rect", title, x=x(start_s), y=TOP, width=width, height=BOTTOM - TOP, class_="hover")


def _times_of(route: RouteSeries, k: int, hang_s: float) -> str:
    return f"p50 {figures.latency(route.p50_s[k], hang_s)}, p95 {figures.latency(route.p95_s[k], hang_s)}"


def _counts_of(column: Sequence[float]) -> str:
    return (
        ", ".join(f"{wording.trimmed(n)} {kind}" for n, kind in zip(column, KINDS, strict=True) if n)
        or "nothing scheduled"
    )


def _counts(route: RouteSeries, kind: str) -> tuple[int, ...]:
    counts: dict[str, tuple[int, ...]] = {
        "ok": tuple(good - degraded for good, degraded in zip(route.good, route.degraded, strict=True)),
        "degraded": route.degraded,
        "rejected": route.rejected,
        "bad": route.bad,
        "hung": route.hung,
    }
    return counts[kind]


def _labelled(ticks: Sequence[float], y: svg.Scale, unit: str) -> list[tuple[float, str]]:
    return [(y(tick), f"{wording.trimmed(tick)}{unit if tick == ticks[-1] else ''}") for tick in ticks]


def _short(value: float, unit: str) -> str:
    return (
        f"{wording.trimmed(value * 100)} %"
        if unit == "ratio"
        else _short_time(value)
        if unit == "s"
        else wording.trimmed(value)
    )


def _short_time(value_s: float) -> str:
    return figures.limit(value_s, "s").replace(" ", "\N{NARROW NO-BREAK SPACE}")
