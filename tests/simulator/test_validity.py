"""What must never give a verdict: no fault, no load, a late generator, lost rows, a run that ended early."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from pydantic import JsonValue

from gameday.analysis.judge import judge
from gameday.analysis.model import Analysis, Status, Verdict
from gameday.record.folder import RunData
from gameday.record.history import Event, Record
from gameday.record.metrics import Metrics
from simulator.conftest import Seeds
from simulator.systems import flushed, hanging, healthy, in_fault, inflated, starved
from simulator.world import Answers, Asked, made_up, run_of, server_pages, shipped

ISOLATED = Asked(rates_per_s={"login": 60, "pulse": 60}, expect={"bulkhead": {"isolated": ["login"]}})


def status(analysis: Analysis) -> dict[str, Status]:
    """Return the status of every gate and check by its id."""
    gates = {gate.id: gate.status for gate in analysis.gates}
    return gates | {finding.id: finding.status for finding in analysis.checks}


def told(run: RunData, t_s: float, event: Event, data: Mapping[str, JsonValue]) -> RunData:
    """Add a record to a run's history."""
    history = (*run.history, Record(t_s, "added", 0, event, data))
    return replace(run, history=tuple(sorted(history, key=lambda record: record.t_s)))


def test_a_fault_without_effect_is_invalid_however_good_the_rows_look(seeds: Seeds) -> None:
    """Nothing moved because nothing was done: a pass would be empty."""
    for seed in seeds("inert", cost=2):
        for name in ("slow-recommendations", "cache-stampede"):
            plan = shipped(name, seed)
            analysis = judge(run_of(plan, healthy(plan), proven=False))
            assert analysis.verdict is Verdict.INVALID
            assert analysis.decided_by == "gate.fault-proven"
            assert Status.PASS not in {finding.status for finding in analysis.checks}


def test_a_fault_that_nobody_confirmed_is_invalid() -> None:
    """Injected is not proven."""
    plan = shipped("slow-recommendations", 1)
    run = run_of(plan, healthy(plan))
    run = replace(run, history=tuple(r for r in run.history if r.event != Event.FAULT_CONFIRMED))
    assert judge(run).decided_by == "gate.fault-proven"


def test_a_starved_generator_never_passes_and_never_fails_a_latency(seeds: Seeds) -> None:
    """Late by 50 ms and a tenth dropped: both gates fire every time, and dropped load is no evidence against the system."""
    for seed in seeds("starved"):
        plan = shipped("none", seed)
        analysis = judge(run_of(plan, starved(plan, healthy(plan), lag_s=0.05, sent=0.9)))
        found = status(analysis)
        assert found["gate.delivered"] is Status.FAIL
        assert found["gate.on-time"] is Status.FAIL
        assert analysis.verdict is not Verdict.PASS
        assert analysis.verdict is not Verdict.FAIL


def test_a_generator_that_is_late_only_during_the_fault_fails_no_latency(seeds: Seeds) -> None:
    """What looks like a slow route is the generator's own delay."""
    for seed in seeds("late", cost=4):
        plan = made_up(ISOLATED, seed)
        answers = inflated(plan, factor=1.0, sd=0.0, base_s=0.01)
        times_s = np.array(plan.arrivals("login").times_s)
        lag_s = np.where([in_fault(plan, t_s) for t_s in times_s], 0.08, 0.0005)
        answers["login"] = Answers.of(answers["login"].service_s, lag_s=lag_s)
        analysis = judge(run_of(plan, answers))
        assert status(analysis)["gate.on-time"] is Status.FAIL
        assert status(analysis)["bulkhead.login.latency"] is Status.INCONCLUSIVE


def test_errors_still_fail_when_the_load_was_not_delivered(seeds: Seeds) -> None:
    """The asymmetry: what broke under less load did break."""
    for seed in seeds("asymmetry", cost=4):
        plan = made_up(ISOLATED, seed)
        answers = healthy(plan)
        times_s = np.array(plan.arrivals("login").times_s)
        broken = np.where([in_fault(plan, t_s) for t_s in times_s], 500, 200)
        answers["login"] = Answers.of(answers["login"].service_s, status=broken)
        analysis = judge(run_of(plan, starved(plan, answers, lag_s=0.0, sent=0.9)))
        assert analysis.verdict is Verdict.FAIL
        assert status(analysis)["bulkhead.login.errors"] is Status.FAIL


def test_a_hang_that_only_censored_rows_show_fails(seeds: Seeds) -> None:
    """The load ended without waiting, so no timeout was ever counted; the age of the open requests is the proof."""
    for seed in seeds("hang"):
        plan = made_up(ISOLATED, seed)
        answers = hanging(plan, healthy(plan), "login", share=0.3)
        analysis = judge(run_of(plan, answers, gives_up=False))
        assert analysis.verdict is Verdict.FAIL
        assert status(analysis)["bulkhead.login.hung"] is Status.FAIL


def test_requests_cut_young_neither_prove_a_hang_nor_its_absence() -> None:
    """What was open for less than the hang threshold when the load ended is unknown."""
    asked = replace(
        ISOLATED, fault="none", phases={"warmup": "2s", "baseline": "12s", "fault": "20s", "recovery": "0s"}
    )
    plan = made_up(asked, 3)
    answers = healthy(plan)
    times_s = np.array(plan.arrivals("login").times_s)
    slow = np.where(times_s > plan.duration_s - 1.0, np.inf, answers["login"].service_s)
    analysis = judge(run_of(plan, {**answers, "login": Answers.of(slow)}, gives_up=False))
    assert status(analysis)["bulkhead.login.hung"] is Status.INCONCLUSIVE


def test_a_run_whose_load_died_is_invalid_and_says_how_many_rows_are_missing() -> None:
    """Missing is never absent."""
    plan = shipped("none", 4)
    run = run_of(plan, healthy(plan))
    run = replace(run, rows=run.rows[run.rows["scheduled_s"] < 30])
    analysis = judge(told(run, 30.2, Event.LOAD_LOST, {"reason": "killed"}))
    assert analysis.verdict is Verdict.INVALID
    assert analysis.decided_by == "gate.complete"
    assert analysis.reason.startswith("the load process was lost at 30.2 s: killed; ")
    assert "left no row" in analysis.reason
    assert sum(summary.missing for summary in analysis.summaries) == len(run_of(plan, healthy(plan)).rows) - len(
        run.rows
    )


def test_a_single_lost_row_is_noticed() -> None:
    """Exactly one row for every scheduled request."""
    plan = shipped("none", 4)
    run = run_of(plan, healthy(plan))
    assert judge(replace(run, rows=np.delete(run.rows, 5000))).decided_by == "gate.rows"
    assert judge(replace(run, rows=np.append(run.rows, run.rows[:1]))).decided_by == "gate.rows"


def test_a_process_that_nobody_wanted_to_die_makes_the_run_invalid() -> None:
    """Whatever was measured was measured on another system."""
    plan = shipped("none", 5)
    run = told(
        run_of(plan, healthy(plan)), 31.0, Event.PROCESS_EXITED, {"process": "web", "code": -9, "expected": False}
    )
    assert judge(run).decided_by == "gate.undisturbed"


def test_a_fault_that_was_not_undone_makes_the_run_invalid() -> None:
    """The recovery of a system that is still hurt says nothing."""
    plan = shipped("slow-recommendations", 5)
    run = run_of(plan, healthy(plan))
    run = replace(run, history=tuple(r for r in run.history if r.event != Event.FAULT_VERIFIED))
    assert judge(run).decided_by == "gate.reverted"


def test_a_baseline_that_was_not_steady_makes_the_run_invalid(seeds: Seeds) -> None:
    """One in ten bad before anything was done."""
    for seed in seeds("baseline", cost=4):
        plan = shipped("none", seed)
        answers = healthy(plan)
        n = len(answers["login"].service_s)
        bad = np.where(np.arange(n) % 10 == 0, 500, 200)
        answers["login"] = Answers.of(answers["login"].service_s, status=bad)
        analysis = judge(run_of(plan, answers))
        assert analysis.verdict is Verdict.INVALID
        assert analysis.decided_by == "gate.baseline"


def test_an_interrupted_run_never_passes_and_cuts_its_windows() -> None:
    """Ctrl-C in the recovery: nothing is missing before it, but the run proves nothing good."""
    plan = shipped("none", 6)
    run = run_of(plan, healthy(plan))
    run = replace(run, rows=run.rows[run.rows["scheduled_s"] < 47])
    analysis = judge(told(run, 47.0, Event.RUN_INTERRUPTED, {"signal": "SIGINT"}))
    assert status(analysis)["gate.rows"] is Status.PASS
    assert analysis.verdict is Verdict.INCONCLUSIVE
    assert "SIGINT" in analysis.reason


def test_an_abort_for_a_protected_route_is_a_failure() -> None:
    """The system did not bear the fault: that is an answer, and its exit code is 1."""
    plan = shipped("slow-recommendations", 6)
    run = run_of(plan, healthy(plan))
    run = replace(run, rows=run.rows[run.rows["scheduled_s"] < 32])
    noticed: dict[str, JsonValue] = {"route": "checkout", "burn_10s": 31, "burn_2s": 60, "bad": 85, "mode": "enforce"}
    run = told(told(run, 31.9, Event.ABORT_NOTICED, noticed), 32.0, Event.RUN_ABORTED, {"reason": "checkout"})
    analysis = judge(run)
    assert analysis.verdict is Verdict.FAIL
    assert "checkout" in analysis.reason


@pytest.mark.parametrize("keep_s", [-1.0, 0.5, 7.0, 22.5, 30.0])
def test_a_run_that_stopped_anywhere_is_judged_without_a_crash_and_never_passes(keep_s: float) -> None:
    """From no rows at all to the middle of the fault."""
    plan = shipped("slow-recommendations", 7)
    run = run_of(plan, healthy(plan))
    run = replace(
        run,
        rows=run.rows[run.rows["scheduled_s"] < keep_s],
        history=tuple(record for record in run.history if record.t_s < keep_s),
    )
    analysis = judge(run)
    assert analysis.verdict in {Verdict.INVALID, Verdict.INCONCLUSIVE}
    assert [finding.id for finding in analysis.checks][: len(plan.checks)] == list(plan.checks)
    assert not any("Traceback" in text for finding in analysis.checks for text in finding.evidence)


def test_a_server_that_counts_what_the_rows_say_is_accepted_and_one_that_does_not_is_not() -> None:
    """Requests and time of both sides must agree in the baseline; in simulated runs without a server that is only said."""
    plan = shipped("cache-stampede", 8)
    answers = flushed(plan, single_flight=True)
    assert status(judge(run_of(plan, answers)))["gate.accounting"] is Status.SHOWN
    assert status(judge(run_of(plan, answers, metrics=server_pages(plan, answers))))["gate.accounting"] is Status.PASS
    lossy = judge(run_of(plan, answers, metrics=server_pages(plan, answers, uncounted=0.2)))
    assert lossy.decided_by == "gate.accounting"
    elsewhere = judge(run_of(plan, answers, metrics=server_pages(plan, answers, quicker_s=0.015)))
    assert elsewhere.decided_by == "gate.accounting"
    real = replace(plan, target="local")
    assert judge(run_of(real, answers, metrics=Metrics())).decided_by == "gate.accounting"


def moved(run: RunData, event: Event, t_s: float) -> RunData:
    """Let an event of a run happen at another time."""
    history = (replace(record, t_s=t_s) if record.event == event else record for record in run.history)
    return replace(run, history=tuple(sorted(history, key=lambda record: record.t_s)))


def test_a_fault_that_was_withdrawn_early_makes_the_run_invalid() -> None:
    """Five of twenty seconds are not the dose that was asked for; what is left of the window must not pass for it."""
    plan = shipped("slow-recommendations", 5)
    run = run_of(plan, healthy(plan))
    analysis = judge(moved(run, Event.FAULT_UNDONE, 36.0))
    assert analysis.verdict is Verdict.INVALID
    assert analysis.decided_by == "gate.fault-proven"
    assert "withdrawn at 36.0 s" in analysis.reason
    assert status(judge(moved(run, Event.FAULT_UNDONE, 40.5)))["gate.fault-proven"] is Status.PASS


def test_a_fault_that_was_withdrawn_because_the_run_was_stopped_is_still_proven() -> None:
    """An abort undoes first: what had been seen until then counts."""
    plan = shipped("slow-recommendations", 5)
    run = run_of(plan, healthy(plan))
    run = told(moved(run, Event.FAULT_UNDONE, 32.1), 32.0, Event.RUN_INTERRUPTED, {"signal": "SIGINT"})
    assert status(judge(run))["gate.fault-proven"] is Status.PASS


def test_a_fault_that_could_not_be_held_makes_the_run_invalid() -> None:
    """Proven at first, and then its lease was lost."""
    plan = shipped("slow-recommendations", 5)
    failed: dict[str, JsonValue] = {"id": "f0", "error": "it could not be held: connection refused"}
    analysis = judge(told(run_of(plan, healthy(plan)), 30.0, Event.FAULT_FAILED, failed))
    assert analysis.decided_by == "gate.fault-proven"
    assert "web -> recommendations: it could not be held: connection refused" in analysis.reason


def test_a_run_that_was_stopped_in_its_baseline_is_invalid_for_its_baseline() -> None:
    """What was due after the stop is not lost, no fault was asked for, and the reason told first is the true one."""
    plan = shipped("slow-recommendations", 6)
    run = run_of(plan, healthy(plan))
    run = replace(
        run,
        rows=run.rows[run.rows["scheduled_s"] < 22],
        history=tuple(record for record in run.history if record.t_s < 22),
    )
    reason = "the steady state did not hold in the baseline"
    analysis = judge(told(run, 22.1, Event.RUN_STOPPED, {"reason": reason}))
    assert status(analysis)["gate.rows"] is Status.PASS
    assert analysis.verdict is Verdict.INVALID
    assert analysis.decided_by == "gate.baseline"
    assert analysis.reason.startswith(reason)
    assert "the run was stopped at 22.1 s" in analysis.reason
    assert any("run stopped" in each.text for each in analysis.timeline)
