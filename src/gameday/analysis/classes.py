"""Name what an overloaded route does with the load that it cannot serve; the one place of these decision rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PressureClass = Literal[
    "unpressed",
    "shed-fast",
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
    "bounded-queue": "its queue is bounded, but waiting in it costs users their time",
    "unbounded-queue": "its queue grows as long as the pressure lasts",
    "hang-shedding": "nothing but the clients' own timeouts limits how much waits in it",
    "retry-storm": "it asks the pressed dependency more often than it is asked",
    "collapsed": "it serves next to nothing, without refusing",
    "metastable": "it did not come back when the pressure was gone, because it keeps up the load by itself",
    "undecided": "no rule applies; the measured slope lies between those of the classes, or there is none",
}

QUEUEING, FLAT = 0.5, 0.1
"""
Slope of the requests in flight relative to the excess load: above the first a queue grows, below the second it does not, between
them nothing is claimed. Where next to nothing is in excess, no queue can grow.

Source: simulations of M/M/8 with and without a bound give 0.9 to 1.0 and 0.0; nothing lies between.
"""

VALVE = 0.8
"""The share of the excess that must leave by refusals (or timeouts) to call them the valve."""

AMPLIFIED = 1.2
COLLAPSED = 0.1
METASTABLE_GOODPUT, METASTABLE_S = 0.9, 10.0
FAST_OR_GOOD = 0.95
SLOWER = 3.0
SERVED = 0.98


@dataclass(frozen=True, slots=True)
class Pressure:
    """
    What is known of a route under pressure; rates are per second, ratios relative to the baseline.

    Attributes:
        offered_per_s: Scheduled while the pressure was on; ``answered_per_s`` came out with a 2xx meanwhile, late or not.
        rejected_per_s: Refused on purpose; ``hung_per_s`` given up on by the client or never answered.
        slope_per_s2: By how much the requests in flight grew per second; None when it cannot be fitted.
        fast_or_good: The share answered well or refused fast.
        good_kept: Goodput relative to the baseline's; ``good_after`` the same in the last 10 s of the
            ``after_s`` that were seen after the pressure.
        degraded: The share answered from a fallback.
        admitted_slower: p95 of the good answers relative to the baseline's; None below the sample size.
        amplification: Calls to the pressed dependency per request, relative to the baseline; None without counters.
        amplification_after: The same in the last 10 s.
        hits_lost_after: Whether the cache's hit ratio was still lower after the pressure.
    """

    offered_per_s: float
    answered_per_s: float
    rejected_per_s: float
    hung_per_s: float
    slope_per_s2: float | None
    fast_or_good: float
    good_kept: float
    good_after: float
    after_s: float
    degraded: float
    admitted_slower: float | None
    amplification: float | None
    amplification_after: float | None
    hits_lost_after: bool


def classify(seen: Pressure) -> PressureClass:
    """
    Classify a route under pressure; the first rule that applies decides.

    1. metastable: 10 s and more after the pressure goodput is still below 90 % of the baseline's, and calls per request are up or hits down.
    2. retry-storm: calls per request exceed 1.2 times the baseline's, and goodput suffered.
    3. unpressed: at least 98 % answered well, none from a fallback, not three times slower.
    4. unbounded-queue: the requests in flight grow by more than half of the excess load.
    5. hang-shedding: they do not grow, and at least 80 % of the excess ends as client timeouts.
    6. shed-fast: at least 95 % fast or good, and what is admitted is at most three times slower.
    7. collapsed: goodput below 10 % of the baseline's.
    8. bounded-queue: the requests in flight grow by less than a tenth of the excess load, or there is no excess.

    Else it is undecided: between a tenth and a half, a slope is neither.
    """
    excess_per_s = max(seen.offered_per_s - seen.answered_per_s, 1e-9)
    growth = None if seen.slope_per_s2 is None else seen.slope_per_s2 / excess_per_s
    amplified = seen.amplification is not None and seen.amplification > AMPLIFIED
    slower = seen.admitted_slower is not None and seen.admitted_slower > SLOWER
    exceeded = excess_per_s > (1 - SERVED) * seen.offered_per_s
    queueing = growth is not None and growth > QUEUEING and exceeded
    rules: tuple[tuple[PressureClass, bool], ...] = (
        ("metastable", _metastable(seen)),
        ("retry-storm", amplified and seen.good_kept < SERVED),
        ("unpressed", seen.good_kept >= SERVED and seen.degraded < 1 - SERVED and not slower),
        ("unbounded-queue", queueing),
        (
            "hang-shedding",
            seen.hung_per_s >= VALVE * excess_per_s and seen.hung_per_s > (1 - SERVED) * seen.offered_per_s,
        ),
        ("shed-fast", seen.fast_or_good >= FAST_OR_GOOD and not slower),
        ("collapsed", seen.good_kept < COLLAPSED and seen.rejected_per_s < VALVE * excess_per_s),
        ("bounded-queue", growth is not None and (growth < FLAT or not exceeded)),
    )
    return next((name for name, applies in rules if applies), "undecided")


def _metastable(seen: Pressure) -> bool:
    sustained = (seen.amplification_after or 0.0) > 1 + (AMPLIFIED - 1) / 2 or seen.hits_lost_after
    return seen.after_s >= METASTABLE_S and seen.good_after < METASTABLE_GOODPUT and sustained
