"""The share of time in which the hypothesis held is judged by its interval, bin by bin."""

from __future__ import annotations

import numpy as np
import pytest

from gameday.analysis.judge import judge
from gameday.analysis.model import Finding, Status
from simulator.world import Answers, Asked, made_up, run_of

ASKED = Asked(
    rates_per_s={"login": 60, "pulse": 60},
    fault="none",
    expect={"continuity": {"held": "> 75%"}},
    phases={"warmup": "6s", "baseline": "16s", "fault": "60s", "recovery": "14s"},
)


def found(bad_s: float) -> Finding:
    """Judge a run of which so much of the fault phase is bad."""
    plan = made_up(ASKED, 1)
    begin_s = plan.phase("fault").start_s
    answers = {}
    for load in plan.routes:
        at_s = np.array(plan.arrivals(load.route).times_s)
        bad = (at_s >= begin_s) & (at_s < begin_s + bad_s) & (load.route == "login")
        answers[load.route] = Answers.of(np.where(bad, 1.5, 0.01))
    return {finding.id: finding for finding in judge(run_of(plan, answers)).checks}["continuity.held"]


@pytest.mark.parametrize(
    ("bad_s", "status", "value"),
    [(0, Status.PASS, 1.0), (12, Status.INCONCLUSIVE, 0.8), (48, Status.FAIL, 0.2)],
    ids=["always", "perhaps", "seldom"],
)
def test_the_whole_interval_must_be_beyond_the_bound(bad_s: float, status: Status, value: float) -> None:
    """Twenty bins of three seconds."""
    finding = found(bad_s)
    assert (finding.status, finding.n) == (status, 20)
    assert finding.value == pytest.approx(value, abs=0.051)
    assert finding.interval is not None
    assert len(finding.evidence) == min(9, round(bad_s / 3))
