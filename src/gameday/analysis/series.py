"""Bin the routes over time and sum them up per phase, for plots and tables."""

from __future__ import annotations

import itertools

import numpy as np

from gameday.analysis.case import Case
from gameday.analysis.model import RouteSeries, RouteSummary
from gameday.analysis.routes import Requests
from gameday.analysis.statistics import Bools, Floats, Ints, minimum_samples
from gameday.analysis.windows import Window
from gameday.record.requests import Outcome

MOST_BINS = 900
"""A longer run has wider bins: a report of a day must be no larger than one of a quarter of an hour."""
BIN_N = 10
"""Below ten requests a bin's quantile is one request's luck; it is drawn, never judged."""


def route_series(case: Case) -> tuple[RouteSeries, ...]:
    """Return every route in bins of one second, of more in a long run, in the plan's order."""
    return tuple(_series(case, case.routes[route]) for route in _seen(case))


def _seen(case: Case) -> tuple[str, ...]:
    """Return the plan's routes; of a closed load those to which requests came."""
    return tuple(load.route for load in case.plan.routes if not case.plan.closed or len(case.routes[load.route]))


def _series(case: Case, requests: Requests) -> RouteSeries:
    length = max(1, int(np.ceil(case.plan.duration_s)))
    width = -(-length // MOST_BINS)
    bins = -(-length // width)
    whole = Window("run", 0.0, float(length))
    requests = requests.within(whole)
    second = whole.second(requests.scheduled_s) // width
    hung = requests.hung
    rejected = requests.being(Outcome.REJECTED) & ~hung

    def count(mask: Bools) -> tuple[int, ...]:
        return tuple(np.bincount(second[mask], minlength=bins).tolist())

    return RouteSeries(
        route=requests.route,
        start_s=tuple(float(index * width) for index in range(bins)),
        good=count(requests.good & ~hung),
        degraded=count(requests.degraded & ~hung),
        rejected=count(rejected),
        bad=count(~requests.good & ~rejected & ~hung),
        hung=count(hung),
        p50_s=_quantiles(requests, second, bins, 0.5),
        p95_s=_quantiles(requests, second, bins, 0.95),
        in_flight=_in_flight(requests, length, width),
    )


def _quantiles(requests: Requests, second: Ints, bins: int, q: float) -> tuple[float | None, ...]:
    sent = ~requests.dropped
    second, values = second[sent], requests.response_s[sent]
    order = np.lexsort((values, second))
    ordered, first = values[order], np.searchsorted(second[order], np.arange(bins + 1))
    found: list[float | None] = []
    for start, end in itertools.pairwise(first):
        n = int(end - start)
        found.append(round(float(ordered[start + int(np.ceil(q * n)) - 1]), 6) if n >= BIN_N else None)
    return tuple(found)


def _in_flight(requests: Requests, length: int, width: int) -> tuple[int, ...]:
    sent = requests.where(~requests.dropped)
    edges: Floats = np.arange(1, length + 1, dtype=np.float64)
    ended_s = np.where(sent.being(Outcome.CENSORED), np.inf, sent.ended_s)
    begun = np.searchsorted(np.sort(sent.scheduled_s), edges, side="right")
    open_ = begun - np.searchsorted(np.sort(ended_s), edges, side="right")
    return tuple(np.maximum.reduceat(open_, np.arange(0, length, width)).tolist())


def summaries(case: Case) -> tuple[RouteSummary, ...]:
    """Return every route in every planned phase, in the plan's order; quantiles only where n allows to print them."""
    return tuple(
        _summary(case, route, Window(phase.name, phase.start_s, phase.end_s))
        for route in _seen(case)
        for phase in case.plan.phases
    )


def _summary(case: Case, route: str, window: Window) -> RouteSummary:
    inside = case.routes[route].within(window)
    scheduled = case.scheduled(route, window)
    values = np.sort(inside.response_s[~inside.dropped])
    p50_s, p95_s, p99_s = (
        float(values[int(np.ceil(q * len(values))) - 1]) if len(values) >= minimum_samples(q) else None
        for q in (0.5, 0.95, 0.99)
    )
    return RouteSummary(
        route=route,
        phase=window.label,
        scheduled=scheduled,
        outcomes={each.name.lower(): int(np.count_nonzero(inside.outcome == each)) for each in Outcome},
        missing=max(0, scheduled - len(np.unique(inside.seq))),
        cut=int(np.count_nonzero(inside.cut)),
        p50_s=p50_s,
        p95_s=p95_s,
        p99_s=p99_s,
    )
