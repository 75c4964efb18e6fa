"""The time to the steady state against outages whose length is known, and what must leave it undecided."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gameday.analysis.judge import judge
from gameday.analysis.model import Finding, Status, Verdict
from gameday.analysis.recovery import bins
from gameday.record.folder import RunData
from simulator.conftest import Seeds
from simulator.systems import healthy, outage
from simulator.world import Answers, Asked, made_up, run_of

SERVED = Asked(rates_per_s={"login": 60, "pulse": 60}, fault="none", expect={"recovery": {"within": "10s"}})

THIN = replace(
    SERVED,
    rates_per_s={"login": 10, "pulse": 60},
    phases={"warmup": "2s", "baseline": "30s", "fault": "12s", "recovery": "14s"},
)
"""Enough requests for a baseline of p95, and far too few in any 3 s."""


def check(run: RunData, id_: str = "recovery.time") -> Finding:
    """Judge a run and return one check."""
    return next(finding for finding in judge(run).checks if finding.id == id_)


def test_an_outage_after_the_fault_is_seen_also_where_no_recovery_is_expected(seeds: Seeds) -> None:
    """Eight of the fourteen seconds after the fault answer nothing but errors; no time is allowed for that."""
    asked = replace(SERVED, expect={"recovery": None, "bulkhead": {"isolated": ["login"]}})
    for seed in seeds("unexpected outage", cost=4):
        plan = made_up(asked, seed)
        run = run_of(plan, outage(plan, healthy(plan), at_s=42.0, length_s=8.0))
        assert check(run, "steady-state.login.good.recovery").status is Status.FAIL
        assert judge(run).verdict is Verdict.FAIL


def test_an_outage_that_the_recovery_allows_is_not_counted_twice(seeds: Seeds) -> None:
    """Five seconds of ten; from then on the state is steady."""
    for seed in seeds("allowed outage", cost=4):
        plan = made_up(SERVED, seed)
        run = run_of(plan, outage(plan, healthy(plan), at_s=42.0, length_s=5.0))
        time = check(run)
        assert time.status is Status.PASS
        assert time.value == pytest.approx(5.0, abs=1)
        assert check(run, "steady-state.login.good.recovery").status is not Status.FAIL


def test_what_was_never_sent_is_no_evidence_against_a_recovery(seeds: Seeds) -> None:
    """A tenth dropped: the sent ones were well; that the load was not delivered takes the pass away."""
    for seed in seeds("dropped recovery", cost=4):
        plan = made_up(SERVED, seed)
        answers = healthy(plan)
        n = len(answers["login"].service_s)
        lag_s = np.where(np.arange(n) % 10 == 0, np.inf, 0.0005)
        found = check(run_of(plan, {**answers, "login": Answers.of(answers["login"].service_s, lag_s=lag_s)}))
        assert found.status is Status.INCONCLUSIVE
        assert found.value == 0
        assert "gate.delivered" in found.reason


def test_bins_in_which_nothing_can_be_judged_leave_the_recovery_undecided(seeds: Seeds) -> None:
    """A p95 at ten a second, which nobody can see in 3 s, must not hold silently."""
    asked = replace(THIN, probes=({"route": "login", "p95": "< 250ms"},))
    for seed in seeds("thin recovery", cost=4):
        plan = made_up(asked, seed)
        found = check(run_of(plan, healthy(plan)))
        assert found.status is Status.INCONCLUSIVE
        assert "too few requests to judge any probe" in found.reason


def test_a_part_that_cannot_be_judged_does_no_harm_beside_one_that_can(seeds: Seeds) -> None:
    """The same p95 beside a share of good answers."""
    probes = ({"route": "login", "p95": "< 250ms", "good": "> 90%"},)
    asked = replace(THIN, probes=probes)
    for seed in seeds("thin but judged", cost=4):
        plan = made_up(asked, seed)
        assert check(run_of(plan, healthy(plan))).status is Status.PASS


def test_a_planned_hundred_per_bin_is_enough_for_its_quantile(seeds: Seeds) -> None:
    """34/s of Poisson arrivals: what the file's check accepts, the analysis decides."""
    asked = replace(SERVED, rates_per_s={"login": 34, "pulse": 60}, probes=({"route": "login", "p95": "< 250ms"},))
    for seed in seeds("hundred per bin", cost=2):
        plan = made_up(asked, seed)
        assert check(run_of(plan, healthy(plan))).status is Status.PASS


def test_bins_cover_everything_and_the_remainder_belongs_to_the_last() -> None:
    """Fourteen seconds are four bins."""
    assert [(each.start_s, each.end_s) for each in bins(42.0, 56.0)] == [(42, 45), (45, 48), (48, 51), (51, 56)]
