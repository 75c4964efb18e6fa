"""Name what an overloaded route does with the load that it cannot serve; the one place of these decision rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PressureClass = Literal[
    "unpressed",
    "shed-fast",
    "over-shedding",
    "erroring",
    "bounded-queue",
    "unbounded-queue",
    "hang-shedding",
    "retry-storm",
    "collapsed",
    "metastable",
    "undecided",
]

MEANINGS: dict[PressureClass, str] = {
    "unpressed": "it served what it was asked as well as before",
    "shed-fast": "what it cannot serve it refuses or answers from a fallback at once",
    "over-shedding": "it refuses everybody, although the fault leaves something to serve",
    "erroring": "what it does not serve fails at once, and nobody waits in a queue",
    "bounded-queue": "its queue is bounded, but waiting in it costs users their time",
    "unbounded-queue": "its queue grows as long as the pressure lasts",
    "hang-shedding": "nothing but the clients' own timeouts limits how much waits in it",
    "retry-storm": "it asks the pressed dependency more often than it is asked",
    "collapsed": "it serves next to nothing, without refusing",
    "metastable": "it did not come back when the pressure was gone, under the same load as before",
    "undecided": "no rule applies; the slope's interval contains the border between two classes, or there is no slope",
}

QUEUEING, FLAT = 0.5, 0.1
"""
Slope of the requests in flight relative to the excess load: if the whole interval of the slope is above the first a
queue grows, if all of it is below the second none does. A growth of up to 2 % of the load is none, either.

Source: simulations of M/M/8 with and without a bound give 0.9 to 1.0 and 0.0; nothing lies between.
"""

VALVE = 0.8
"""The share of the excess that must leave by refusals (or timeouts, or failures) to call them the valve."""

AMPLIFIED = 1.2
COLLAPSED, LATE = 0.1, 0.5
UNSERVED = 0.01
"""Below this share of good answers nobody is served."""
METASTABLE_GOODPUT, METASTABLE_S = 0.9, 10.0
SAME_LOAD = 1.5
"""Up to this many times the baseline's requests per second, beyond all noise of arrivals, the load is no more."""
FAST_OR_GOOD = 0.95
SLOWER = 3.0
SERVED = 0.98


@dataclass(frozen=True, slots=True)
class Pressure:
    """
    What is known of a route under pressure; rates are per second, ratios relative to the baseline.

    Attributes:
        offered_per_s: Scheduled while the pressure was on; ``answered_per_s`` came out with a 2xx meanwhile, late or not.
        unserved_per_s: Of those offered, not answered well; ``rejected_per_s`` refused on purpose; ``hung_per_s`` given
            up on by the client or never answered; ``failed_fast_per_s`` failed otherwise, as soon as a refusal is fast.
        slope_per_s2: By how much the requests in flight grew per second, with the ends of its interval; None when it
            cannot be fitted.
        fast_or_good: The share answered well or refused fast.
        good_kept: Goodput relative to the baseline's; ``good_after`` the same in the last 10 s of the
            ``after_s`` that were seen after the pressure, ``good_last`` in the last 3 s.
        load_after: Requests per second in these 10 s relative to the baseline's.
        undone: Whether every fault was seen healed.
        degraded: The share answered from a fallback.
        admitted_slower: p95 of the good answers relative to the baseline's; None below the sample size.
        left: Whether the faults leave the route something to answer with; None where that is not known.
        amplification: Calls to the pressed dependency per request, relative to the baseline; None without counters.
        amplification_after: The same in the last 10 s.
        hits_lost_after: Whether the cache's hit ratio was still lower after the pressure.
    """

    offered_per_s: float
    answered_per_s: float
    unserved_per_s: float
    rejected_per_s: float
    hung_per_s: float
    failed_fast_per_s: float
    slope_per_s2: tuple[float, float, float] | None
    fast_or_good: float
    good_kept: float
    good_after: float
    good_last: float
    after_s: float
    load_after: float
    undone: bool
    degraded: float
    admitted_slower: float | None
    left: bool | None
    amplification: float | None
    amplification_after: float | None
    hits_lost_after: bool


def classify(seen: Pressure) -> PressureClass:
    """
    Classify a route under pressure; the first rule that applies decides.

    1. metastable: the faults are healed and the load is no more than the baseline's, but 10 s and more after them
       goodput is below 90 % of the baseline's, and is to the run's end.
    2. retry-storm: calls per request exceed 1.2 times the baseline's, and goodput suffered.
    3. over-shedding: less than 1 % is answered well and at least 95 % refused fast, although the faults leave something
       to serve.
    4. unpressed: at least 98 % answered well, none from a fallback, not three times slower.
    5. unbounded-queue: the requests in flight surely grow by more than half of the excess load.
    6. hang-shedding: they surely grow by less than that, and at least 80 % of the excess ends as client timeouts.
    7. shed-fast: at least 95 % fast or good, more than 2 % of that refused or from a fallback, and what is admitted is
       at most three times slower.
    8. collapsed: goodput below 10 % of the baseline's, without refusals, and less than half answered, late or not.
    9. erroring: the requests in flight surely do not grow, at least 80 % of what is not served fails or is refused
       fast, more than 2 % of all fails fast, and what is admitted is at most three times slower.
    10. bounded-queue: the requests in flight surely do not grow: by less than a tenth of the excess load, or 2 % of the
       load.

    Else it is undecided, such as where the slope's interval contains a border.
    """
    excess_per_s, slight_per_s = max(seen.offered_per_s - seen.answered_per_s, 0.0), (1 - SERVED) * seen.offered_per_s
    amplified = seen.amplification is not None and seen.amplification > AMPLIFIED
    slower = seen.admitted_slower is not None and seen.admitted_slower > SLOWER
    _, least, most = seen.slope_per_s2 or (0.0, -float("inf"), float("inf"))
    queueing = least > max(QUEUEING * excess_per_s, slight_per_s)
    flat = most < max(FLAT * excess_per_s, slight_per_s)
    bounded = most < max(QUEUEING * excess_per_s, slight_per_s)
    shed_per_s = seen.rejected_per_s + seen.degraded * seen.offered_per_s
    at_once_per_s = seen.failed_fast_per_s + seen.rejected_per_s
    erring = seen.failed_fast_per_s > slight_per_s and at_once_per_s >= VALVE * seen.unserved_per_s
    silent = seen.answered_per_s < LATE * seen.offered_per_s
    rules: tuple[tuple[PressureClass, bool], ...] = (
        ("metastable", _metastable(seen)),
        ("retry-storm", amplified and seen.good_kept < SERVED),
        ("over-shedding", seen.left is True and seen.good_kept < UNSERVED and seen.fast_or_good >= FAST_OR_GOOD),
        ("unpressed", seen.good_kept >= SERVED and seen.degraded < 1 - SERVED and not slower),
        ("unbounded-queue", queueing),
        ("hang-shedding", seen.hung_per_s >= VALVE * excess_per_s and seen.hung_per_s > slight_per_s and bounded),
        ("shed-fast", seen.fast_or_good >= FAST_OR_GOOD and shed_per_s > slight_per_s and not slower),
        ("collapsed", seen.good_kept < COLLAPSED and silent and seen.rejected_per_s < VALVE * excess_per_s),
        ("erroring", flat and erring and not slower),
        ("bounded-queue", flat),
    )
    return next((name for name, applies in rules if applies), "undecided")


def _metastable(seen: Pressure) -> bool:
    watched = seen.undone and seen.after_s >= METASTABLE_S and 0 < seen.load_after <= SAME_LOAD
    return watched and max(seen.good_after, seen.good_last) < METASTABLE_GOODPUT


def sustained_by(seen: Pressure) -> str:
    """Return what keeps the load up after the pressure, by the counters."""
    causes = []
    if (seen.amplification_after or 0.0) > 1 + (AMPLIFIED - 1) / 2:
        causes.append(f"retries: {seen.amplification_after:.2f} times the usual calls per request")
    if seen.hits_lost_after:
        causes.append("lost cache hits")
    return f"kept up by {' and '.join(causes)}" if causes else "no counter shows what keeps it up"
