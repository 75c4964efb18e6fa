"""
Count what a single event cost a route: the requests without a good answer in time, beyond what the baseline had.

A step is compared by windows; an event that is over at once has none: an outage of 2 s in a window of 20 s has an interval that decides
nothing. So the bad requests themselves are counted, from the event to the end of the fault phase, and written as seconds of the
route's load, which makes them comparable with an outage's length and independent of the rate.
"""

from __future__ import annotations

import numpy as np

from gameday.analysis.case import Case
from gameday.analysis.findings import ONE_EVENT, undecided
from gameday.analysis.model import Finding, Status
from gameday.analysis.routes import Requests
from gameday.analysis.statistics import minimum_samples
from gameday.analysis.wording import seconds
from gameday.experiment.model import Outage


def outage(case: Case) -> tuple[Finding, ...]:
    """Judge every named route; nothing when the experiment expects no outage."""
    expected = case.plan.experiment.expect.outage
    if expected is None:
        return ()
    return tuple(_lost(case, expected, route) for route in expected.routes)


def _lost(case: Case, expected: Outage, route: str) -> Finding:
    """
    Judge one route by the value, as a single event has no interval.

    What the generator did not send, or made late by its own lag, counts for a failure not, for a pass it does; so does what was
    young when the load ended.
    """
    id_, title = f"outage.{route}.lost", f"{route} loses less than {seconds(expected.lost_s.bound)} of its load"
    inside, before = case.routes[route].within(case.windows.fault), case.inside(route, case.windows.baseline)
    victims = case.victims(route)
    least = minimum_samples(0.95)
    if min(len(inside), len(before)) < least:
        reason = f"baseline and fault phase need {least} requests each; there were {len(before)} and {len(inside)}"
        return undecided(id_, title, unit="s", threshold=expected.lost_s, n=len(inside), reason=reason)
    usual = float(np.mean(before.bad))
    rate_per_s = len(inside) / case.windows.fault.length_s
    excess = max(0.0, len(victims) + int(np.count_nonzero(inside.bad)) - usual * len(inside))
    lost_s = excess / rate_per_s
    unknown = int(np.count_nonzero(~inside.good & ~inside.bad))
    if not expected.lost_s.holds(lost_s):
        status = Status.FAIL
    else:
        status = Status.PASS if expected.lost_s.holds(lost_s + unknown / rate_per_s) else Status.INCONCLUSIVE
    return Finding(
        id=id_,
        title=title,
        status=status,
        value=lost_s,
        unit="s",
        interval=None,
        op=expected.lost_s.op,
        bound=expected.lost_s.bound,
        n=len(inside),
        reason=f"{excess:.0f} requests beyond the baseline's share got no good answer, which is {seconds(lost_s)} of {rate_per_s:.0f}/s;"
        f" accepted is at most {seconds(expected.lost_s.bound)} (n={len(inside)})",
        evidence=(
            _when(case, inside),
            *((f"{len(victims)} of them were open at the event: they were sent before it",) if len(victims) else ()),
            ONE_EVENT,
        ),
    )


def _when(case: Case, inside: Requests) -> str:
    bad_s = inside.scheduled_s[inside.bad] - case.windows.injected_s
    if not len(bad_s):
        return "no answer was bad"
    return f"the first bad answer was asked for {seconds(float(bad_s.min()))} after the event, the last one {seconds(float(bad_s.max()))}"
