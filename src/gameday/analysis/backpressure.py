"""Judge how routes that depend on what is faulted fail: answered well or refused fast, and never left to hang."""

from __future__ import annotations

import numpy as np

from gameday.analysis.case import Case
from gameday.analysis.classes import MEANINGS, METASTABLE_S, Pressure, classify
from gameday.analysis.findings import judged, shown
from gameday.analysis.model import Finding
from gameday.analysis.pools import increase, total
from gameday.analysis.routes import Requests
from gameday.analysis.statistics import Bools, Estimate, minimum_samples, slope_per_s
from gameday.analysis.windows import Window
from gameday.analysis.wording import percent, seconds
from gameday.experiment.model import Backpressure
from gameday.experiment.plan import pressed_routes
from gameday.record.metrics import Series
from gameday.record.requests import Outcome

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
        f"{_part(inside, inside.being(Outcome.OK))} ok, {_part(inside, inside.being(Outcome.DEGRADED))} degraded,"
        f" {_part(inside, inside.being(Outcome.REJECTED))} rejected"
    )
    return (
        judged(
            case,
            id=f"backpressure.{route}.fast-or-good",
            title=f"{route} answers well or refuses at once",
            estimate=_mirrored(case, inside, steady, fast, surely_slow(inside, expected.fast_s)),
            threshold=expected.fast_or_good,
            what=f"good answers and rejections within {seconds(expected.fast_s)}",
            evidence=(split,),
        ),
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
    slope = "unknown" if seen.slope_per_s2 is None else f"{seen.slope_per_s2:+.1f} requests per second"
    calls = "" if seen.amplification is None else f", {seen.amplification:.2f} times the usual calls per request"
    rates = (
        f"offered {seen.offered_per_s:.0f}/s, answered {seen.answered_per_s:.0f}/s, rejected {seen.rejected_per_s:.0f}/s,"
        f" hung {seen.hung_per_s:.0f}/s; in flight {slope}{calls}"
    )
    kept = f"goodput {percent(seen.good_kept)} of the baseline's, {percent(seen.good_after)} at the end of the {seen.after_s:.0f} s after it"
    return shown(
        f"backpressure.{route}.class",
        f"{route}: {name}",
        None,
        unit="class",
        n=len(case.routes[route].within(case.windows.steady)),
        reason=f"{name}: {MEANINGS[name]}",
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
    usual = _mean(before.good)
    times_s, in_flight = in_flight_of(requests, steady)
    return Pressure(
        offered_per_s=len(inside) / length_s,
        answered_per_s=_answered(requests, steady) / length_s,
        rejected_per_s=float(np.count_nonzero(inside.being(Outcome.REJECTED))) / length_s,
        hung_per_s=float(np.count_nonzero(inside.hung)) / length_s,
        slope_per_s2=slope_per_s(times_s, in_flight),
        fast_or_good=_mean(fast_or_good(inside, expected.fast_s)),
        good_kept=_mean(inside.good) / max(usual, 1e-9),
        good_after=_mean(requests.within(after).good) / max(usual, 1e-9),
        after_s=max(0.0, end_s - back_s),
        degraded=_mean(inside.being(Outcome.DEGRADED)),
        admitted_slower=_slower(case, route),
        amplification=_amplification(case, route, steady),
        amplification_after=_amplification(case, route, after),
        hits_lost_after=_hits_lost(case, after),
    )


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
    """Return calls to what is faulted per request of its route, relative to the baseline; None without counters."""
    system = case.plan.system
    faulted = {service for fault in case.plan.faults for service in fault.services}
    entry = system.routes[route].entry
    calls = total(
        case.metrics, entry, "dependency_requests_total", lambda found: found.get("dependency") in faulted - {entry}
    )
    if len(calls[0]) < 3:
        return None
    needing = [name for name in case.routes if faulted & {*system.routes[name].hard, *system.routes[name].soft}]
    rates = []
    for each in (case.windows.baseline, window):
        asked = sum(len(case.routes[name].within(each)) for name in needing)
        rates.append(increase(calls, each.start_s, each.end_s) / asked if asked else 0.0)
    return rates[1] / rates[0] if rates[0] > 0 else None


def _hits_lost(case: Case, after: Window) -> bool:
    """Tell whether caches still hit clearly less often than in the baseline."""
    ratios = []
    for window in (case.windows.baseline, after):
        hits, misses = (
            sum(
                increase(total(case.metrics, service, name), window.start_s, window.end_s)
                for service in case.plan.system.services
            )
            for name in ("cache_hits_total", "cache_misses_total")
        )
        if hits + misses <= 0:
            return False
        ratios.append(hits / (hits + misses))
    return ratios[1] < HITS_LOST * ratios[0]
