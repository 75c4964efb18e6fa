"""Group the signals of the system under test for plots: pools, database, cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from gameday.analysis.case import Case
from gameday.analysis.model import SystemSeries
from gameday.analysis.pools import increments, mapped, pools, total
from gameday.record.metrics import Series


def system_series(case: Case) -> tuple[SystemSeries, ...]:
    """Return what the services published, within the load's time; empty when they published nothing."""
    end_s = case.plan.duration_s + case.plan.experiment.load.hang_s
    found = (_cut(each, end_s) for each in (*_pools(case), *_stores(case, "postgres", "database"), *_cache(case)))
    return tuple(each for each in found if each.t_s)


def _cut(series: SystemSeries, end_s: float) -> SystemSeries:
    inside = [(t, v) for t, v in zip(series.t_s, series.values, strict=True) if 0 <= t <= end_s]
    return SystemSeries(
        series.group, series.title, series.unit, tuple(t for t, _ in inside), tuple(v for _, v in inside), series.limit
    )


def _pools(case: Case) -> Iterator[SystemSeries]:
    for pool in pools(case.metrics, case.plan.system):
        title = f"{pool.service}: {pool.name}" if pool.name else pool.service
        yield SystemSeries("pools", title, "in flight", *_points((pool.t_s, pool.in_flight)), pool.limit)
    for service in case.plan.system.services:
        retries = _rate(total(case.metrics, service, mapped(case.plan.system, service).retries))
        yield SystemSeries("pools", f"{service}: retries", "per second", *_points(retries), None)


def _stores(case: Case, kind: str, group: Literal["database", "cache"]) -> Iterator[SystemSeries]:
    for service in _of_kind(case, kind):
        counters = mapped(case.plan.system, service)
        limits = total(case.metrics, service, counters.connections_limit)[1]
        limit = float(limits[-1]) if len(limits) else None
        connections = total(case.metrics, service, counters.connections)
        yield SystemSeries(group, f"{service}: connections", "connections", *_points(connections), limit)
        queries = _rate(total(case.metrics, service, counters.origin_queries))
        yield SystemSeries(group, f"{service}: origin queries", "per second", *_points(queries), None)


def _cache(case: Case) -> Iterator[SystemSeries]:
    for service in case.plan.system.services:
        counters = mapped(case.plan.system, service)
        hits, misses = (total(case.metrics, service, each) for each in (counters.cache_hits, counters.cache_misses))
        if len(hits[0]) and len(misses[0]):
            t_s, hit = increments(hits)
            missed = np.interp(t_s, *increments(misses)) if len(misses[0]) > 1 else np.zeros(len(t_s))
            asked = hit + missed
            some = asked > 0
            ratio = (t_s[some], hit[some] / asked[some])
            yield SystemSeries("cache", f"{service}: hit ratio", "ratio", *_points(ratio), None)
    for service in _of_kind(case, "redis"):
        keys = total(case.metrics, service, mapped(case.plan.system, service).keys)
        yield SystemSeries("cache", f"{service}: keys", "keys", *_points(keys), None)
    yield from _stores(case, "redis", "cache")


def _of_kind(case: Case, kind: str) -> tuple[str, ...]:
    return tuple(name for name, service in case.plan.system.services.items() if service.kind == kind)


def _rate(series: Series) -> Series:
    t_s, rise = increments(series)
    return (t_s, rise / np.maximum(np.diff(series[0]), 1e-3)) if len(t_s) else (t_s, rise)


def _points(series: Series) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(np.round(series[0], 3).tolist()), tuple(np.round(series[1], 6).tolist())
