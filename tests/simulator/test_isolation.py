"""Bulkhead verdicts against known truth: inflation with and without drift, shared and split pools."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from statistics import fmean

import numpy as np
import pytest

from gameday.analysis.attribution import failure_class
from gameday.analysis.case import case
from gameday.analysis.judge import judge
from gameday.analysis.model import Analysis, Finding, Status
from simulator.closed_forms import erlang_b
from simulator.conftest import Seeds
from simulator.rates import least, most
from simulator.systems import inflated, node_slowed, pools, starved
from simulator.world import Answers, Asked, made_up, run_of

ISOLATED = Asked(
    rates_per_s={"login": 60, "pulse": 60}, expect={"bulkhead": {"isolated": ["login"]}, "recovery": {"within": "10s"}}
)
SHARING = Asked(
    rates_per_s={"login": 60, "recommendations": 60, "pulse": 60},
    pressed=("recommendations",),
    expect={"bulkhead": {"isolated": ["login"]}, "recovery": {"within": "10s"}},
)


def check(analysis: Analysis, id_: str) -> Finding:
    """Return one check."""
    return next(finding for finding in analysis.checks if finding.id == id_)


def latencies(seeds: Seeds, factor: float, sd: float) -> Counter[Status]:
    """Count how the latency check judges a route that became ``factor`` times as slow."""
    found: Counter[Status] = Counter()
    for seed in seeds(f"isolation {factor} {sd}"):
        plan = made_up(ISOLATED, seed)
        found[check(judge(run_of(plan, inflated(plan, factor=factor, sd=sd))), "bulkhead.login.latency").status] += 1
    return found


@pytest.mark.parametrize("sd", [0.0, 0.3])
def test_a_route_that_did_not_slow_down_passes(sd: float, seeds: Seeds) -> None:
    """At least 95 % pass and at most 1 % fail, also when the machine drifts by 30 %."""
    found = latencies(seeds, 1.0, sd)
    assert found[Status.PASS] >= least(found.total(), 0.95)
    assert found[Status.FAIL] <= most(found.total(), 0.01)


@pytest.mark.parametrize(("sd", "rate"), [(0.0, 0.99), (0.3, 0.95)])
def test_a_route_three_times_as_slow_fails(sd: float, rate: float, seeds: Seeds) -> None:
    """None passes and at least 99 % fail, 95 % when the machine drifts by 30 %."""
    found = latencies(seeds, 3.0, sd)
    assert found[Status.PASS] == 0
    assert found[Status.FAIL] >= least(found.total(), rate)


def test_a_route_exactly_at_the_margin_is_not_decided(seeds: Seeds) -> None:
    """At 1.5 times at least 80 % are inconclusive: the interval is honest about what it cannot tell."""
    found = latencies(seeds, 1.5, 0.15)
    assert found[Status.INCONCLUSIVE] >= least(found.total(), 0.80)


def test_a_shared_pool_fails_and_its_loss_is_what_erlang_b_says(seeds: Seeds) -> None:
    """A dependency that takes 2 s fills twenty shared slots; login loses as many requests as recommendations, in the mean of all runs."""
    truth, losses = erlang_b(20, 60 * 0.01 + 60 * 2), []
    for seed in seeds("shared pool"):
        plan = made_up(SHARING, seed)
        run = run_of(plan, pools(plan, shared=True, slow_s=2.0))
        errors = check(judge(run), "bulkhead.login.errors")
        assert errors.status is Status.FAIL
        assert errors.value is not None
        losses.append(errors.value)
        assert failure_class(case(run)) == "pool"
    assert fmean(losses) == pytest.approx(truth, abs=0.15 / math.sqrt(len(losses))), "five standard errors of the mean"


def test_split_pools_pass(seeds: Seeds) -> None:
    """With half of the slots for each, login notices nothing of the same fault."""
    passed = 0
    all_ = seeds("split pools")
    for seed in all_:
        plan = made_up(SHARING, seed)
        analysis = judge(run_of(plan, pools(plan, shared=False, slow_s=2.0)))
        bulkhead = [finding for finding in analysis.checks if finding.id.startswith("bulkhead.")]
        assert all(finding.status is not Status.FAIL for finding in bulkhead)
        passed += all(finding.status is Status.PASS for finding in bulkhead)
    assert passed >= least(len(all_), 0.99)


@pytest.mark.parametrize(("sd", "rate"), [(0.0, 1.0), (0.15, 0.98)])
def test_a_node_that_slows_everything_fails_and_is_named(sd: float, rate: float, seeds: Seeds) -> None:
    """
    Eight times slower, and the control as well: the adjusted ratio is about 1, but nobody was as fast as before.

    None passes and all fail, at least 98 % when the machine drifts by 15 %; the node is always named.
    """
    statuses = []
    for seed in seeds(f"node {sd}", cost=4):
        plan = made_up(ISOLATED, seed)
        run = run_of(plan, node_slowed(plan, inflated(plan, factor=8.0, sd=sd), factor=8.0))
        latency = check(judge(run), "bulkhead.login.latency")
        statuses.append(latency.status)
        assert latency.value is not None
        assert latency.value > 4
        assert "the control route slowed as well" in latency.reason
        assert latency.evidence[0].startswith("class node")
        assert failure_class(case(run)) == "node"
    assert Status.PASS not in statuses
    assert statuses.count(Status.FAIL) >= least(len(statuses), rate)


def test_a_node_that_slows_everything_is_not_accused_by_a_late_generator(seeds: Seeds) -> None:
    """The generator shares the machine: what it was late with itself cannot be told from the node."""
    for seed in seeds("late node", cost=10):
        plan = made_up(ISOLATED, seed)
        answers = node_slowed(plan, inflated(plan, factor=8.0, sd=0.0), factor=8.0)
        run = run_of(plan, starved(plan, answers, lag_s=0.05, sent=1.0))
        assert check(judge(run), "bulkhead.login.latency").status is Status.INCONCLUSIVE
        assert failure_class(case(run)) == "generator"


def test_a_machine_that_only_drifts_is_no_broken_node(seeds: Seeds) -> None:
    """Everything 1.7 times slower for a while is what machines do: at most 1 % fail, and as a rule none passes by the ratio of ratios."""
    statuses = []
    for seed in seeds("drifted"):
        plan = made_up(ISOLATED, seed)
        answers = node_slowed(plan, inflated(plan, factor=1.7, sd=0.0), factor=1.7)
        statuses.append(check(judge(run_of(plan, answers)), "bulkhead.login.latency").status)
    assert statuses.count(Status.FAIL) <= most(len(statuses), 0.01)
    assert statuses.count(Status.INCONCLUSIVE) > statuses.count(Status.PASS)


def late_by(seed: int, lag_s: float, service_s: float, status: int = 200) -> Analysis:
    """Judge a run whose generator is late in the fault phase and later; the system answers login as told there."""
    asked = replace(
        SHARING,
        expect={**SHARING.expect, "backpressure": {"routes": ["recommendations"]}},
        pressed=("recommendations",),
    )
    plan = made_up(asked, seed)
    answers = {}
    for load in plan.routes:
        late = np.array(plan.arrivals(load.route).times_s) >= plan.phase("fault").start_s
        slow = late & (load.route != "pulse")
        answers[load.route] = Answers.of(
            np.where(slow, service_s, 0.01), lag_s=np.where(late, lag_s, 0.0005), status=np.where(slow, status, 200)
        )
    return judge(run_of(plan, answers))


@pytest.mark.parametrize(
    ("lag_s", "service_s", "status"), [(0.6, 0.6, 200), (1.5, 0.05, 200), (2.7, 0.6, 200), (0.2, 0.02, 503)]
)
def test_what_is_late_through_the_generator_alone_neither_fails_nor_passes(
    lag_s: float, service_s: float, status: int
) -> None:
    """The deadline is 1 s, a fast rejection 100 ms: without the generator's lag the system would have kept both."""
    found = {each.id: each.status for each in late_by(1, lag_s, service_s, status).checks}
    assert found["backpressure.recommendations.fast-or-good"] is Status.INCONCLUSIVE
    assert found["backpressure.recommendations.hung"] is not Status.FAIL
    if status == 200:
        assert Status.FAIL not in found.values()
        for id_ in ("bulkhead.login.errors", "bulkhead.login.goodput", "recovery.time"):
            assert found[id_] is Status.INCONCLUSIVE


def test_what_is_late_without_the_generator_fails_however_late_the_generator_was() -> None:
    """The system alone took longer than the deadline."""
    found = {each.id: each.status for each in late_by(1, 0.6, 1.2).checks}
    assert found["bulkhead.login.errors"] is Status.FAIL
    assert found["backpressure.recommendations.fast-or-good"] is Status.FAIL
