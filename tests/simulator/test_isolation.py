"""Bulkhead verdicts against known truth: inflation with and without drift, shared and split pools."""

from __future__ import annotations

from collections import Counter

import pytest

from gameday.analysis.attribution import failure_class
from gameday.analysis.case import case
from gameday.analysis.judge import judge
from gameday.analysis.model import Analysis, Finding, Status
from simulator.closed_forms import erlang_b
from simulator.conftest import Seeds
from simulator.rates import least, most
from simulator.systems import inflated, pools
from simulator.world import Asked, made_up, run_of

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


@pytest.mark.parametrize("sd", [0.0, 0.3])
def test_a_route_three_times_as_slow_fails(sd: float, seeds: Seeds) -> None:
    """None passes and at least 99 % fail."""
    found = latencies(seeds, 3.0, sd)
    assert found[Status.PASS] == 0
    assert found[Status.FAIL] >= least(found.total(), 0.99)


def test_a_route_exactly_at_the_margin_is_not_decided(seeds: Seeds) -> None:
    """At 1.5 times at least 80 % are inconclusive: the interval is honest about what it cannot tell."""
    found = latencies(seeds, 1.5, 0.15)
    assert found[Status.INCONCLUSIVE] >= least(found.total(), 0.80)


def test_a_shared_pool_fails_and_its_loss_is_what_erlang_b_says(seeds: Seeds) -> None:
    """A dependency that takes 2 s fills twenty shared slots; login loses as many requests as recommendations."""
    truth = erlang_b(20, 60 * 0.01 + 60 * 2)
    for seed in seeds("shared pool"):
        plan = made_up(SHARING, seed)
        run = run_of(plan, pools(plan, shared=True, slow_s=2.0))
        errors = check(judge(run), "bulkhead.login.errors")
        assert errors.status is Status.FAIL
        assert errors.value == pytest.approx(truth, abs=0.08)
        assert failure_class(case(run)) == "pool"


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
