"""
Find when what services publish left its baseline, as far as the system file maps it; without counters there is nothing.

Samples come about once a second, so a change lies between two of them: after one (``at_s``), seen at the next (``seen_s``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import get_args

import numpy as np

from gameday.analysis.case import Case
from gameday.analysis.model import Onset, OnsetKind
from gameday.analysis.onsets import ALARM, OF_BASELINE, Spans, cusum, dated, event, left, of_routes, of_share, running
from gameday.analysis.pools import Pool, increments, mapped, pools, total
from gameday.analysis.statistics import Floats
from gameday.analysis.wording import percent
from gameday.experiment.counters import Labels, in_seconds, of_dependency, selector
from gameday.experiment.model import System
from gameday.record.metrics import Series

LEAST_SAMPLES = 5
FULL, FULLER, OF_FULL = 0.95, 0.6, 4.0
"""A pool is full from this share of its limit on; the rise of the share of such samples that is looked for, and its limit: two in a row."""
FAILING = 0.1
ALLOWANCE, OF_LEVEL = 1.0, 8.0
"""
Allowance and limit of what is measured in standard deviations.

Source: Hawkins & Olwell (1998), for a shift of two standard deviations; the limit is larger than theirs as mean and deviation are known from 16 samples.
"""
TWICE = 2.0
"""A counter that changed by less is in no chain."""
AGAIN = 0.2
"""So many more calls per call mean that callers try again (``classes.AMPLIFIED``)."""
LEAST_DEVIATION: Mapping[str, Callable[[float], float]] = {
    "keys": lambda mean: 0.05 * mean,
    "queries": lambda mean: max(0.1 * mean, math.sqrt(mean), 1.0),
    "slow": lambda mean: 0.3 * mean,
    "retries": lambda _: AGAIN / 4,
}
"""The least deviation that is taken to be usual around a mean: that of counting; of a mean time one slow call counts for many."""
MOST = {"slow": 0.75 * OF_LEVEL}
"""The most that one sample adds: one alone shows no change of a mean time."""
EMPTY = 0.05
TIMES = "\N{MULTIPLICATION SIGN}"
GAP_S = 2.5
"""Between samples further apart it is not known when something changed."""
RANK = {kind: rank for rank, kind in enumerate(get_args(OnsetKind))}
"""What comes first of what may have begun at the same time."""


def onsets(case: Case) -> tuple[Onset, ...]:
    """Return every onset of the event in the order of the causal chain."""

    def found() -> tuple[Onset, ...]:
        services = (*left(case), *of_services(case))
        every = (*services, *of_routes(case, begun(services)))
        return tuple(sorted(every, key=lambda onset: (round(onset.at_s, 3), RANK[onset.kind], onset.subject)))

    return case.once(("onsets",), found)


def begun(services: Iterable[Onset]) -> Spans:
    """Return when services changed, from one sample to the next; not when calls became slower, as one call alone may."""
    return tuple((onset.at_s, onset.seen_s) for onset in services if onset.kind != "slow")


def of_services(case: Case) -> Iterator[Onset]:
    """Yield the onsets of all that is mapped and published."""
    system = case.plan.system
    for service in system.services:
        counters = mapped(system, service)
        keys = total(case.metrics, service, counters.keys)
        yield from _level(case, "keys", service, service, keys, falls=True)
        yield from _missed(case, service)
        yield from _level(
            case, "queries", service, service, _rate(total(case.metrics, service, counters.origin_queries))
        )
        for callee in system.callees(service):
            yield from _called(case, service, callee)
    for pool in pools(case.metrics, system):
        yield from _full(case, pool)


def cache_of(system: System, service: str) -> str:
    """Return which cache a service's hits are of: the one it calls, itself where it calls none."""
    caches = {name for name, declared in system.services.items() if declared.kind == "redis"}
    return next((callee for callee in system.callees(service) if callee in caches), service)


def _missed(case: Case, service: str) -> Iterator[Onset]:
    counters = mapped(case.plan.system, service)
    hits, misses = (total(case.metrics, service, each) for each in (counters.cache_hits, counters.cache_misses))
    t_s, missed, hit = _together(misses, hits)
    subject = cache_of(case.plan.system, service)
    yield from _share(case, "hits", subject, (t_s, missed + hit, missed), by=service)


def _called(case: Case, caller: str, callee: str) -> Iterator[Onset]:
    """Yield what became of a caller's calls to a callee: they fail, take longer, are tried again."""
    system, metrics = case.plan.system, case.metrics
    counters = mapped(system, caller)
    is_its = _of(system, caller, callee)
    calls = total(metrics, caller, counters.calls, is_its)
    t_s, failed, called = _together(total(metrics, caller, counters.failures, is_its), calls)
    yield from _share(case, "failures", callee, (t_s, called, np.minimum(failed, called)), by=caller)
    yield from _level(case, "slow", callee, f"calls to {callee}", _times(case, caller, callee), by=caller)
    yield from _again(case, caller, callee)


def _times(case: Case, caller: str, callee: str) -> Series:
    """Return how long calls took, in the unit of their metric, from sample to sample in the mean."""
    counters = mapped(case.plan.system, caller)
    is_its = _of(case.plan.system, caller, callee)
    every = counters.call_time and selector(counters.call_time).name  # failed calls took their time too
    took, number = (total(case.metrics, caller, every, is_its, suffix=suffix) for suffix in ("_sum", "_count"))
    return _quotient(took, number)


def _retries(case: Case, caller: str, callee: str) -> Series:
    counters, is_its = mapped(case.plan.system, caller), _of(case.plan.system, caller, callee)
    return _quotient(*(total(case.metrics, caller, each, is_its) for each in (counters.retries, counters.calls)))


def _of(system: System, caller: str, callee: str) -> Callable[[Labels], bool]:
    """Return whether labels of a caller's metrics name a callee."""
    label = mapped(system, caller).dependency_label
    return of_dependency(label, system.known_as([callee]), system.callees(caller))


def _again(case: Case, caller: str, callee: str) -> Iterator[Onset]:
    per_call = _retries(case, caller, callee)
    for onset in _level(case, "retries", callee, f"retries of calls to {callee}", per_call, by=caller, ratio=0.0):
        if _mean(per_call, onset.at_s, onset.alarm_s) >= AGAIN + _usual(case, per_call):
            yield onset


def timed(case: Case, caller: str) -> tuple[str, ...]:
    """Return the callees of which a caller counts how long they took, often enough in the baseline."""
    return tuple(
        callee
        for callee in case.plan.system.callees(caller)
        if np.count_nonzero(_windows(case, _times(case, caller, callee)[0])[0]) >= LEAST_SAMPLES
    )


def call_rise_s(case: Case, caller: str, callee: str, after_s: float, until_s: float) -> tuple[float, float]:
    """Return by how much a caller's calls to a callee took longer in an interval than before, and the deviation of that from sample to sample."""
    t_s, values = _times(case, caller, callee)
    usual = values[_windows(case, t_s)[0]]
    inside = values[(t_s > after_s) & (t_s <= until_s)]
    if not len(inside) or len(usual) < LEAST_SAMPLES:
        return 0.0, 0.0
    unit = mapped(case.plan.system, caller).call_time_unit
    rise = float(inside.mean() - usual.mean())
    return in_seconds(rise, unit), in_seconds(float(usual.std(ddof=1)), unit)


def retried(case: Case, caller: str, callee: str, after_s: float, until_s: float) -> float | None:
    """Return how many retries came on each call in an interval; None where no call was counted."""
    values = _retries(case, caller, callee)
    inside = (values[0] > after_s) & (values[0] <= until_s)
    return float(values[1][inside].mean()) if inside.any() else None


def _full(case: Case, pool: Pool) -> Iterator[Onset]:
    if not pool.limit:
        return
    full = (pool.in_flight >= FULL * pool.limit).astype(float)
    name = f"pool {pool.name} of {pool.service}" if pool.name else f"pool of {pool.service}"
    named = (pool.t_s, np.ones(len(full)), full)
    yield from _share(case, "full", name, named, by=pool.service, more=FULLER, limit=OF_FULL, doubt=1.0)


def _share(
    case: Case,
    kind: OnsetKind,
    subject: str,
    counted: tuple[Floats, Floats, Floats],
    *,
    by: str,
    more: float = FAILING,
    limit: float = ALARM,
    doubt: float = 2.0,
) -> Iterator[Onset]:
    """Yield when a share became larger; ``counted`` are times, trials and hits."""
    t_s, trials, hits = counted
    usual, _ = _windows(case, t_s)
    if np.count_nonzero(usual) < LEAST_SAMPLES or not trials[usual].sum():
        return
    weights = of_share(trials, hits, usual, more, doubt=doubt)
    if weights is None:
        return
    limit = max(limit, OF_BASELINE * float(running(weights[usual]).max()))
    if times_s := _crossed(case, t_s, weights, limit):
        within = (t_s > times_s[0]) & (t_s <= times_s[2])
        share = float(hits[within].sum()) / max(float(trials[within].sum()), 1.0)
        texts = {
            "full": f"{subject} full",
            "failures": f"{percent(share)} of calls to {subject} fail",
            "hits": f"{subject} misses {percent(share)}",
        }
        yield dated(case, kind, subject, texts[kind], times_s, by=by)


def _level(
    case: Case,
    kind: OnsetKind,
    subject: str,
    text: str,
    series: Series,
    *,
    falls: bool = False,
    by: str = "",
    ratio: float = TWICE,
) -> Iterator[Onset]:
    """Yield when a level rose (or fell) by at least a ratio."""
    t_s, values = series
    usual, _ = _windows(case, t_s)
    if np.count_nonzero(usual) < LEAST_SAMPLES:
        return
    mean, deviation = float(values[usual].mean()), float(values[usual].std(ddof=1))
    deviation = max(deviation, LEAST_DEVIATION[kind](abs(mean)))
    away = (mean - values if falls else values - mean) / deviation if deviation else np.zeros(len(values))
    weights = np.minimum(away - ALLOWANCE, MOST.get(kind, math.inf))
    limit = max(OF_LEVEL, OF_BASELINE * float(running(weights[usual]).max()))
    if times_s := _crossed(case, t_s, weights, limit):
        within = values[(t_s > times_s[0]) & (t_s <= times_s[2])]
        now = float(within.mean())
        if (now * ratio <= mean) if falls else (now >= ratio * mean):
            yield dated(case, kind, subject, _told(kind, text, now, mean), times_s, by=by or subject)


def _told(kind: OnsetKind, text: str, now: float, usual: float) -> str:
    if kind == "keys":
        return f"{text} empty" if now <= EMPTY * usual else f"{text} keys down to {percent(now / usual)}"
    if usual <= 0:
        return f"{text} begin"
    more = now / usual
    times = f"{more:.0f}{TIMES}" if more >= 9.95 else f"{more:.2g}{TIMES}"
    return {"queries": f"{text} queries {times}", "slow": f"{text} {times} slower"}.get(kind, f"{text} {times}")


def _crossed(case: Case, t_s: Floats, weights: Floats, limit: float) -> tuple[float, float, float] | None:
    """Return after which sample a sum began to grow in the event, at which it was seen, at which it alarmed."""
    _, inside = _windows(case, t_s)
    crossing = cusum(weights[inside], limit)
    if crossing is None:
        return None
    first, alarm = (int(np.flatnonzero(inside)[index]) for index in (crossing.first, crossing.alarm))
    begin_s = event(case).start_s
    before_s = float(t_s[first - 1]) if first else begin_s
    if float(t_s[first]) - max(begin_s, before_s) > GAP_S:
        return None
    return max(begin_s, before_s), float(t_s[first]), float(t_s[alarm])


def _windows(case: Case, t_s: Floats) -> tuple[np.ndarray, np.ndarray]:
    """Return which samples are of the baseline, and which of the event."""
    baseline, during = case.windows.baseline, event(case)
    return (t_s > baseline.start_s) & (t_s <= baseline.end_s), (t_s > during.start_s) & (t_s <= during.end_s + 1.0)


def _usual(case: Case, series: Series) -> float:
    values = series[1][_windows(case, series[0])[0]]
    return float(values.mean()) if len(values) else 0.0


def _mean(series: Series, after_s: float, until_s: float) -> float:
    values = series[1][(series[0] > after_s) & (series[0] <= until_s)]
    return float(values.mean()) if len(values) else 0.0


def _rate(series: Series) -> Series:
    t_s, rise = increments(series)
    return (t_s, rise / np.maximum(np.diff(series[0]), 1e-3)) if len(t_s) else (t_s, rise)


def _together(part: Series, other: Series) -> tuple[Floats, Floats, Floats]:
    """Return the increments of two counters of one page at their common times."""
    t_s, rise = increments(part)
    others_s, others = increments(other)
    both, mine, its = np.intersect1d(t_s, others_s, return_indices=True)
    return both, rise[mine], others[its]


def _quotient(part: Series, of: Series) -> Series:
    """Return from sample to sample how much of one counter came on each of another, where any did."""
    t_s, some, many = _together(part, of)
    where = many > 0
    return t_s[where], some[where] / many[where]
