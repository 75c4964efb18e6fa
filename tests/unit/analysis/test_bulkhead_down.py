"""
An isolated route that is down fails, wherever in the run that is; one that is not never does.

The rows are made here, from distributions and from nothing that the simulator or the analysis has.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gameday.analysis.judge import judge
from gameday.analysis.model import Finding, Status
from gameday.experiment.plan import Plan
from gameday.record.folder import RunData
from gameday.record.metrics import Metrics
from gameday.record.requests import ROW, UNKNOWN, Outcome, Rows
from simulator.world import Asked, made_up, story

ASKED = Asked(rates_per_s={"login": 60, "work": 60, "pulse": 60}, expect={"bulkhead": {"isolated": ["login"]}})
"""6 s of warm-up, a baseline from 6 to 22 s, a fault of 20 s with guards of 2 s, a recovery to 56 s."""
INJECTED_S, UNDONE_S, END_S = 22.0, 42.0, 56.0
HANG_S = 3.0
SEEDS = range(6)

Bad = Callable[[np.random.Generator, np.ndarray], np.ndarray]
"""Which of the requests scheduled at these times get no good answer."""


def between(*spans: tuple[float, float]) -> Bad:
    """Return a route that is down in these spans of time."""
    return lambda _, at_s: np.any([(at_s >= first) & (at_s < last) for first, last in spans], axis=0)


def at_random(share: float) -> Bad:
    """Return a route of which so many answers are bad, each for itself."""
    return lambda noise, at_s: noise.random(len(at_s)) < share


def pausing(length_s: float, every_s: float) -> Bad:
    """Return a route that pauses regularly, in the baseline as well."""
    return lambda noise, at_s: (at_s + noise.uniform(0, every_s)) % every_s < length_s


def bursting(share: float, mean: int) -> Bad:
    """Return a route whose bad answers come in bursts of so many on average."""

    def drawn(noise: np.random.Generator, at_s: np.ndarray) -> np.ndarray:
        bad, now = np.zeros(len(at_s), bool), False
        for index in range(len(at_s)):
            now = noise.random() > 1 / mean if now else noise.random() < share / (1 - share) / mean
            bad[index] = now
        return bad

    return drawn


def rows(plan: Plan, seed: int, bad: Bad, outcome: Outcome) -> Rows:
    """Return what a client writes: lognormal times, and of login what is bad in one way."""
    noise, parts = np.random.default_rng(seed), []
    for load in plan.routes:
        at_s = np.asarray(plan.arrivals(load.route).times_s)
        made = np.zeros(len(at_s), ROW)
        made["seq"], made["route"], made["scheduled_s"] = np.arange(len(at_s)), load.index, at_s
        made["lag_s"], made["service_s"] = 0.0004, np.minimum(noise.lognormal(-4.0, 0.6, len(at_s)), 0.9)
        made["outcome"], made["status"], made["attempts"], made["origin"] = Outcome.OK, 200, 1, UNKNOWN
        made["retry_after_s"] = np.nan
        if load.route == "login":
            wrong = bad(noise, at_s)
            made["outcome"][wrong] = outcome
            made["status"][wrong] = 500 if outcome is Outcome.ERROR else 0
            made["service_s"][wrong] = HANG_S if outcome is Outcome.TIMEOUT else 0.002
        parts.append(made)
    every = np.concatenate(parts)
    return every[np.argsort(every["scheduled_s"], kind="stable")]


def down(seed: int, bad: Bad, outcome: Outcome = Outcome.ERROR) -> Finding:
    """Judge a run of such a route."""
    plan = made_up(ASKED, seed)
    found = judge(RunData(plan=plan, rows=rows(plan, seed, bad, outcome), metrics=Metrics({}), history=story(plan)))
    return next(check for check in found.checks if check.id == "bulkhead.login.down")


@pytest.mark.parametrize("outcome", [Outcome.ERROR, Outcome.TIMEOUT, Outcome.CONNECTION])
@pytest.mark.parametrize(
    "spans",
    [
        [(INJECTED_S, INJECTED_S + 2), (UNDONE_S - 2, UNDONE_S + 9.8)],
        [(INJECTED_S, INJECTED_S + 2), (UNDONE_S - 2, UNDONE_S)],
        [(INJECTED_S + 8, INJECTED_S + 9.3)],
        [(INJECTED_S + 8, INJECTED_S + 12)],
        [(UNDONE_S + 3, UNDONE_S + 4.4)],
        [(INJECTED_S - 0.05, INJECTED_S + 1.3)],
        [(INJECTED_S + 1, END_S)],
    ],
    ids=["13.8 s", "guards", "1.3 s", "4 s", "recovery", "open at the injection", "for ever"],
)
def test_an_outage_of_more_than_a_second_fails_wherever_it_is(
    spans: list[tuple[float, float]], outcome: Outcome
) -> None:
    """And the finding says how long it was, within a few arrivals."""
    truth_s = max(min(last, END_S) - first for first, last in spans)
    for seed in SEEDS:
        found = down(seed, between(*spans), outcome)
        assert found.status is Status.FAIL, (seed, found.reason)
        assert found.value == pytest.approx(truth_s, abs=0.25)


@pytest.mark.parametrize(
    "bad",
    [
        between(),
        between((INJECTED_S + 5, INJECTED_S + 5.5)),
        between((8.0, 11.0)),
        at_random(0.01),
        at_random(0.3),
        pausing(0.5, 4.0),
        pausing(1.2, 5.0),
        bursting(0.1, 20),
    ],
    ids=["sound", "half a second", "before the fault", "1 %", "30 %", "pauses", "long pauses", "bursts"],
)
def test_what_is_no_outage_of_the_faults_never_fails(bad: Bad) -> None:
    """Nor does what the baseline has as well; where that hides an outage, nothing is claimed."""
    found = [down(seed, bad).status for seed in SEEDS]
    assert Status.FAIL not in found


def test_a_route_that_is_bad_by_chance_does_not_pass_for_its_luck() -> None:
    """Nine of ten answers are bad all the time: a stretch of more than a second says nothing of the fault."""
    slow = [down(seed, at_random(0.985)) for seed in SEEDS]
    assert {each.status for each in slow} <= {Status.INCONCLUSIVE}
