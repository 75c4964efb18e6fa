"""
Find when each signal of a run left its baseline, by a one-sided CUSUM against the baseline itself.

``S = max(0, S + w)`` alarms where it exceeds a limit, and the change is dated to where it last left zero. Of requests
(bad, late), of full pools and of failed calls ``w`` is a log-likelihood ratio, of other counters the distance from the
baseline's mean in standard deviations, less the allowance.

Source:
    Page (1954), Biometrika 41, and Hawkins & Olwell (1998) for the scheme and the date; Reynolds & Stoumbos (1999), J.
    Quality Technology 31, for proportions. Values that resemble those before them make sums as if their variance were
    that of their mean times n (Johnson & Bagshaw 1974, Technometrics 16): the limit grows by as much.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from gameday.analysis.case import Case
from gameday.analysis.delivery import immaterial_lag_s
from gameday.analysis.kills import seen_at_s
from gameday.analysis.model import Onset, OnsetKind
from gameday.analysis.routes import Requests
from gameday.analysis.slowdown import CONTROL_BOUND, drifting, restless
from gameday.analysis.statistics import Bools, Floats, minimum_samples, widening
from gameday.analysis.windows import Window
from gameday.experiment.samples import MATERIAL_S
from gameday.record.history import Event

ALARM = 14.0
"""The limit for a log-likelihood ratio: chance reaches it about once in e^14 observations (Wald), a run has up to e^11."""
OF_BASELINE = 2.0
"""No alarm is below this many times the largest sum of the baseline, in which nothing was done."""
MORE: Mapping[OnsetKind, float] = {"bad": 0.1, "degraded": 0.1, "late": 0.15, "lag": 0.1, "control": 0.15}
"""The rise of a share that is looked for: half of it is where the sum begins to grow."""
SLOWER = 1.5
"""A request is late from so many times the baseline's p95 on, and ``MATERIAL_S`` above it, as bulkheads have it."""
PAUSE_S = 0.5
"""A lateness that is over sooner is a pause, of which every machine has some."""
PAUSES: frozenset[OnsetKind] = frozenset(("late", "control", "lag"))
SUFFERS: frozenset[OnsetKind] = frozenset(("bad", "late", "degraded"))
"""What users notice."""
JUST_S, LASTING_S, PLAIN = 1.0, 5.0, 15.0
"""What begins so soon after a fault is of it; else a change must last so long, or be so many times beyond the limit: restless routes have spells."""
LEAST_N = minimum_samples(0.95)
LEAST_S = 5.0
"""So much of a baseline is needed to know what is usual."""


Spans = tuple[tuple[float, float], ...]
Named = tuple[OnsetKind, str, str]
"""A kind of onset, what it is of, and what changed in words."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """The first observation of a change, that of the alarm, and that at which the sum is largest before it is zero again, by their numbers; and that sum."""

    first: int
    alarm: int
    peak: int
    largest: float


def cusum(weights: Floats, limit: float) -> Crossing | None:
    """Return where the sum that never falls below zero first exceeds a limit, and where it left zero before; None where it never does."""
    return next(crossings(weights, limit), None)


def crossings(weights: Floats, limit: float) -> Iterator[Crossing]:
    """Yield every excursion of the sum from zero that exceeds a limit."""
    sums = running(weights)
    zeros = np.flatnonzero(sums <= 0)
    alarms, end = np.flatnonzero(sums > limit), -1
    for alarm in alarms.tolist():
        if alarm > end:
            place = int(np.searchsorted(zeros, alarm))
            end = int(zeros[place]) if place < len(zeros) else len(sums)
            peak = alarm + int(np.argmax(sums[alarm:end]))
            yield Crossing(int(zeros[place - 1]) + 1 if place else 0, alarm, peak, float(sums[peak]))


def running(weights: Floats) -> Floats:
    """Return ``S = max(0, S + w)`` after each weight."""
    sums = np.cumsum(weights)
    return np.asarray(sums - np.minimum(np.minimum.accumulate(sums), 0.0), np.float64)


def of_share(trials: Floats, hits: Floats, usual: Bools, more: float, *, doubt: float = 2.0) -> Floats | None:
    """
    Return the weights of a share against the one that is usual plus ``more``; None where half is usual.

    Args:
        trials: How many there are in each observation.
        hits: How many of these are what is counted.
        usual: Which observations are of the baseline.
        more: The rise that is looked for.
        doubt: So many hits more are taken to be usual than were seen.
    """
    before = (float(hits[usual].sum()) + doubt) / (float(trials[usual].sum()) + 2 * doubt)
    after = before + more
    if before > 0.5 or after >= 1:
        return None
    return np.asarray(
        hits * math.log(after / before) + (trials - hits) * math.log((1 - after) / (1 - before)), np.float64
    )


def event(case: Case) -> Window:
    """Return where changes are looked for: from the begin of the injection to the end of the fault."""
    return Window("event", case.windows.baseline.end_s, max(case.windows.baseline.end_s, case.windows.fault.end_s))


def measured(case: Case) -> tuple[str, ...]:
    """Return the routes that are no control and have enough requests to be seen to change."""
    return tuple(
        route
        for route, requests in case.routes.items()
        if not case.plan.system.routes[route].control and _enough(case, requests)
    )


def _enough(case: Case, requests: Requests) -> bool:
    baseline, during = case.windows.baseline, event(case)
    return (
        baseline.length_s >= LEAST_S
        and during.length_s > 0
        and len(requests.within(baseline)) >= LEAST_N
        and len(requests.within(during)) > 0
    )


def of_routes(case: Case, begun: Spans) -> Iterator[Onset]:
    """
    Yield when each route became bad, late or degraded, the control route became late and the generator ran late.

    What begins in one of the spans, in which a service changed, is of it as if a fault had begun there.
    """
    for route in measured(case):
        yield from filter(None, (look(case, route, begun) for look in (bad, late, degraded)))
    yield from filter(None, (control(case, begun), lag(case, begun)))


def bad(case: Case, route: str, begun: Spans = ()) -> Onset | None:
    """Return from when on requests got no good answer more often than before."""
    requests = _seen(case, route)
    known_s = np.minimum(requests.ended_s, requests.scheduled_s + requests.deadline_s)
    return _spoilt(case, ("bad", route, f"{route} failing"), (known_s, requests.bad), begun)


def degraded(case: Case, route: str, begun: Spans = ()) -> Onset | None:
    """Return from when on good answers came from a fallback more often than before."""
    requests = _seen(case, route)
    return _spoilt(case, ("degraded", route, f"{route} degraded"), (requests.ended_s, requests.degraded), begun)


def _spoilt(case: Case, named: Named, known: tuple[Floats, Bools], begun: Spans) -> Onset | None:
    """Return from when on more requests were so than before, which was known of each at a time; of the others when they ended."""
    requests, (known_s, spoilt) = _seen(case, named[1]), known
    clustered = _clustered(_per_second(case, requests, spoilt))
    observed = np.where(spoilt, known_s, requests.ended_s), spoilt
    return _changed(case, named, observed, begun, (clustered, clustered))


def late(case: Case, route: str, begun: Spans = (), *, by_service: bool = False) -> Onset | None:
    """Return from when on requests took longer than before; ``by_service`` counts from when they were sent."""
    usual_s = _p95_s(case, route)
    limit_s = max(SLOWER * usual_s, usual_s + MATERIAL_S)
    return _slower(case, ("late", route, f"{route} late"), limit_s, begun, by_service=by_service)


def control(case: Case, begun: Spans = (), *, by_service: bool = False) -> Onset | None:
    """Return from when on the control route took longer than before, by the factor from which on it noticed the fault."""
    name = case.plan.control()
    if name is None or not _enough(case, case.routes[name]):
        return None
    limit_s = CONTROL_BOUND * _p95_s(case, name)
    return _slower(case, ("control", name, f"{name} (control) late"), limit_s, begun, by_service=by_service)


def lag(case: Case, begun: Spans = ()) -> Onset | None:
    """Return from when on the generator sent requests later than is immaterial."""
    parts = []
    for route in case.routes:
        requests = _seen(case, route)
        allowed_s = immaterial_lag_s(requests.within(case.windows.baseline))
        parts.append((requests.scheduled_s + np.minimum(requests.lag_s, allowed_s), requests.lag_s > allowed_s))
    if not parts or sum(len(times) for times, _ in parts) < LEAST_N:
        return None
    observed = np.concatenate([times for times, _ in parts]), np.concatenate([hits for _, hits in parts])
    return _changed(case, ("lag", "generator", "generator late"), observed, begun)


def left(case: Case) -> Iterator[Onset]:
    """Yield when replicas left the endpoints of their service."""
    during = event(case)
    for record in case.history:
        t_s = seen_at_s(record)
        if record.event == Event.REPLICA_LEFT and during.start_s <= t_s < during.end_s:
            service, replica = str(record.data.get("service")), str(record.data.get("replica"))
            yield dated(case, "left", service, f"{replica} left", (t_s, t_s, t_s))


def dated(
    case: Case, kind: OnsetKind, subject: str, text: str, times_s: tuple[float, float, float], *, by: str = ""
) -> Onset:
    """Return an onset: after which sample, when seen, when beyond doubt."""
    at_s, seen_s, alarm_s = times_s
    return Onset(kind, subject, by, text, at_s, seen_s, alarm_s, seen_s - event(case).start_s)


def _seen(case: Case, route: str) -> Requests:
    """Return what was sent in the baseline and in the event."""
    during = Window("seen", case.windows.baseline.start_s, event(case).end_s)
    inside = case.routes[route].within(during)
    return inside.where(~inside.dropped)


def _p95_s(case: Case, route: str) -> float:
    usual = case.routes[route].within(case.windows.baseline)
    return float(np.quantile(usual.response_s, 0.95)) if len(usual) else 0.0


def _slower(case: Case, named: Named, limit_s: float, begun: Spans, *, by_service: bool) -> Onset | None:
    route = named[1]
    requests = _seen(case, route)
    took_s = requests.service_s if by_service else requests.response_s
    limits_s = limit_s * drifting(case, route, case.windows.baseline, requests.scheduled_s)
    begun_s = requests.sent_s if by_service else requests.scheduled_s
    slow = took_s > limits_s
    known_s = begun_s + np.minimum(took_s, limits_s)
    hits = _clustered(_per_second(case, requests, slow))
    alike, surely = (restless(case, route, case.windows.baseline, surely=each) ** 2 for each in (False, True))
    return _changed(case, named, (known_s, slow), begun, (max(hits, alike), max(hits, surely)))


def _clustered(counts: Floats) -> float:
    """Return by how much the variance of a mean is larger than that of hits by chance: they come in spells, and these in longer ones."""
    return _dispersion(counts) * widening(counts) ** 2


def _dispersion(counts: Floats) -> float:
    """Return how many times the variance of counts is that of chance, at least 1."""
    return max(1.0, float(counts.var(ddof=1) / counts.mean())) if len(counts) > 1 and counts.any() else 1.0


def _per_second(case: Case, requests: Requests, hits: Bools) -> Floats:
    """Return how often something was so in each second of the baseline."""
    baseline = case.windows.baseline
    inside = requests.scheduled_s < baseline.end_s
    return np.bincount(baseline.second(requests.scheduled_s[inside & hits]), minlength=baseline.seconds).astype(float)


def _changed(
    case: Case,
    named: Named,
    observed: tuple[Floats, Bools],
    begun: Spans,
    spread: tuple[float, float] = (1.0, 1.0),
) -> Onset | None:
    """
    Return the change of a share that is observed at exact times.

    The limit is the first of ``spread`` times that for hits by chance; of what does not begin with something else also the
    second, and as many times as its own hits come in spells.
    """
    (kind, subject, text), (clustered, surely) = named, spread
    order = np.argsort(observed[0], kind="stable")
    known_s, hits = observed[0][order], observed[1][order].astype(float)
    usual = known_s < case.windows.baseline.end_s
    weights = of_share(np.ones(len(hits)), hits, usual, MORE[kind])
    if weights is None or not usual.any():
        return None
    limit = max(ALARM * clustered, OF_BASELINE * float(running(weights[usual]).max()))
    times_s = known_s[~usual]
    for crossing in crossings(weights[~usual], limit):
        first_s, alarm_s, peak_s = (float(times_s[each]) for each in (crossing.first, crossing.alarm, crossing.peak))
        least_s = PAUSE_S if kind in PAUSES else 0.0
        if not _just_begun(case, first_s, begun):
            beyond = crossing.largest / max(limit, ALARM * surely)
            struck_s = times_s[crossing.first : crossing.peak + 1][hits[~usual][crossing.first : crossing.peak + 1] > 0]
            spells = _dispersion(np.bincount((struck_s - first_s).astype(int)).astype(float)[:-1])
            least_s = math.inf if beyond < 1 else LASTING_S if beyond < PLAIN * spells else least_s
            least_s = math.inf if least_s == LASTING_S and beyond < spells else least_s
        if peak_s - first_s >= least_s:
            return dated(case, kind, subject, text, (first_s, first_s, alarm_s))
    return None


def _just_begun(case: Case, at_s: float, begun: Spans) -> bool:
    """Return whether a fault, or a change of a service, has just begun."""
    faults_s = [episode.begun_s for episode in case.episodes if episode.asked and episode.begun_s is not None]
    return any(first_s <= at_s < last_s + JUST_S for first_s, last_s in (*zip(faults_s, faults_s, strict=True), *begun))
