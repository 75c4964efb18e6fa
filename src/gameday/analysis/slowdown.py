"""
Compare the response times of a route before a fault with those while it is on, also relative to the control route.

The ratio of two quantiles is printed as it is. The control route, which shares nothing with the others, tells what the
machine did meanwhile; a verdict holds only where the plain ratio and the ratio divided by the control's do not
contradict each other. It holds only where it also does without the trend that the baseline had on its own.

Source: difference in differences of logarithms; Kalibera & Jones (2013) on ratios; Cameron, Gelbach & Miller (2008) on
few clusters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from gameday.analysis.case import Case
from gameday.analysis.model import Status
from gameday.analysis.statistics import (
    Estimate,
    Floats,
    few,
    minimum_samples,
    percentile_interval,
    student,
    widening,
)
from gameday.analysis.windows import Window
from gameday.experiment.model import Bulkhead
from gameday.experiment.samples import NORMAL, visible_slowdown
from gameday.record.requests import Outcome

PRIMARY, FURTHER = 0.95, (0.5, 0.99)
"""The quantile that is judged, and those that show what it does not see: hits of a cache, a few very slow answers."""
LOOKS = 1.14
"""
How much wider the interval of a further quantile is, as three are looked at.

Source: Bonferroni; the normal quantiles of 99.83 and 99.5 %.
"""
DOUBT = 0.2
"""A further quantile that is beyond what is accepted in all but this share of the resamples is a reason not to pass."""
FEWER = 0.5
"""A further quantile is never a reason to pass, so that this share of the requests that its value needs is enough."""
DRIFT = 4.0
"""
By how much drift of a machine widens the interval of a ratio from which it was not taken out.

Source: the variance of a mean of an autoregressive series, (1 + r) / (1 - r) times that of independent seconds, at
r = 0.9.
"""
CONTROL_BOUND = 1.5
"""A control route slower by this factor noticed the fault, though it shares nothing: inflation's default bound."""
MOST_DRIFT = CONTROL_BOUND**2
"""What is slower by this factor shows no drift of a machine any more: dividing by such a control route lets nobody pass."""
LEAST_HALF_S = 5
"""Halves of a baseline that are shorter are not compared with each other."""
_LEAST_S = 1e-6


@dataclass(frozen=True, slots=True)
class Slowdown:
    """
    How much slower one quantile of a route is in one window than in another.

    Attributes:
        q: The quantile, 0 to 1.
        before_s: Its value in the first window; ``after_s`` in the second.
        plain: The ratio.
        divided: The ratio divided by the control route's; the plain one without a control route.
        rise: The difference in seconds.
        control_s: The control route's quantile in both windows; None without one, or where it has too few requests.
        wide: By how much the intervals are wider than resampled seconds make them.
        likely: What the ratio and the rise exceed in four of five resamples.
    """

    q: float
    before_s: float
    after_s: float
    plain: Estimate
    divided: Estimate
    rise: Estimate
    control_s: tuple[float, float] | None
    wide: float
    likely: tuple[float, float]

    @property
    def control(self) -> float:
        """Return the control route's ratio, 1 without one."""
        return 1.0 if self.control_s is None else self.control_s[1] / self.control_s[0]

    def without(self, trend: Trend) -> Slowdown:
        """Return it as it would be if the baseline's own trend had gone on."""
        plain, divided = math.exp(-trend.plain), math.exp(-trend.divided)
        shift_s = self.before_s * (math.exp(trend.plain) - 1)
        return replace(
            self,
            plain=_scaled(self.plain, plain),
            divided=_scaled(self.divided, divided),
            rise=replace(
                self.rise,
                value=self.rise.value - shift_s,
                lo=self.rise.lo - shift_s,
                hi=self.rise.hi - shift_s,
            ),
        )

    def wider(self, factor: float) -> Slowdown:
        """Return it with intervals that are so much wider."""
        plain, rise = _wider(self.plain, factor), self.rise
        least, most = (self.before_s * (end - 1) for end in (plain.lo, plain.hi))
        return replace(
            self,
            plain=plain,
            divided=_wider(self.divided, factor),
            rise=replace(rise, lo=min(rise.lo, least), hi=max(rise.hi, most)),
        )


def _wider(estimate: Estimate, factor: float) -> Estimate:
    value = estimate.value
    lo, hi = (value * (end / value) ** factor for end in (estimate.lo, estimate.hi))
    return replace(estimate, lo=lo, hi=hi)


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    return replace(estimate, value=estimate.value * factor, lo=estimate.lo * factor, hi=estimate.hi * factor)


@dataclass(frozen=True, slots=True)
class Trend:
    """
    By how much the baseline's own trend moves the logarithm of the response times.

    From the baseline's middle to that of the fault's window; 0 where no trend is certain. ``divided`` is that of the
    route relative to the control route.
    """

    plain: float = 0.0
    divided: float = 0.0

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return bool(self.plain or self.divided)


def compare(case: Case, route: str, before: Window, after: Window, q: float) -> Slowdown | str:
    """
    Estimate how much slower a route's quantile became, or return in words why that cannot be estimated.

    Intervals of a lasting fault are those of resampled seconds. A single event fills no window, so its intervals are
    what the baseline's own noise makes of a ratio: what the event did is not resampled.
    """
    usual, slowed = (_drawn(case, route, window, q) for window in (before, after))
    if usual is None or slowed is None:
        window = before if usual is None else after
        n = len(case.routes[route].within(window))
        return f"p{100 * q:g} needs {minimum_samples(q)} requests; in the {window.label} window there were {n}"
    control = _control(case, route, before, after, q)
    n, single = case.sent(route, after), case.single_event
    ratio, moved = slowed[0] / usual[0], control[1][0] / control[0][0] if control else 1.0
    if single:
        plain_all = divided_all = ratio * (usual[0] / usual[1]) ** _of_event(case, route, before, after)
    else:
        plain_all = slowed[1] / usual[1]
        divided_all = plain_all / (control[1][1] / control[0][1]) if control else plain_all
    wide = _wide(case, before, after, route, surely=single)
    plain = _estimate(ratio, plain_all, wide, n)
    rise_all = usual[0] * (plain_all - 1) if single else slowed[1] - usual[1]
    rise = slowed[0] - usual[0]
    lo, hi = percentile_interval(rise_all)
    # Widened as the ratio is: a difference of two widened values would be below zero where one is many times the other.
    least, most = (usual[0] * (end - 1) for end in (plain.lo, plain.hi))
    return Slowdown(
        q=q,
        before_s=usual[0],
        after_s=slowed[0],
        plain=plain,
        divided=_estimate(
            ratio / moved,
            divided_all / (moved if single else 1.0),
            _wide(case, before, after, route, divided=control is not None, surely=single),
            n,
        ),
        rise=Estimate(rise, min(lo, least), max(hi, most), n),
        control_s=(control[0][0], control[1][0]) if control else None,
        wide=wide,
        likely=(float(np.quantile(plain_all, DOUBT)), float(np.quantile(rise_all, DOUBT))),
    )


def restless(case: Case, route: str, window: Window, *, surely: bool = False) -> float:
    """Return by how much intervals are wider because a route's seconds are alike in how long they take; ``surely`` as in ``widening``."""
    return widening(_logs(case, route, window), surely=surely)


def suspicious(case: Case, expected: Bulkhead, route: str, windows: tuple[Window, Window], q: float) -> bool:
    """Return whether a quantile's plain values are beyond what is accepted: only then its interval can matter."""
    before, after = (case.routes[route].within(window) for window in windows)
    values = [each.response_s[~each.dropped] for each in (before, after)]
    if not all(map(len, values)):
        return False
    usual_s, slowed_s = (float(np.quantile(each, q, method="inverted_cdf")) for each in values)
    return slowed_s > expected.inflation.bound * usual_s and slowed_s - usual_s > expected.rise.bound


def trend(case: Case, route: str, before: Window, after: Window) -> Trend:
    """
    Return the baseline's own trend, as far as it is certain: of a route that warms up, or that a leak slows.

    It is that of the mean logarithm of each second's response times, and goes on from the baseline's middle to the
    window's.
    """
    apart_s = (after.start_s + after.end_s - before.start_s - before.end_s) / 2
    logs, name = _logs(case, route, before), case.plan.control()
    plain = _slope(logs) * apart_s
    if name is None or name == route:
        return Trend(plain, plain)
    control = _logs(case, name, before)
    return Trend(plain, _slope(logs - control) * apart_s if len(control) == len(logs) else plain)


def drifting(case: Case, route: str, before: Window, at_s: Floats) -> Floats:
    """Return how many times slower than in the middle of the baseline its own trend makes a route at these times; 1 where it becomes faster."""
    slope = _slope(_logs(case, route, before))
    return np.asarray(np.exp(np.maximum(0.0, slope * (at_s - (before.start_s + before.end_s) / 2))), np.float64)


def _slope(logs: Floats) -> float:
    """Return the slope of a straight line through one value a second; 0 where its interval contains that."""
    n = len(logs)
    if n < 2 * LEAST_HALF_S:
        return 0.0
    at_s = np.arange(n) - (n - 1) / 2
    slope = float(at_s @ logs / (at_s @ at_s))
    left = logs - logs.mean() - slope * at_s
    error = math.sqrt(float(left @ left) / (n - 2) / float(at_s @ at_s))
    return slope if abs(slope) > student(n - 1) * widening(left) * error else 0.0


def unlike(case: Case, expected: Bulkhead, route: str, q: float) -> bool:
    """Return whether the second half of the baseline, judged as if it were the fault, would fail."""
    before = case.windows.baseline
    middle_s = before.start_s + before.seconds // 2
    first = Window("baseline, first half", before.start_s, middle_s)
    second = Window("baseline, second half", middle_s, before.end_s)
    if min(first.seconds, second.seconds) < LEAST_HALF_S or not suspicious(case, expected, route, (first, second), q):
        return False
    found = compare(case, route, first, second, q)
    return not isinstance(found, str) and judge(found, expected, late=False, single=False) is Status.FAIL


def judge(found: Slowdown, expected: Bulkhead, *, late: bool, single: bool) -> Status:
    """
    Judge one comparison: by the ratio divided by the control route's, unless the plain one contradicts it.

    Where the control route slowed as well, dividing by it would take out a fault that slows the whole node; where it
    became faster, dividing by it makes nobody slower who is not likely to be so by the plain ratio. What a single event did is not resampled, so it passes by its
    value.

    Args:
        found: The comparison.
        expected: The accepted ratio and the accepted rise; a route that keeps either has passed.
        late: Whether the generator was late, so that a node that slows everything cannot be told from it.
        single: Whether the fault is one event.
    """
    most, most_s = expected.inflation.bound, expected.rise.bound
    plain, divided, rise = found.plain, found.divided, found.rise
    plain_hi, divided_hi, rise_hi = (each.value if single else each.hi for each in (plain, divided, rise))
    slower = plain.lo > most and rise.lo > most_s
    with_control = found.control > MOST_DRIFT and plain.value > most and rise.value > most_s
    if (
        rise_hi <= most_s
        or (divided_hi <= most and not slower and not with_control)
        or (plain_hi <= most and divided.lo <= most)
    ):
        return Status.PASS
    by_control = divided.lo > most and found.likely[0] > most and found.likely[1] > most_s
    if by_control or (slower and divided.value > most):
        return Status.FAIL
    with_node = slower and found.control > CONTROL_BOUND and plain.value > MOST_DRIFT and _clear(found, expected)
    return Status.FAIL if with_node and not late else Status.INCONCLUSIVE


def doubtful(found: Slowdown, expected: Bulkhead) -> bool:
    """Return whether a further quantile is likely to be beyond what is accepted, though that is not certain."""
    ratio, rise_s = found.likely
    most = expected.inflation.bound
    return ratio > most and rise_s > expected.rise.bound and found.divided.value > most


def _clear(found: Slowdown, expected: Bulkhead) -> bool:
    """
    Return whether a slowdown that the control route shares is more than drift.

    It is beyond both bounds with intervals that are ``DRIFT`` times as wide as resampled seconds make them.
    """
    further = found.wider(max(1.0, DRIFT / found.wide))
    return further.plain.lo > expected.inflation.bound and further.rise.lo > expected.rise.bound


def visible(estimate: Estimate, most: float) -> float:
    """Return the smallest ratio that is seen to be beyond ``most`` with a probability of 95 %, at this run's noise."""
    return visible_slowdown(math.log(estimate.hi / estimate.lo) / (2 * NORMAL), most)


def _estimate(value: float, drawn: Floats, wide: float, n: int) -> Estimate:
    lo, hi = percentile_interval(drawn)
    return Estimate(value, value * (min(lo, value) / value) ** wide, value * (max(hi, value) / value) ** wide, n)


def _drawn(case: Case, route: str, window: Window, q: float) -> tuple[float, Floats] | None:
    least = minimum_samples(q)
    found = case.quantile(route, window, q, least if q == PRIMARY else math.ceil(FEWER * least))
    return None if found is None else (max(found[0].value, _LEAST_S), np.maximum(found[1], _LEAST_S))


Drawn = tuple[float, Floats]
"""A quantile (s), and that of each resample."""


def _control(case: Case, route: str, before: Window, after: Window, q: float) -> tuple[Drawn, Drawn] | None:
    """Return the control route's quantile in both windows; None without one, or with too few requests."""
    name = case.plan.control()
    if name is None or name == route:
        return None
    usual, slowed = (_drawn(case, name, window, q) for window in (before, after))
    return None if usual is None or slowed is None else (usual, slowed)


def _logs(case: Case, route: str, window: Window) -> Floats:
    """Return, for each second of a window that has any, the mean logarithm of the time of answers that served."""

    def computed() -> Floats:
        inside = case.routes[route].within(window)
        inside = inside.where(inside.being(Outcome.OK, Outcome.DEGRADED, Outcome.LATE))
        second = window.second(inside.scheduled_s)
        count = np.bincount(second, minlength=window.seconds)
        logs = np.bincount(second, np.log(np.maximum(inside.response_s, _LEAST_S)), minlength=window.seconds)
        return np.asarray(logs[count > 0] / count[count > 0], np.float64)

    return case.once(("logs", route, window), computed)


def _of_event(case: Case, route: str, before: Window, after: Window) -> float:
    """
    Return how much further a ratio strays by the baseline's noise than the baseline's quantile does by resampling.

    The other window has that noise as well, and seconds that are alike are as good as fewer ones, which Student's
    distribution takes into account. How alike they are is not known from so few: they are taken to be as much as is
    possible.
    """
    independent = int(before.seconds / widening(_logs(case, route, before), surely=True) ** 2)
    return math.sqrt(1 + before.seconds / after.seconds) * student(max(2, independent - 1)) / NORMAL


def _wide(
    case: Case, before: Window, after: Window, route: str, *, divided: bool = False, surely: bool = False
) -> float:
    """Return by how much the interval of a ratio is wider than resampled seconds make it."""
    logs, name = _logs(case, route, before), case.plan.control()
    if divided and name is not None:
        control = _logs(case, name, before)
        logs = logs - control if len(control) == len(logs) else logs
    return widening(logs, surely=surely) * few(before.seconds + after.seconds, 2)
