"""Judge whether routes that do not need what was faulted noticed it: latency, errors, goodput, hung."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gameday.analysis.attribution import attribute, control_moved, failure_class
from gameday.analysis.case import Case
from gameday.analysis.findings import ONE_EVENT, judged, undecided
from gameday.analysis.model import Finding, Status
from gameday.analysis.statistics import (
    Estimate,
    Floats,
    difference,
    minimum_samples,
    percentile_interval,
    quantile,
    quantile_resampled,
    ratio,
)
from gameday.analysis.windows import Window
from gameday.analysis.wording import between, quantity, seconds, times
from gameday.experiment.model import Bulkhead
from gameday.experiment.samples import LEAST_S
from gameday.experiment.units import Threshold

Q = 0.95
DRIFT = 4.0
"""
By how much drift of a machine widens the interval of a ratio from which it was not taken out.

Source: the variance of a mean of an autoregressive series, (1 + r) / (1 - r) times that of independent seconds, for r = 0.9.
"""


def bulkhead(case: Case) -> tuple[Finding, ...]:
    """Judge every isolated route; nothing when the experiment expects no bulkhead."""
    expected = case.plan.experiment.expect.bulkhead
    if expected is None:
        return ()
    return tuple(finding for route in expected.isolated for finding in isolated(case, expected, route))


def isolated(case: Case, expected: Bulkhead, route: str) -> tuple[Finding, ...]:
    """
    Judge one isolated route against its own baseline.

    Latency, errors and goodput compare the settled part of the fault with the baseline. Hung counts from the injection on: a request
    that hangs while queues still fill has hung all the same.
    """
    steady, fault, baseline = case.windows.steady, case.windows.fault, case.windows.baseline
    bad_after, bad_before = case.bad_share(route, steady), case.bad_share(route, baseline)
    good_after, good_before = case.good_share(route, steady), case.good_share(route, baseline)
    excess = _excess(bad_after, bad_before)
    return (
        _latency(case, expected, route),
        judged(
            case,
            id=f"bulkhead.{route}.errors",
            title=f"{route} gets no more bad answers than before",
            estimate=difference(bad_after, bad_before) if bad_after and bad_before else None,
            threshold=expected.errors,
            what="bad requests beyond the baseline's share",
            evidence=excess,
        ),
        judged(
            case,
            id=f"bulkhead.{route}.goodput",
            title=f"{route} keeps its goodput",
            estimate=ratio(good_after, good_before) if good_after and good_before else None,
            threshold=expected.goodput,
            what="good answers compared with the baseline",
            evidence=excess,
        ),
        judged(
            case,
            id=f"bulkhead.{route}.hung",
            title=f"{route} lets nobody hang",
            estimate=case.hung_share(route, fault),
            threshold=expected.hung,
            what=f"requests without an answer for {seconds(case.plan.experiment.load.hang_s)}",
            evidence=excess,
        ),
    )


def _excess(after: Estimate | None, before: Estimate | None) -> tuple[str, ...]:
    if after is None or before is None:
        return ()
    bad, was = after.value * after.n, before.value * before.n
    excess = max(0.0, bad - before.value * after.n)
    return (f"{bad:.0f} bad of {after.n} with the fault on, {was:.0f} of {before.n} before: {excess:.0f} in excess",)


@dataclass(frozen=True, slots=True)
class Slowdown:
    """
    How much slower a route's p95 is than in the baseline.

    Attributes:
        inflation: The ratio, divided by the control route's; ``plain`` is not divided; ``rise`` is the difference in seconds.
    """

    inflation: Estimate
    plain: Estimate
    rise: Estimate
    evidence: tuple[str, ...]


def _latency(case: Case, expected: Bulkhead, route: str) -> Finding:
    id_, title = f"bulkhead.{route}.latency", f"{route} stays as fast as before"
    found = _compare(case, route)
    if isinstance(found, str):
        n = len(case.routes[route].within(case.windows.steady))
        return undecided(id_, title, unit="times", threshold=expected.inflation, n=n, reason=found)
    single = case.single_event
    with_node = control_moved(case) and _beyond(found.plain, expected.inflation) and _beyond(found.rise, expected.rise)
    if with_node:
        clear = _clear(found, expected) and failure_class(case) != "generator"
        status = Status.FAIL if clear else Status.INCONCLUSIVE
    else:
        status = _status(found.inflation, found.rise, expected, single=single)
    inflation = found.plain if with_node else found.inflation
    spread = "" if single else f" {between(inflation.lo, inflation.hi, 'times')} at 99 %"
    risen = "" if single else f" {between(found.rise.lo, found.rise.hi, 's')}"
    moved = (
        f"; the control route slowed as well, and divided by it {times(found.inflation.value)} are left"
        if with_node
        else ""
    )
    return Finding(
        id=id_,
        title=title,
        status=status,
        value=inflation.value,
        unit="times",
        interval=None if single else inflation.interval(),
        op="<",
        bound=expected.inflation.bound,
        n=inflation.n,
        reason=f"p95 became {times(inflation.value)}{spread} what it was, and rose by {seconds(found.rise.value)}{risen}; accepted is at"
        f" most {quantity(expected.inflation.bound, 'times')} or {seconds(expected.rise.bound)}{moved} (n={inflation.n})",
        evidence=(
            *(attribute(case, route) if with_node else ()),
            *found.evidence,
            *(attribute(case, route) if status is not Status.PASS and not with_node else ()),
            *((ONE_EVENT,) if single else ()),
        ),
    )


def _status(inflation: Estimate, rise: Estimate, expected: Bulkhead, *, single: bool) -> Status:
    if single:
        held = expected.inflation.holds(inflation.value) or expected.rise.holds(rise.value)
        return Status.PASS if held else Status.FAIL
    if _within(inflation, expected.inflation) or _within(rise, expected.rise):
        return Status.PASS
    both = _beyond(inflation, expected.inflation) and _beyond(rise, expected.rise)
    return Status.FAIL if both else Status.INCONCLUSIVE


def _within(estimate: Estimate, threshold: Threshold) -> bool:
    return estimate.hi <= threshold.bound


def _beyond(estimate: Estimate, threshold: Threshold) -> bool:
    return estimate.lo > threshold.bound


def _clear(found: Slowdown, expected: Bulkhead) -> bool:
    """Tell whether a slowdown that the control shares is more than drift: beyond both bounds with ``DRIFT`` times the interval."""
    plain, rise = found.plain, found.rise
    least = plain.value * (plain.lo / plain.value) ** DRIFT
    return least > expected.inflation.bound and rise.value - DRIFT * (rise.value - rise.lo) > expected.rise.bound


def _compare(case: Case, route: str) -> Slowdown | str:
    """
    Estimate the inflation of p95 relative to the control route's, and its plain rise in seconds; a reason when n is too small.

    The ratio is adjusted for the control, which sees the machine's drift and not the fault (difference in differences of
    logarithms); the rise is not, so that noise of a fast control cannot make a slow route look slower.
    """
    before, after = case.windows.baseline, case.windows.steady
    least = minimum_samples(Q)
    short = min(before.seconds, after.seconds)
    if short < LEAST_S and not case.single_event:
        return f"whole seconds are resampled, and a window of {short} has too few to make an interval"
    usual, slowed = _drawn(case, route, before), _drawn(case, route, after)
    if usual is None or slowed is None:
        window = before if usual is None else after
        return f"p95 needs {least} requests; in the {window.label} window there were {len(case.routes[route].within(window))}"
    (b, b_all), (f, f_all) = usual, slowed
    control, c, c_all = _control(case, route, before, after)
    adjusted = f_all / b_all / c_all
    n = len(case.sample(route, after).values)
    return Slowdown(
        inflation=Estimate(f / b / c, *percentile_interval(adjusted), n),
        plain=Estimate(f / b, *percentile_interval(f_all / b_all), n),
        rise=Estimate(f - b, *percentile_interval(f_all - b_all), n),
        evidence=(
            f"p95 {seconds(b)} in the baseline, {_at_most(case, f)} while the fault was on",
            control,
            f"slower than before in {float(np.mean(adjusted > 1)):.1%} of the resamples",
        ),
    )


def _at_most(case: Case, value_s: float) -> str:
    hang_s = case.plan.experiment.load.hang_s
    return f"more than {seconds(hang_s)}" if value_s >= hang_s or math.isclose(value_s, hang_s) else seconds(value_s)


def _drawn(case: Case, route: str, window: Window) -> tuple[float, Floats] | None:
    sample = case.sample(route, window)
    if len(sample.values) < minimum_samples(Q):
        return None
    return max(quantile(sample, Q), 1e-6), np.maximum(quantile_resampled(sample, Q), 1e-6)


def _control(case: Case, route: str, before: Window, after: Window) -> tuple[str, float, Floats | float]:
    name = case.plan.control()
    if name is None or name == route:
        return "no control route was loaded: drift of the machine is not taken out", 1.0, 1.0
    drawn = _drawn(case, name, before), _drawn(case, name, after)
    if drawn[0] is None or drawn[1] is None:
        return f"too few requests on the control route {name}: drift of the machine is not taken out", 1.0, 1.0
    moved = drawn[1][0] / drawn[0][0]
    return (
        f"the control route {name} itself: p95 {seconds(drawn[0][0])}, then {seconds(drawn[1][0])} ({times(moved)})",
        moved,
        drawn[1][1] / drawn[0][1],
    )
