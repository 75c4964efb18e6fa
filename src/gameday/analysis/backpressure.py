"""Judge how routes that depend on what is faulted fail: answered well or refused fast, and never left to hang."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from gameday.analysis.case import Case
from gameday.analysis.classes import COLLAPSED, MEANINGS, METASTABLE_S, UNSERVED, Pressure, classify, sustained_by
from gameday.analysis.episodes import Episode
from gameday.analysis.findings import judged, shown
from gameday.analysis.model import Finding, Status
from gameday.analysis.pools import increase, mapped, total
from gameday.analysis.routes import Requests
from gameday.analysis.statistics import Bools, Estimate, Floats, minimum_samples, student
from gameday.analysis.windows import Window
from gameday.analysis.wording import percent, seconds
from gameday.experiment.counters import of_dependency
from gameday.experiment.model import Backpressure
from gameday.experiment.plan import pressed_routes
from gameday.experiment.samples import BIN_S
from gameday.record.metrics import Series
from gameday.record.requests import Outcome

LEAST_POINTS = 5
"""Fewer seconds than this give a slope no interval that could decide anything."""
HELD = 0.25
"""Numbers in flight are held at a level if they vary by at most this share of what a queue without a bound wanders."""
HITS_LOST = 0.9
"""A hit ratio below nine tenths of the baseline's is lost; an admitted guess, the same as goodput's."""


def backpressure(case: Case) -> tuple[Finding, ...]:
    """Judge every pressed route; nothing when the experiment expects no backpressure."""
    expected = case.plan.experiment.expect.backpressure
    if expected is None:
        return ()
    routes = pressed_routes(case.plan.experiment, case.plan.system, case.plan.faults)
    return tuple(finding for route in routes for finding in pressed(case, expected, route))


def pressed(case: Case, expected: Backpressure, route: str) -> tuple[Finding, ...]:
    """Judge fast-or-good and hung of one route, and show how its rejections went and what class that makes it."""
    steady, fault = case.windows.steady, case.windows.fault
    inside = case.routes[route].within(steady)
    fast = fast_or_good(inside, expected.fast_s)
    split = (
        f"{_part(inside, inside.being(Outcome.OK))} ok, {_part(inside, inside.degraded)} degraded,"
        f" {_part(inside, inside.being(Outcome.REJECTED))} rejected"
    )
    finding = judged(
        case,
        id=f"backpressure.{route}.fast-or-good",
        title=f"{route} answers well or refuses at once",
        estimate=_mirrored(case, inside, steady, fast, surely_slow(inside, expected.fast_s)),
        threshold=expected.fast_or_good,
        what=f"good answers and rejections within {seconds(expected.fast_s)}",
        evidence=(split,),
    )
    return (
        _if_anybody_was_served(case, route, finding),
        judged(
            case,
            id=f"backpressure.{route}.hung",
            title=f"{route} lets nobody hang",
            estimate=case.hung_share(route, fault),
            threshold=expected.hung,
            what=f"requests without an answer for {seconds(case.plan.experiment.load.hang_s)}",
            evidence=(split,),
        ),
        *_rejections(route, inside, expected.fast_s),
        _class(case, expected, route),
    )


def _if_anybody_was_served(case: Case, route: str, finding: Finding) -> Finding:
    """
    Return the finding of a route as it is, or, where nobody was served, with that in its reason.

    To refuse everybody at once is right where the faults leave nothing to serve, and an outage where they do.
    """
    good = case.good_share(route, case.windows.steady)
    if good is None or good.known[1] >= UNSERVED:
        return finding
    left = something_left(case, route)
    told = f"nobody was served: {good.value * good.n:.0f} of {good.n} requests got a good answer"
    if left is not True:
        why = "the fault leaves nothing to serve" if left is False else "whether the fault leaves anything is not known"
        return replace(finding, reason=f"{finding.reason}; {told}, and {why}")
    status = Status.FAIL if good.hi < COLLAPSED else Status.INCONCLUSIVE
    return replace(
        finding,
        status=status if finding.status is Status.PASS else finding.status,
        reason=f"{finding.reason}; but {told}, although the fault leaves something to serve",
    )


def something_left(case: Case, route: str) -> bool | None:
    """
    Return whether the faults leave a route something to answer with; None where that is not known.

    They leave nothing where one of them takes away a service that the route cannot do without (``hard``), or delays its
    answers beyond the route's deadline, all along the compared window. A route must answer without what it can do
    without (``soft``).
    """
    left = [_spared(case, episode, route) for episode in case.episodes if episode.asked]
    return False if False in left else None if None in left else True


def _spared(case: Case, episode: Episode, route: str) -> bool | None:
    fault, declared, steady = episode.planned, case.plan.system.routes[route], case.windows.steady
    if fault is None or not (fault.services or fault.spares):
        return None
    hard = {*declared.hard}
    spares = fault.spares if fault.spares is not None or episode.others is None else episode.others > 0
    if fault.slows_s:
        spares = fault.slows_s + _quickest_s(case, route) < declared.deadline_s
    if spares or hard.isdisjoint(fault.services) or not fault.reaches({*hard, *declared.soft}):
        return True
    begun_s, undone_s = episode.injected_s, episode.undone_s
    whole = not fault.ramp_s and fault.pulse_s is None
    on = begun_s is not None and begun_s <= steady.start_s and (undone_s is None or undone_s >= steady.end_s)
    return spares if whole and on else None


def _quickest_s(case: Case, route: str) -> float:
    """Return what the quickest good answers of the baseline took: one of twenty was faster."""
    before = case.routes[route].within(case.windows.baseline)
    good_s = before.response_s[before.good]
    return float(np.quantile(good_s, 0.05)) if len(good_s) else 0.0


def fast_or_good(inside: Requests, fast_s: float) -> Bools:
    """Return which requests were answered well or refused within ``fast_s`` of their scheduled start."""
    return inside.good | (inside.being(Outcome.REJECTED) & (inside.response_s <= fast_s))


def surely_slow(inside: Requests, fast_s: float) -> Bools:
    """Return which requests were certainly neither: what the generator's own lag may have made late or slow is not among them."""
    excused = inside.being(Outcome.REJECTED) & (inside.service_s <= fast_s)
    return inside.bad & ~excused


def _mirrored(case: Case, inside: Requests, window: Window, fine: Bools, slow: Bools) -> Estimate | None:
    estimate = case.share(inside, window, slow, ~fine)
    return estimate.complement() if estimate else None


def _part(inside: Requests, mask: Bools) -> str:
    return percent(float(np.mean(mask))) if len(inside) else "none"


def _rejections(route: str, inside: Requests, fast_s: float) -> tuple[Finding, Finding]:
    took = np.sort(inside.response_s[inside.being(Outcome.REJECTED)])
    n, least = len(took), minimum_samples(0.99)
    fast = (f"backpressure.{route}.fail-fast", f"{route}: rejections that came at once")
    time = (f"backpressure.{route}.time-to-reject", f"{route}: p99 of the time to a rejection")
    if not n:
        none = "nothing was rejected"
        return shown(*fast, None, unit="ratio", n=0, reason=none), shown(*time, None, unit="s", n=0, reason=none)
    ratio = float(np.mean(took <= fast_s))
    reason = f"{percent(ratio)} of {n} rejections came within {seconds(fast_s)}"
    slowest = f"the slowest of {n} rejections took {seconds(float(took[-1]))}"
    p99_s = float(took[int(np.ceil(0.99 * n)) - 1]) if n >= least else None
    told = f"p99 {seconds(p99_s)} (n={n})" if p99_s is not None else f"p99 needs {least} rejections; {slowest}"
    return (
        shown(*fast, ratio, unit="ratio", n=n, reason=reason),
        shown(*time, p99_s, unit="s", n=n, reason=told, evidence=(slowest,)),
    )


def _class(case: Case, expected: Backpressure, route: str) -> Finding:
    seen = pressure(case, expected, route)
    name = classify(seen)
    slope = "unknown"
    if seen.slope_per_s2 is not None:
        slope = "{:+.1f} [{:+.1f}, {:+.1f}] requests per second".format(*seen.slope_per_s2)
    calls = "" if seen.amplification is None else f", {seen.amplification:.2f} times the usual calls per request"
    rates = (
        f"offered {seen.offered_per_s:.0f}/s, answered {seen.answered_per_s:.0f}/s, rejected {seen.rejected_per_s:.0f}/s,"
        f" failed at once {seen.failed_fast_per_s:.0f}/s, hung {seen.hung_per_s:.0f}/s; in flight {slope}{calls}"
    )
    kept = f"goodput {percent(seen.good_kept)} of the baseline's, {percent(seen.good_after)} at the end of the {seen.after_s:.0f} s after it"
    return shown(
        f"backpressure.{route}.class",
        f"{route}: {name}",
        None,
        unit="class",
        n=len(case.routes[route].within(case.windows.steady)),
        reason=f"{name}: {MEANINGS[name]}{f'; {sustained_by(seen)}' if name == 'metastable' else ''}",
        evidence=(rates, kept),
    )


def pressure(case: Case, expected: Backpressure, route: str) -> Pressure:
    """Measure what the classes are decided by."""
    steady, baseline = case.windows.steady, case.windows.baseline
    end_s, back_s = case.windows.observed.end_s, case.windows.recovery.start_s
    after = Window("after", max(back_s, end_s - METASTABLE_S), end_s)
    requests = case.routes[route]
    inside, before = requests.within(steady), requests.within(baseline)
    length_s = max(steady.length_s, 1e-9)
    usual = max(_mean(before.good), 1e-9)
    later = requests.within(after)
    last = later.within(Window("last", end_s - BIN_S, end_s))
    last = last.where(~(last.dropped | last.cut))
    usual_per_s = max(len(before) / max(baseline.length_s, 1e-9), 1e-9)
    failed = inside.being(Outcome.ERROR, Outcome.CONNECTION) & (inside.response_s <= expected.fast_s)
    return Pressure(
        offered_per_s=len(inside) / length_s,
        answered_per_s=_answered(requests, steady) / length_s,
        unserved_per_s=float(np.count_nonzero(~inside.good)) / length_s,
        rejected_per_s=float(np.count_nonzero(inside.being(Outcome.REJECTED))) / length_s,
        hung_per_s=float(np.count_nonzero(inside.hung)) / length_s,
        failed_fast_per_s=float(np.count_nonzero(failed)) / length_s,
        slope_per_s2=slope_interval(*in_flight_of(requests, steady), len(inside) / length_s),
        fast_or_good=_mean(fast_or_good(inside, expected.fast_s)),
        good_kept=_mean(inside.good) / usual,
        good_after=_mean(later.good) / usual,
        good_last=_mean(last.good) / usual,
        after_s=max(0.0, end_s - back_s),
        load_after=len(later) / max(after.length_s, 1e-9) / usual_per_s,
        undone=all(episode.verified_s is not None for episode in case.episodes if episode.asked),
        degraded=_mean(inside.degraded),
        admitted_slower=_slower(case, route),
        left=something_left(case, route),
        amplification=_amplification(case, route, steady),
        amplification_after=_amplification(case, route, after),
        hits_lost_after=_hits_lost(case, after),
    )


def slope_interval(t_s: Floats, values: Floats, rate_per_s: float) -> tuple[float, float, float] | None:
    """
    Return by how much the requests in flight grew per second, and the interval of that; None below five points.

    What is held at a level varies around it, each second for itself: then their line is fitted by least squares. A
    queue that nothing holds wanders, as a sum of independent increments does: then these give slope and interval. Which
    of the two it is shows in how far the numbers are from their line: a sum of Poisson arrivals and as many departures
    varies around its line by a fifteenth of ``2 * rate_per_s`` times its length.
    """
    if len(t_s) < LEAST_POINTS:
        return None
    centred_s = t_s - t_s.mean()
    spread = float(centred_s @ centred_s)
    slope = float(centred_s @ values) / spread
    rest = values - values.mean() - slope * centred_s
    variance = float(rest @ rest) / (len(t_s) - 2)
    if variance <= HELD * 2 * rate_per_s * float(t_s[-1] - t_s[0]) / 15:
        half = student(len(t_s) - 2) * math.sqrt(variance / spread)
    else:
        steps = np.diff(values) / np.diff(t_s)
        slope = float(steps.mean())
        half = student(len(steps) - 1) * float(steps.std(ddof=1)) / math.sqrt(len(steps))
    return slope, slope - half, slope + half


def _answered(requests: Requests, window: Window) -> int:
    """Count the answers that came out of the route within a window, whenever they had been asked for."""
    out = requests.being(Outcome.OK, Outcome.DEGRADED, Outcome.LATE)
    return int(np.count_nonzero(out & (requests.ended_s >= window.start_s) & (requests.ended_s < window.end_s)))


def _mean(mask: Bools) -> float:
    return float(np.mean(mask)) if len(mask) else 0.0


def in_flight_of(requests: Requests, window: Window) -> Series:
    """Return how many requests of a route were scheduled and not finished, once a second of a window."""
    t_s = window.start_s + np.arange(int(window.length_s) + 1, dtype=float)
    sent = requests.where(~requests.dropped)
    ended_s = np.where(sent.being(Outcome.CENSORED), np.inf, sent.ended_s)
    open_ = np.searchsorted(np.sort(sent.scheduled_s), t_s, side="right")
    return t_s, (open_ - np.searchsorted(np.sort(ended_s), t_s, side="right")).astype(float)


def _slower(case: Case, route: str) -> float | None:
    values = []
    for window in (case.windows.baseline, case.windows.steady):
        inside = case.routes[route].within(window)
        good_s = np.sort(inside.response_s[inside.good])
        if len(good_s) < minimum_samples(0.95):
            return None
        values.append(float(good_s[int(np.ceil(0.95 * len(good_s))) - 1]))
    return values[1] / max(values[0], 1e-6)


def _amplification(case: Case, route: str, window: Window) -> float | None:
    """Return calls to what is faulted per request of its route, relative to the baseline; None where nobody read counters."""
    system = case.plan.system
    faulted = {service for fault in case.plan.faults for service in fault.services}
    entry = system.routes[route].entry
    counters = mapped(system, entry)
    names = system.known_as(faulted - {entry})
    is_its = of_dependency(counters.dependency_label, names, system.callees(entry))
    calls = total(case.metrics, entry, counters.calls, is_its)
    if len(calls[0]) < 3:
        return None
    needing = [name for name in case.routes if faulted & {*system.routes[name].hard, *system.routes[name].soft}]
    rates = []
    for each in (case.windows.baseline, window):
        if not np.any((calls[0] > each.start_s) & (calls[0] <= each.end_s)):
            return None  # nobody read the counter meanwhile, which is not that it stood still
        asked = sum(len(case.routes[name].within(each)) for name in needing)
        rates.append(increase(calls, each.start_s, each.end_s) / asked if asked else 0.0)
    return rates[1] / rates[0] if rates[0] > 0 else None


def _hits_lost(case: Case, after: Window) -> bool:
    """Return whether caches still hit clearly less often than in the baseline."""
    ratios = []
    found = [(service, mapped(case.plan.system, service)) for service in case.plan.system.services]
    for window in (case.windows.baseline, after):
        hits, misses = (
            sum(
                increase(total(case.metrics, service, getattr(counters, name)), window.start_s, window.end_s)
                for service, counters in found
            )
            for name in ("cache_hits", "cache_misses")
        )
        if hits + misses <= 0:
            return False
        ratios.append(hits / (hits + misses))
    return ratios[1] < HITS_LOST * ratios[0]
