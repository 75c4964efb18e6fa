"""
Say whether the origin behind a cache melted, was stressed, or held.

Melted: for at least three consecutive seconds its pool is at the limit, it answers three times slower than before, and routes
that need it lose a fifth of their goodput. Stressed: its pool was at the limit. Held: neither.
"""

from __future__ import annotations

import numpy as np

from gameday.analysis.case import Case
from gameday.analysis.findings import shown
from gameday.analysis.model import Finding
from gameday.analysis.pools import Pool, increase, mapped, missing, pools, total
from gameday.analysis.statistics import Bools, Floats
from gameday.analysis.windows import Window
from gameday.experiment.counters import of_dependency, selector

CONSECUTIVE = 3
FULL = 0.95
SLOWER = 3.0
GOODPUT = 0.8


def melt(case: Case, origin: str) -> Finding:
    """Classify from the system's metrics and the routes' rows, second by second of the fault phase."""
    id_, title = "stampede.origin", f"how {origin} took it"
    window = case.windows.fault
    seconds: Floats = np.arange(window.seconds, dtype=np.float64) + window.start_s
    n = sum(len(case.routes[route].within(window)) for route in _needing(case, origin))
    full = _full(case, origin, seconds)
    if full is None:
        return shown(id_, title, None, unit="class", n=n, reason=_poolless(case, origin))
    slow, starved = _slow(case, origin, seconds), _starved(case, origin, window)
    melted = slow is not None and _longest(full & slow & starved) >= CONSECUTIVE
    stressed = _longest(full) >= CONSECUTIVE
    name = "melted" if melted else "stressed" if stressed else "held"
    return shown(
        id_,
        f"{origin} {name}",
        None,
        unit="class",
        n=n,
        reason=f"{origin} {name}: of {window.seconds} s its pool was at the limit for {full.sum()}, {_told(slow)}"
        f" routes that need it lost a fifth of their goodput for {starved.sum()}",
    )


def _poolless(case: Case, origin: str) -> str:
    callers = [(name, mapped(case.plan.system, name)) for name in case.plan.system.callers(origin)]
    reasons = [missing(case.metrics, name, metric) for name, each in callers for metric in (each.in_flight, each.limit)]
    return "; ".join((f"no service published a pool that leads to {origin}", *filter(None, reasons)))


def _told(slow: Bools | None) -> str:
    if slow is None:
        return "no caller published how long it took to answer,"
    return f"it answered {SLOWER:g} times slower for {slow.sum()},"


def _needing(case: Case, origin: str) -> tuple[str, ...]:
    return tuple(
        name
        for name in case.routes
        if origin in case.plan.system.routes[name].hard or origin in case.plan.system.routes[name].soft
    )


def _full(case: Case, origin: str, seconds: Floats) -> Bools | None:
    callers = set(case.plan.system.callers(origin))
    of_callers = [pool for pool in pools(case.metrics, case.plan.system) if pool.service in callers and pool.limit]
    leading = [pool for pool in of_callers if origin in pool.name] or of_callers
    if not leading:
        return None
    full = np.zeros(len(seconds), bool)
    for pool in leading:
        full |= _at_limit(pool, seconds)
    return full


def _at_limit(pool: Pool, seconds: Floats) -> Bools:
    return np.array([pool.peak(second, second + 1) >= FULL for second in seconds], bool)


def _slow(case: Case, origin: str, seconds: Floats) -> Bools | None:
    """Return for each second whether the origin's mean answer took three times the baseline's; None where no caller counted in the baseline."""
    slow, known = np.zeros(len(seconds), bool), False
    for caller in case.plan.system.callers(origin):
        counters = mapped(case.plan.system, caller)
        is_its = of_dependency(
            counters.dependency_label, case.plan.system.known_as([origin]), case.plan.system.callees(caller)
        )
        every = counters.call_time and selector(counters.call_time).name  # failed calls took their time too
        took, asked = (total(case.metrics, caller, every, is_its, suffix=suffix) for suffix in ("_sum", "_count"))
        usual_s = _mean(took, asked, case.windows.baseline.start_s, case.windows.baseline.end_s)
        if usual_s is None:
            continue
        known = True
        means = [_mean(took, asked, second, second + 1) for second in seconds]
        slow |= np.array([mean is not None and mean >= SLOWER * usual_s for mean in means], bool)
    return slow if known else None


def _mean(took: tuple[Floats, Floats], asked: tuple[Floats, Floats], start_s: float, end_s: float) -> float | None:
    count = increase(asked, start_s, end_s)
    return increase(took, start_s, end_s) / count if count > 0 else None


def _starved(case: Case, origin: str, window: Window) -> Bools:
    starved = np.zeros(window.seconds, bool)
    for route in _needing(case, origin):
        requests = case.routes[route]
        before = requests.within(case.windows.baseline)
        if not len(before):
            continue
        usual = float(np.mean(before.good))
        inside = requests.within(window)
        second = window.second(inside.scheduled_s)
        asked = np.bincount(second, minlength=window.seconds)
        good = np.bincount(second[inside.good], minlength=window.seconds)
        starved |= good < GOODPUT * usual * asked
    return starved


def _longest(mask: Bools) -> int:
    longest = current = 0
    for value in mask:
        current = current + 1 if value else 0
        longest = max(longest, current)
    return longest
