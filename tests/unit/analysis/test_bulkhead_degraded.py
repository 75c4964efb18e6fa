"""
An isolated route that answers from a fallback fails, unless a fallback is the right answer to the fault.

The rows are made here, from distributions and from nothing that the simulator or the analysis has.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gameday.analysis.judge import judge
from gameday.analysis.model import Finding, Status, Verdict
from gameday.experiment.catalogue import PlannedFault, Shape
from gameday.experiment.model import System
from gameday.experiment.plan import Plan, falls_back, planned_checks
from gameday.record.folder import RunData
from gameday.record.metrics import Metrics
from gameday.record.requests import ROW, UNKNOWN, Outcome, Rows
from simulator.world import Asked, made_up, shipped, story

ASKED = Asked(rates_per_s={"login": 60, "work": 60, "pulse": 60}, expect={"bulkhead": {"isolated": ["login"]}})
"""6 s of warm-up, a baseline from 6 to 22 s, a fault of 20 s with guards of 2 s, a recovery to 56 s."""
INJECTED_S, UNDONE_S = 22.0, 42.0
SEEDS = range(6)
ID = "bulkhead.login.degraded"


def rows(plan: Plan, seed: int, route: str, before: float, after: float) -> Rows:
    """Return what a client writes: gamma times, and of one route a share of fallbacks, another with the fault on."""
    noise, parts = np.random.default_rng(seed), []
    for load in plan.routes:
        at_s = np.asarray(plan.arrivals(load.route).times_s)
        made = np.zeros(len(at_s), ROW)
        made["seq"], made["route"], made["scheduled_s"] = np.arange(len(at_s)), load.index, at_s
        made["lag_s"], made["service_s"] = 0.0003, np.minimum(noise.gamma(2.0, 0.008, len(at_s)), 0.9)
        made["outcome"], made["status"], made["attempts"], made["origin"] = Outcome.OK, 200, 1, UNKNOWN
        made["retry_after_s"] = np.nan
        if load.route == route:
            share = np.where((at_s >= INJECTED_S) & (at_s < UNDONE_S), after, before)
            made["outcome"][noise.random(len(at_s)) < share] = Outcome.DEGRADED
        parts.append(made)
    every = np.concatenate(parts)
    return every[np.argsort(every["scheduled_s"], kind="stable")]


def found(plan: Plan, seed: int, route: str, before: float, after: float) -> tuple[Verdict, dict[str, Finding]]:
    """Judge a run whose route answers so many from a fallback."""
    data = RunData(plan=plan, rows=rows(plan, seed, route, before, after), metrics=Metrics({}), history=story(plan))
    analysis = judge(data)
    return analysis.verdict, {check.id: check for check in analysis.checks}


@pytest.mark.parametrize(("before", "after"), [(0.0, 1.0), (0.0, 0.1), (0.0, 0.05), (0.05, 0.5)])
def test_a_route_that_answers_from_a_fallback_fails(before: float, after: float) -> None:
    """Every answer is good and as fast as before, and yet users get less."""
    for seed in SEEDS:
        verdict, checks = found(made_up(ASKED, seed), seed, "login", before, after)
        assert checks[ID].status is Status.FAIL, checks[ID].reason
        assert checks[ID].value == pytest.approx(after - before, abs=0.06)
        assert verdict is Verdict.FAIL
        others = {checks[f"bulkhead.login.{part}"].status for part in ("latency", "errors", "goodput", "hung", "down")}
        assert others == {Status.PASS}, "nothing else shows it"


def test_a_route_without_fallbacks_passes() -> None:
    """Its check is within reach of the sample."""
    for seed in SEEDS:
        verdict, checks = found(made_up(ASKED, seed), seed, "login", 0.0, 0.0)
        assert (verdict, checks[ID].status) == (Verdict.PASS, Status.PASS), checks[ID].reason


@pytest.mark.parametrize("share", [0.001, 0.3])
def test_fallbacks_that_the_baseline_has_as_well_never_fail(share: float) -> None:
    """The fault added nothing."""
    statuses = [found(made_up(ASKED, seed), seed, "login", share, share)[1][ID].status for seed in SEEDS]
    assert Status.FAIL not in statuses


def test_a_fallback_that_is_the_right_answer_is_shown_and_not_judged() -> None:
    """
    Recommendations can do without their service, on which the fault acts.

    The shop's checkout can do without nothing.
    """
    plan = shipped("slow-recommendations", 1)
    assert falls_back(plan.system, plan.faults, "recommendations")
    assert not falls_back(plan.system, plan.faults, "checkout")
    expect = plan.experiment.expect.model_copy(update={"backpressure": None})
    bulkhead = (
        expect.bulkhead.model_copy(update={"isolated": ("recommendations", "checkout")}) if expect.bulkhead else None
    )
    experiment = plan.experiment.model_copy(update={"expect": expect.model_copy(update={"bulkhead": bulkhead})})
    checks = planned_checks(experiment, plan.system, plan.faults)
    changed = replace(plan, experiment=experiment, checks=checks)
    assert "bulkhead.checkout.degraded" in checks
    assert "bulkhead.recommendations.degraded" not in checks
    verdict, judged = found(changed, 1, "recommendations", 0.0, 1.0)
    assert judged["bulkhead.recommendations.degraded"].status is Status.SHOWN
    assert judged["bulkhead.recommendations.degraded"].value == 1.0
    assert verdict is Verdict.PASS


SYSTEM = System.model_validate(
    {
        "name": "chain",
        "targets": {},
        "services": {name: {} for name in ("front", "quotes", "rates", "ledger", "side", "pulse")},
        "dependencies": ["front -> quotes", "quotes -> rates", "front -> ledger", "side -> rates"],
        "routes": {
            "home": {"request": "GET /home", "hard": ["front"], "soft": ["quotes"]},
            "pay": {"request": "GET /pay", "hard": ["front", "ledger"]},
            "rate": {"request": "GET /rate", "hard": ["side", "rates"]},
        },
    }
)


def fault(*services: str, edges: tuple[str, ...] = (), surged: str = "", shape: Shape = "step") -> PlannedFault:
    """Plan a fault on these."""
    surge = {surged: 5.0} if surged else {}
    return PlannedFault("made-up", shape, {}, services, edges, "some", "", "", "", surge_per_s=surge)


@pytest.mark.parametrize(
    ("planned", "home"),
    [
        (fault("quotes"), True),
        (fault("rates"), True),
        (fault("quotes", edges=("front -> quotes",)), True),
        (fault("rates", edges=("quotes -> rates",)), True),
        (fault("rates", edges=("side -> rates",)), False),
        (fault("ledger", edges=("front -> ledger",)), False),
        (fault("front"), False),
        (fault(surged="rate"), True),
        (fault(surged="pay"), False),
        (fault(), True),
        (fault(shape="none"), False),
    ],
    ids=[
        "soft",
        "soft's callee",
        "edge",
        "edge behind",
        "edge beside",
        "other",
        "hard",
        "surge",
        "surge elsewhere",
        "unknown",
        "none",
    ],
)
def test_a_fallback_is_right_where_the_fault_acts_on_what_the_route_can_do_without(
    planned: PlannedFault,
    home: bool,  # noqa: FBT001 - a case of the table
) -> None:
    """Or on what that calls; a route without such a service has no right fallback."""
    assert falls_back(SYSTEM, (planned,), "home") is home
    assert not falls_back(SYSTEM, (planned,), "pay")
