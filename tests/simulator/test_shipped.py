"""The experiments that ship, at the rates that ship, on systems whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import JsonValue

from gameday.analysis.judge import judge
from gameday.analysis.model import Status, Verdict
from gameday.record.history import Event
from simulator.conftest import Seeds
from simulator.rates import least
from simulator.systems import flushed, healthy, image_jobs, outage
from simulator.world import run_of, shipped


@pytest.mark.parametrize("name", ["none", "slow-recommendations", "cache-stampede"])
def test_a_healthy_system_passes_at_the_rates_that_ship(name: str, seeds: Seeds) -> None:
    """No check may be out of reach of the sample: at least 97 % of healthy runs pass, and none fails."""
    verdicts = []
    for seed in seeds(name):
        plan = shipped(name, seed)
        answers = flushed(plan, single_flight=True) if name == "cache-stampede" else healthy(plan)
        verdicts.append(judge(run_of(plan, answers)).verdict)
    assert verdicts.count(Verdict.FAIL) == 0
    assert verdicts.count(Verdict.PASS) >= least(len(verdicts), 0.97)


def test_a_total_outage_of_three_seconds_after_an_impulse_fails(seeds: Seeds) -> None:
    """An interval could never decide it (three of twenty seconds), so the event itself is judged."""
    for seed in seeds("outage", cost=4):
        plan = shipped("cache-stampede", seed)
        answers = outage(plan, flushed(plan, single_flight=True), at_s=22.01, length_s=3.0)
        analysis = judge(run_of(plan, answers))
        status = {check.id: check.status for check in analysis.checks}
        assert analysis.verdict is Verdict.FAIL
        assert status["bulkhead.login.errors"] is Status.FAIL
        assert status["bulkhead.checkout.errors"] is Status.FAIL
        assert status["recovery.time"] is Status.PASS


def test_an_outage_of_three_seconds_without_any_fault_never_passes(seeds: Seeds) -> None:
    """Three bad seconds of twenty are too few for a failure by interval, and far too many for a pass."""
    for seed in seeds("outage of none", cost=4):
        plan = shipped("none", seed)
        verdict = judge(run_of(plan, outage(plan, healthy(plan), at_s=30.0, length_s=3.0))).verdict
        assert verdict in {Verdict.FAIL, Verdict.INCONCLUSIVE}


def test_a_stampede_fails_on_the_duplicates_and_one_query_per_key_passes(seeds: Seeds) -> None:
    """The naive and the hardened variant differ in the very check that the experiment is about."""
    for seed in seeds("stampede", cost=2):
        found = {}
        for variant, flights in (("naive", False), ("hardened", True)):
            plan = shipped("cache-stampede", seed, variant=variant)
            found[variant] = judge(run_of(plan, flushed(plan, single_flight=flights)))
        assert found["naive"].verdict is Verdict.FAIL
        assert found["naive"].decided_by == "stampede.duplicates"
        assert found["hardened"].verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("variant", "alone", "wanted"), [("naive", False, Verdict.FAIL), ("hardened", True, Verdict.PASS)]
)
def test_as_many_image_jobs_as_are_drawn_are_enough(variant: str, alone: bool, wanted: Verdict, seeds: Seeds) -> None:  # noqa: FBT001 - a case of the table
    """They are few, so their number and their times differ much from seed to seed; at least 97 % of runs are decided all the same."""
    found = []
    for seed in seeds("image jobs"):
        plan = shipped("noisy-neighbour", seed, variant=variant)
        analysis = judge(run_of(plan, image_jobs(plan, own_process=alone)))
        assert analysis.verdict in {wanted, Verdict.INCONCLUSIVE}
        found.append(analysis.decided_by if analysis.verdict is Verdict.FAIL else analysis.verdict)
    assert found.count(shipped("noisy-neighbour", 1).experiment.decides if wanted is Verdict.FAIL else wanted) >= least(
        len(found), 0.97
    )


def test_a_stampede_is_seen_however_long_its_injection_took(seeds: Seeds) -> None:
    """The cache is emptied at some moment of it: here at the end of four seconds, longer than the refill is looked at."""
    late: dict[str, dict[str, JsonValue]] = {Event.FAULT_INJECTED: {"took_s": 4.0}, Event.FAULT_CONFIRMED: {}}
    for seed in seeds("slow", cost=4):
        plan = shipped("cache-stampede", seed, variant="naive")
        run = run_of(plan, flushed(plan, single_flight=False, after_s=3.95))
        slow = tuple(
            replace(each, t_s=each.t_s + 4, data={**each.data, **late[each.event]}) if each.event in late else each
            for each in run.history
        )
        assert judge(replace(run, history=slow)).decided_by == "stampede.duplicates"


@pytest.mark.parametrize(("variant", "flights"), [("naive", False), ("hardened", True)])
def test_duplicates_and_amplification_come_out_as_predicted(variant: str, flights: bool, seeds: Seeds) -> None:  # noqa: FBT001 - a case of the table
    """The prediction was in the plan before the run; the measured values are within 20 % of it."""
    for seed in seeds("predicted", cost=2):
        plan = shipped("cache-stampede", seed, variant=variant)
        for each in judge(run_of(plan, flushed(plan, single_flight=flights))).predictions:
            assert each.measured is not None
            assert each.measured == pytest.approx(each.predicted, rel=0.2)
