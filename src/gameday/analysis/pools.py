"""Read counters and gauges of the system under test as its file maps them: rates, pools, sums over labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gameday.analysis.statistics import Floats
from gameday.experiment.counters import NONE, Counters, Labels, selector, split_key, unpublished
from gameday.experiment.model import System
from gameday.record.metrics import Metrics, Series


def mapped(system: System, service: str) -> Counters:
    """Return which metrics of a service count what; none of them where its file does not say, or has no such service."""
    declared = system.services.get(service)
    return (declared.counters if declared else None) or NONE


def missing(metrics: Metrics, service: str, metric: str | None, suffix: str = "") -> str | None:
    """Return that a service's pages, where any was read, have no metric that the system file maps, and what they have; None else."""
    keys = [key for owner, key in metrics.samples if owner == service]
    return unpublished(service, metric, keys, suffix) if metric is not None and keys else None


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


def _any(_: Labels) -> bool:
    return True


def total(
    metrics: Metrics, service: str, metric: str | None, wanted: Callable[[Labels], bool] = _any, *, suffix: str = ""
) -> Series:
    """
    Sum one service's series that a selector and ``wanted`` take, at the union of their sample times; empty if none.

    ``suffix`` is the part of a histogram that is meant, such as ``_sum``.
    """
    if metric is None:
        return np.empty(0), np.empty(0)
    chosen = selector(metric)
    found = [
        metrics.of(owner, key)
        for owner, key in metrics.matching(f"{chosen.name}{suffix}")
        if owner == service and chosen.holds(labels := split_key(key)[1]) and wanted(labels)
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


def pools(metrics: Metrics, system: System) -> tuple[Pool, ...]:
    """Return every pool that services publish, by service and name."""
    return tuple(
        _pool(metrics, service, counters, counters.in_flight, name)
        for service in sorted(system.services)
        if (counters := mapped(system, service)).in_flight is not None
        for name in _names(metrics, service, counters.in_flight, counters.pool_label)
    )


def _names(metrics: Metrics, service: str, in_flight: str, label: str | None) -> tuple[str, ...]:
    chosen = selector(in_flight)
    found = (split_key(key)[1] for owner, key in metrics.matching(chosen.name) if owner == service)
    return tuple(dict.fromkeys(labels.get(label, "") if label else "" for labels in found if chosen.holds(labels)))


def _pool(metrics: Metrics, service: str, counters: Counters, in_flight: str, name: str) -> Pool:
    def is_its(labels: Labels) -> bool:
        return counters.pool_label is None or labels.get(counters.pool_label, "") == name

    t_s, taken = total(metrics, service, in_flight, is_its)
    limits = total(metrics, service, counters.limit, is_its)[1]
    return Pool(service, name, t_s, taken, float(limits[-1]) if len(limits) and limits[-1] > 0 else None)
