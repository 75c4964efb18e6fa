"""Plot one route over time: response time, what became of its requests, requests in flight; and signals of the system."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from markupsafe import Markup

from gameday.analysis.model import Analysis, RouteSeries, SystemSeries
from gameday.experiment.plan import Phase
from gameday.report import figures, svg
from gameday.report.routes import KINDS

WIDTH, HEIGHT = 340.0, 152.0
LEFT, RIGHT, TOP, BOTTOM = 40.0, 314.0, 16.0, 135.0
FLOOR_S = 0.001
"""Response times below a millisecond are drawn as one: nothing is decided down there."""


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


def outcomes(route: RouteSeries, analysis: Analysis, told: str) -> Markup:
    """Plot what became of each second's requests, stacked, best at the bottom."""
    x = _time_axis(analysis)
    columns = list(zip(*(_counts(route, kind) for kind in KINDS), strict=True))
    ticks = svg.linear_ticks(max([1, *(sum(column) for column in columns)]))
    y = svg.Scale(0, ticks[-1], BOTTOM, TOP)
    parts = [*_frame(analysis, x, _labelled(ticks, y, "/s"))]
    width = x(1.0) - x(0.0)
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
    parts.append(svg.polyline(_points([t + 1 for t in route.start_s], route.in_flight, x, y), "line flight"))
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
    for start_s, end_s, _ in analysis.faulted:
        if end_s - start_s < 1:
            yield svg.segment(x(start_s), TOP, x(start_s), BOTTOM, "struck")
        else:
            yield svg.box(x(start_s), TOP, x(end_s) - x(start_s), BOTTOM - TOP, "band")
    for kill in analysis.kills:
        for moment_s in (kill.left_s, kill.failed_s, kill.ready_s, kill.back_s):
            if moment_s is not None:
                yield svg.segment(x(moment_s), TOP, x(moment_s), BOTTOM, "moment")
    for y, name in ticks:
        yield svg.segment(LEFT, y, RIGHT, y, "grid")
        yield svg.text(LEFT - 4, y + 3.2, name, anchor="end")
    times = [second for second in svg.linear_ticks(x.hi, about=6) if second <= x.hi]
    for second in times:
        last = second == times[-1]
        yield svg.text(x(second), BOTTOM + 12, f"{figures.trimmed(second)}{' s' if last else ''}", anchor="middle")


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
    """Draw an unseen column per second whose title a mouse shows."""
    width = x(1.0) - x(0.0)
    for k, start_s in enumerate(route.start_s):
        title = svg.element("title", f"{figures.trimmed(start_s)} s: {told(k)}")
        yield svg.element("rect", title, x=x(start_s), y=TOP, width=width, height=BOTTOM - TOP, class_="hover")


def _times_of(route: RouteSeries, k: int, hang_s: float) -> str:
    return f"p50 {figures.latency(route.p50_s[k], hang_s)}, p95 {figures.latency(route.p95_s[k], hang_s)}"


def _counts_of(column: Sequence[int]) -> str:
    return ", ".join(f"{n} {kind}" for n, kind in zip(column, KINDS, strict=True) if n) or "nothing scheduled"


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
    return [(y(tick), f"{figures.trimmed(tick)}{unit if tick == ticks[-1] else ''}") for tick in ticks]


def _short(value: float, unit: str) -> str:
    return (
        f"{figures.trimmed(value * 100)} %"
        if unit == "ratio"
        else _short_time(value)
        if unit == "s"
        else figures.trimmed(value)
    )


def _short_time(value_s: float) -> str:
    return figures.limit(value_s, "s").replace(" ", "\N{NARROW NO-BREAK SPACE}")
