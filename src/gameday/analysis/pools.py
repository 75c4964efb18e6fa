"""Read counters and gauges of the system under test: rates, pools, sums over labels."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gameday.analysis.statistics import Floats
from gameday.record.metrics import Metrics, Series

_LABEL = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"')


def labels(key: str) -> dict[str, str]:
    """Read the labels of a sample key such as ``pool_limit{pool="web"}``."""
    return dict(_LABEL.findall(key.partition("{")[2]))


def at(series: Series, t_s: float) -> float | None:
    """Return the last value sampled at or before a time; None when there was none."""
    index = int(np.searchsorted(series[0], t_s, side="right")) - 1
    return float(series[1][index]) if index >= 0 else None


def increments(series: Series) -> Series:
    """
    Return by how much a counter rose from sample to sample, at the later sample's time.

    A counter that falls was reset by a restart; what it counts from there is the increment.
    """
    t_s, values = series
    if len(t_s) < 2:
        return t_s[:0], values[:0]
    rise = np.diff(values)
    return t_s[1:], np.where(rise < 0, values[1:], rise)


def increase(series: Series, start_s: float, end_s: float) -> float:
    """Return by how much a counter rose between the samples in ``(start_s, end_s]``."""
    t_s, rise = increments(series)
    return float(rise[(t_s > start_s) & (t_s <= end_s)].sum())


def total(
    metrics: Metrics, service: str, name: str, wanted: Callable[[dict[str, str]], bool] = lambda _: True
) -> Series:
    """Sum one service's series of a metric over all labels that are wanted, at the union of their sample times; empty if none."""
    found = [
        metrics.series(service, name, **labels(key))
        for owner, key in metrics.matching(name)
        if owner == service and wanted(labels(key))
    ]
    if not found:
        return np.empty(0), np.empty(0)
    t_s = np.unique(np.concatenate([series[0] for series in found]))
    return t_s, np.sum([_held(series, t_s) for series in found], axis=0)


def _held(series: Series, t_s: Floats) -> Floats:
    """Return a series at other times: the last value before, 0 before the first, as a counter that was not yet written."""
    index = np.searchsorted(series[0], t_s, side="right") - 1
    return np.where(index >= 0, series[1][np.maximum(index, 0)], 0.0) if len(series[0]) else np.zeros(len(t_s))


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """A bounded pool of one service over time."""

    service: str
    name: str
    t_s: Floats
    in_flight: Floats
    limit: float | None

    def _used(self, start_s: float, end_s: float) -> Floats:
        inside = (self.t_s >= start_s) & (self.t_s < end_s)
        return self.in_flight[inside] / self.limit if self.limit else np.zeros(0)

    def peak(self, start_s: float, end_s: float) -> float:
        """Return the largest share of the limit that was in use; 0 without samples or limit."""
        return float(self._used(start_s, end_s).max(initial=0.0))

    def share_at_limit(self, start_s: float, end_s: float) -> float:
        """Return in which share of the samples at least 95 % of the limit were in use."""
        used = self._used(start_s, end_s)
        return float(np.mean(used >= 0.95)) if len(used) else 0.0


def pools(metrics: Metrics) -> tuple[Pool, ...]:
    """Return every pool that publishes ``pool_in_flight``, by service and name."""
    found = []
    for service, key in metrics.matching("pool_in_flight"):
        name = labels(key).get("pool", "")
        t_s, in_flight = metrics.series(service, "pool_in_flight", pool=name)
        limits = metrics.series(service, "pool_limit", pool=name)[1]
        found.append(Pool(service, name, t_s, in_flight, float(limits[-1]) if len(limits) and limits[-1] > 0 else None))
    return tuple(found)
