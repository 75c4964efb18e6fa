"""What a single event costs is counted as it was, wherever the baseline stands, and only what was sent is held against the system."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import JsonValue

from gameday.analysis.judge import judge
from gameday.analysis.model import Analysis, Finding, Status, Verdict
from gameday.experiment.plan import Plan
from gameday.record.history import Event
from simulator.conftest import Seeds
from simulator.rates import least
from simulator.systems import healthy, outage, starved
from simulator.test_validity import told
from simulator.world import Answers, Asked, made_up, run_of, shipped, source

KILL_S = 22.01
RATE_PER_S = 60.0


def asked(lost: str, *, good: str = "> 97%") -> Asked:
    """Ask what a kill costs login."""
    return Asked(
        rates_per_s={"login": RATE_PER_S, "pulse": RATE_PER_S},
        fault="kill",
        expect={"outage": {"routes": ["login"], "lost": lost}},
        probes=({"route": "login", "good": good},),
    )


def lost(analysis: Analysis) -> Finding:
    """Return the finding of the check."""
    return next(finding for finding in analysis.checks if finding.id == "outage.login.lost")


def failing(plan: Plan, answers: dict[str, Answers], share: float) -> dict[str, Answers]:
    """Let a share of everything on login fail, before and after the event alike."""
    found = answers["login"]
    bad = source(plan, "always").random(len(found.status)) < share
    return {**answers, "login": Answers.of(found.service_s, status=np.where(bad, 500, found.status))}


@pytest.mark.parametrize(("length_s", "status"), [(0.0, Status.PASS), (0.1, Status.PASS), (2.0, Status.FAIL)])
def test_an_outage_is_measured_by_its_length(length_s: float, status: Status, seeds: Seeds) -> None:
    """Half a second is accepted; what is far from it is always told right, and its length is found within Poisson's noise."""
    for seed in seeds("length", cost=2):
        plan = made_up(asked("< 500ms"), seed)
        analysis = judge(run_of(plan, outage(plan, healthy(plan), at_s=KILL_S, length_s=length_s)))
        finding = lost(analysis)
        assert finding.status is status
        assert finding.value == pytest.approx(length_s, abs=5 * (max(length_s, 1 / RATE_PER_S) / RATE_PER_S) ** 0.5)
        assert analysis.verdict is (Verdict.PASS if status is Status.PASS else Verdict.FAIL)


def test_what_was_bad_before_is_not_the_events(seeds: Seeds) -> None:
    """Eight bad of a hundred all the time are 1.6 s of the fault phase's load, and none of it is lost to the event."""
    plans = [made_up(asked("< 1s", good="> 80%"), seed) for seed in seeds("before", cost=2)]
    found = [lost(judge(run_of(plan, failing(plan, healthy(plan), 0.08)))).status for plan in plans]
    assert found.count(Status.PASS) >= least(len(found), 0.999)


def test_what_was_not_sent_neither_passes_nor_fails(seeds: Seeds) -> None:
    """A tenth that never left may have been lost or not."""
    for seed in seeds("unsent", cost=4):
        plan = made_up(asked("< 500ms"), seed)
        analysis = judge(run_of(plan, starved(plan, healthy(plan), lag_s=0.0005, sent=0.9)))
        assert lost(analysis).status is Status.INCONCLUSIVE
        assert analysis.verdict is not Verdict.PASS


def test_kill_web_fails_on_the_check_that_it_names(seeds: Seeds) -> None:
    """Two seconds without web are far beyond what it accepts; none is a pass."""
    for seed in seeds("kill-web", cost=4):
        plan = shipped("kill-web", seed)
        answers = healthy(plan)
        assert judge(run_of(plan, answers)).verdict is Verdict.PASS
        analysis = judge(run_of(plan, outage(plan, answers, at_s=KILL_S, length_s=2.0)))
        assert (analysis.verdict, analysis.decided_by) == (Verdict.FAIL, plan.experiment.decides)


def test_a_process_that_a_fault_killed_disturbs_nothing() -> None:
    """Its end was wanted; any other one makes the run invalid."""
    plan = made_up(asked("< 500ms"), 1)
    run = run_of(plan, healthy(plan))
    exit_: dict[str, JsonValue] = {"process": "web-1", "code": -9}
    wanted = judge(told(run, KILL_S, Event.PROCESS_EXITED, {**exit_, "expected": True}))
    unwanted = judge(told(run, KILL_S, Event.PROCESS_EXITED, {**exit_, "expected": False}))
    assert wanted.verdict is Verdict.PASS
    assert (unwanted.verdict, unwanted.decided_by) == (Verdict.INVALID, "gate.undisturbed")
