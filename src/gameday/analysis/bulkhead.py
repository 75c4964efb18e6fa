"""Judge whether routes that do not need what was faulted noticed it: latency, errors, goodput, hung, down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gameday.analysis import slowdown
from gameday.analysis.attribution import COMPARED, attribute, failure_class
from gameday.analysis.case import Case
from gameday.analysis.findings import ONE_EVENT, judged, shown, undecided
from gameday.analysis.model import Finding, Status
from gameday.analysis.routes import Requests
from gameday.analysis.statistics import (
    Bools,
    Estimate,
    difference,
    ratio,
    share_interval,
)
from gameday.analysis.windows import Window
from gameday.analysis.wording import between, bound, quantity, seconds, times
from gameday.experiment.model import Bulkhead
from gameday.experiment.plan import falls_back
from gameday.experiment.samples import LEAST_S, NORMAL, visible_share
from gameday.experiment.units import Threshold

RESTLESS = 1.5
"""From this widening on a reader is told why an interval is wide."""
OFTEN, SELDOM = 0.05, 0.01
"""
How many stretches of bad answers as long as one that was seen are expected by chance in a run: more than the first is
usual (with Laplace's estimate of the baseline's bad share), more than the second possible (with its interval's end).
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
    that hangs while queues still fill has hung all the same. Down counts until the run's end.
    """
    steady, fault, baseline = case.windows.steady, case.windows.fault, case.windows.baseline
    bad_after, bad_before = case.bad_share(route, steady), case.bad_share(route, baseline)
    good_after, good_before = case.good_share(route, steady), case.good_share(route, baseline)
    excess, noise = _excess(bad_after, bad_before), _noise(case, route, bad_after)
    errors = judged(
        case,
        id=f"bulkhead.{route}.errors",
        title=f"{route} gets no more bad answers than before",
        estimate=difference(bad_after, bad_before) if bad_after and bad_before else None,
        threshold=expected.errors,
        what="bad requests beyond the baseline's share",
        evidence=excess,
    )
    goodput = judged(
        case,
        id=f"bulkhead.{route}.goodput",
        title=f"{route} keeps its goodput",
        estimate=ratio(good_after, good_before) if good_after and good_before else None,
        threshold=expected.goodput,
        what="good answers compared with the baseline",
        evidence=excess,
    )
    visible = None
    if bad_before and not case.single_event:
        visible = visible_share(bad_before.n, case.sent(route, steady), expected.errors.bound)
    return (
        _latency(case, expected, route),
        _visible(_beyond(errors, noise, expected.errors), visible),
        _beyond(goodput, -noise, expected.goodput),
        judged(
            case,
            id=f"bulkhead.{route}.hung",
            title=f"{route} lets nobody hang",
            estimate=case.hung_share(route, fault),
            threshold=expected.hung,
            what=f"requests without an answer for {seconds(case.plan.experiment.load.hang_s)}",
            evidence=excess,
        ),
        _down(case, expected, route),
        _degraded(case, expected, route),
    )


def _degraded(case: Case, expected: Bulkhead, route: str) -> Finding:
    """
    Judge how many more answers come from a fallback than in the baseline.

    Where the route can do without what is faulted a fallback is the right answer: then the share is only shown.
    """
    id_, what = f"bulkhead.{route}.degraded", "degraded answers beyond the baseline's share"
    windows = case.windows.steady, case.windows.baseline
    after, before = (_fallbacks(case, route, window) for window in windows)
    if after is not None and falls_back(case.plan.system, case.plan.faults, route):
        told = f"{quantity(after.value, 'ratio')} of {after.n} requests were answered from a fallback"
        reason = f"{told}, as may be: {route} can do without what is faulted"
        return shown(id_, f"{route}: answers from a fallback", after.value, unit="ratio", n=after.n, reason=reason)
    return judged(
        case,
        id=id_,
        title=f"{route} gets no more degraded answers than before",
        estimate=difference(after, before) if after and before else None,
        threshold=expected.degraded,
        what=what,
        evidence=tuple(
            f"{each.value * each.n:.0f} of {each.n} requests were answered from a fallback in the {window.label} window"
            for each, window in zip((after, before), windows, strict=True)
            if each is not None
        ),
    )


def _fallbacks(case: Case, route: str, window: Window) -> Estimate | None:
    """
    Estimate the share of degraded answers.

    What was not sent, or was young when the load ended, may have been one.
    """
    inside = case.routes[route].within(window)
    return case.share(inside, window, inside.degraded, inside.degraded | inside.dropped | inside.cut)


@dataclass(frozen=True, slots=True)
class Stretch:
    """
    Requests one after the other that all got no good answer.

    Attributes:
        first_s: When the first was scheduled; ``last_s`` the last.
        since_s: When the one before the first was, ``until_s`` the one after the last: between them nobody is known to
            have been answered.
        count: How many they are.
    """

    first_s: float
    last_s: float
    since_s: float
    until_s: float
    count: int

    @property
    def length_s(self) -> float:
        """Return how long it was at least."""
        return self.last_s - self.first_s

    @property
    def most_s(self) -> float:
        """Return how long it was at most."""
        return self.until_s - self.since_s


def stretches(requests: Requests, without: Bools, window: Window) -> tuple[Stretch, ...]:
    """Return every stretch of a route's requests of a window that were all without a good answer, in order."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], without, [False])).astype(np.int8)))
    times_s = np.concatenate(([window.start_s], requests.scheduled_s, [window.end_s]))
    return tuple(
        Stretch(
            first_s=float(times_s[first + 1]),
            last_s=float(times_s[end]),
            since_s=float(times_s[first]),
            until_s=float(times_s[end + 1]),
            count=int(end - first),
        )
        for first, end in zip(edges[::2], edges[1::2], strict=True)
    )


def _down(case: Case, expected: Bulkhead, route: str) -> Finding:
    """
    Judge the longest time without any good answer from the injection to the run's end, guards and recovery included.

    It is what happened in this run. It fails by what certainly got no good answer, from the first such request to the
    last, and passes if all that perhaps got none, with the time to the requests around it, is short enough. It is not
    held against the fault where the baseline had it as long, or where so many bad answers in a row are to be expected
    at the baseline's rate.
    """
    id_, title, accepted = f"bulkhead.{route}.down", f"{route} is never down", expected.down
    window, injected_s = case.windows.observed, case.windows.baseline.end_s
    observed, before = case.routes[route].within(window), case.inside(route, case.windows.baseline)
    after = int(np.count_nonzero(observed.scheduled_s >= injected_s))
    if not after or not len(before):
        what = "after the injection" if len(before) else "in the baseline"
        return undecided(id_, title, unit="s", threshold=accepted, n=after, reason=f"there were no requests {what}")
    surely, possible = (stretches(observed, mask, window) for mask in (observed.bad, ~observed.good))
    usual = [each for each in surely if each.last_s < injected_s]
    usual_s, bursts = max((each.length_s for each in usual), default=0.0), [each.count for each in usual]
    # one that was open at the injection belongs to the event
    longest, perhaps = (
        max((each for each in found if each.last_s >= injected_s), key=_most_s, default=None)
        for found in (surely, possible)
    )
    status, why = Status.PASS, ""
    if longest is not None and not accepted.holds(longest.length_s):
        status, why = _noticed(longest, usual_s, before, after, bursts)
    elif perhaps is not None and not accepted.holds(perhaps.most_s):
        noticed, why = _noticed(perhaps, usual_s, before, after, bursts)
        if noticed is not Status.PASS:
            status, why = Status.INCONCLUSIVE, f", and it was perhaps {seconds(perhaps.most_s)}"
    told = (
        "no request certainly got no good answer"
        if longest is None
        else f"none of {longest.count} requests in a row, {seconds(longest.length_s)} from {seconds(longest.first_s)} on,"
        " got a good answer in time"
    )
    return Finding(
        id=id_,
        title=title,
        status=status,
        value=longest.length_s if longest else 0.0,
        unit="s",
        interval=None,
        op=accepted.op,
        bound=accepted.bound,
        n=after,
        reason=f"{told}; accepted is less than {seconds(accepted.bound)}{why} (n={after})",
        evidence=(f"the longest time without a good answer before: {seconds(usual_s)}",),
    )


def _noticed(
    longest: Stretch, usual_s: float, before: Requests, after: int, bursts: Sequence[int]
) -> tuple[Status, str]:
    """Return what a stretch beyond the accepted length says of the fault, and why less than it seems to."""
    bad, n = int(np.count_nonzero(before.bad)), len(before)
    expected, most = (after * rate**longest.count for rate in ((bad + 1) / (n + 2), share_interval(bad, n)[1]))
    if bursts:  # of a service that fails in bursts, whose lengths are as good as exponentially distributed
        most = max(most, len(bursts) / n * after * math.exp(-longest.count / float(np.mean(bursts))))
    if longest.length_s <= usual_s or expected > OFTEN:
        return Status.PASS, ", and the baseline's own share of bad answers, or its stretches of them, have that as well"
    if longest.length_s < 2 * usual_s or most > SELDOM:
        return Status.INCONCLUSIVE, ", but it cannot be told from what the baseline had"
    return Status.FAIL, ""


def _most_s(stretch: Stretch) -> float:
    return stretch.most_s


def _noise(case: Case, route: str, bad: Estimate | None) -> float:
    """Return what chance adds to the share of bad answers after a single event; 0 of other faults."""
    if bad is None or not case.single_event:
        return 0.0
    restless = slowdown.restless(case, route, case.windows.baseline)
    return NORMAL * restless * math.sqrt(bad.value * (1 - bad.value) / bad.n)


def _beyond(finding: Finding, noise: float, accepted: Threshold) -> Finding:
    """Return a finding on a single event that fails only if it would without what chance may have added to it."""
    if finding.status is not Status.FAIL or finding.value is None or not accepted.holds(finding.value - noise):
        return finding
    return replace(
        finding, status=Status.INCONCLUSIVE, reason=f"{finding.reason}, but as much may be the route's own noise"
    )


def _excess(after: Estimate | None, before: Estimate | None) -> tuple[str, ...]:
    if after is None or before is None:
        return ()
    bad, was = after.value * after.n, before.value * before.n
    excess = max(0.0, bad - before.value * after.n)
    return (f"{bad:.0f} bad of {after.n} with the fault on, {was:.0f} of {before.n} before: {excess:.0f} in excess",)


def _latency(case: Case, expected: Bulkhead, route: str) -> Finding:
    id_, title = f"bulkhead.{route}.latency", f"{route} stays as fast as before"
    before, after = case.windows.baseline, case.windows.steady
    n, short = len(case.routes[route].within(after)), min(before.seconds, after.seconds)
    found = slowdown.compare(case, route, before, after, slowdown.PRIMARY)
    if short < LEAST_S and not case.single_event:
        found = f"whole seconds are resampled, and a window of {short} has too few to make an interval"
    if isinstance(found, str):
        return undecided(id_, title, unit="times", threshold=expected.inflation, n=n, reason=found)
    found, status, why = _decided(case, expected, route, primary := found)
    plain, single = found.plain, case.single_event
    spread = "" if single else f" {between(plain.lo, plain.hi, 'times')} at 99 %"
    risen = "" if single else f" {between(found.rise.lo, found.rise.hi, 's')}"
    control = ""
    if found.control_s is not None:
        as_well = "slowed as well, to" if found.control > slowdown.CONTROL_BOUND else "came to"
        left = times(found.divided.value)
        control = f"; the control route {as_well} {times(found.control)}, and divided by it are left {left}"
    finding = Finding(
        id=id_,
        title=title,
        status=status,
        value=plain.value,
        unit="times",
        interval=None if single else plain.interval(),
        op="<",
        bound=expected.inflation.bound,
        n=plain.n,
        reason=f"p{100 * found.q:g} became {times(plain.value)}{spread} what it was, and rose by"
        f" {seconds(found.rise.value)}{risen}{control}; accepted is at most"
        f" {quantity(expected.inflation.bound, 'times')} or {bound(expected.rise.bound, 's')}{why} (n={plain.n})",
        evidence=(
            *(attribute(case, route) if status is not Status.PASS else ()),
            *_measured(case, route, found),
            *((ONE_EVENT,) if single else ()),
        ),
        of_time=True,
        compares=COMPARED,
        by_sample=status is Status.INCONCLUSIVE and not single and not why and found is primary,
    )
    return _visible(finding, None if single else slowdown.visible(plain, expected.inflation.bound))


def _decided(
    case: Case, expected: Bulkhead, route: str, primary: slowdown.Slowdown
) -> tuple[slowdown.Slowdown, Status, str]:
    """
    Return the comparison that decides, its status, and why that is not what its numbers say.

    p95 decides, unless p50 or p99 shows what it does not see: clearly, or so likely that nothing passes. Nothing is
    decided where the halves of the baseline differ by as much as is not accepted, nor where the baseline's own trend
    would change the result.
    """
    single, late = case.single_event, failure_class(case) == "generator"
    before, after = case.windows.baseline, case.windows.steady
    trend = slowdown.trend(case, route, before, after)

    def judged_as(found: slowdown.Slowdown) -> Status:
        return slowdown.judge(found, expected, late=late, single=single)

    found, status = primary, judged_as(primary)
    for q in slowdown.FURTHER if status is not Status.FAIL else ():
        if not slowdown.suspicious(case, expected, route, (before, after), q):
            continue
        further = slowdown.compare(case, route, before, after, q)
        if isinstance(further, str):
            continue
        if judged_as(further.wider(slowdown.LOOKS)) is Status.FAIL:
            found, status = further, Status.FAIL
            break
        if status is Status.PASS and slowdown.doubtful(further, expected):
            found, status = further, Status.INCONCLUSIVE
    if trend and (status is Status.INCONCLUSIVE or judged_as(found.without(trend)) is not status):
        return (
            found,
            Status.INCONCLUSIVE,
            "; but the baseline itself was not steady, and where that led to is not known",
        )
    if slowdown.unlike(case, expected, route, found.q):
        return found, Status.INCONCLUSIVE, "; but the halves of the baseline differ by more than is accepted"
    return found, status, ""


def _measured(case: Case, route: str, found: slowdown.Slowdown) -> tuple[str, ...]:
    q, b, f = f"p{100 * found.q:g}", found.before_s, found.after_s
    told = [f"{q} {seconds(b)} in the baseline, {_at_most(case, f)} while the fault was on"]
    if found.control_s is None:
        told.append("no control route with enough requests was loaded: drift of the machine is not taken out")
    else:
        c, d = found.control_s
        control = f"{seconds(c)}, then {seconds(d)} ({times(found.control)})"
        told.append(f"the control route {case.plan.control()} itself: {q} {control}")
    wider = slowdown.restless(case, route, case.windows.baseline)
    if wider >= RESTLESS:
        told.append(f"seconds resemble those before them in the baseline already: intervals are {times(wider)} as wide")
    return tuple(told)


def _visible(finding: Finding, least: float | None) -> Finding:
    """Return a finding with the smallest effect that this run can see."""
    if least is None or finding.value is None:
        return finding
    told = f"this run can see {quantity(least, finding.unit)} with a probability of 95 %"
    return replace(finding, visible=least, evidence=(*finding.evidence, told))


def _at_most(case: Case, value_s: float) -> str:
    hang_s = case.plan.experiment.load.hang_s
    return f"more than {seconds(hang_s)}" if value_s >= hang_s or math.isclose(value_s, hang_s) else seconds(value_s)
