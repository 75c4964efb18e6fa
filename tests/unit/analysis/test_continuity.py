"""The share of time in which the hypothesis held is judged by its interval, bin by bin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gameday.analysis.continuity import deciding_length_s
from gameday.analysis.judge import judge
from gameday.analysis.model import Analysis, Finding, Status
from simulator.world import Answers, Asked, made_up, run_of

ASKED = Asked(
    rates_per_s={"login": 60, "pulse": 60},
    fault="none",
    expect={"continuity": {"held": "> 75%"}},
    phases={"warmup": "6s", "baseline": "16s", "fault": "60s", "recovery": "14s"},
)


def found(bad_s: float) -> Finding:
    """Return the check of a run of which so much of the fault phase is bad."""
    return {finding.id: finding for finding in analysed(bad_s, 60).checks}["continuity.held"]


def analysed(bad_s: float, fault_s: float) -> Analysis:
    """Judge a run of which so much of a fault phase is bad."""
    plan = made_up(replace(ASKED, phases={**ASKED.phases, "fault": f"{fault_s:g}s"}), 1)
    begin_s = plan.phase("fault").start_s
    answers = {}
    for load in plan.routes:
        at_s = np.array(plan.arrivals(load.route).times_s)
        bad = (at_s >= begin_s) & (at_s < begin_s + bad_s) & (load.route == "login")
        answers[load.route] = Answers.of(np.where(bad, 1.5, 0.01))
    return judge(run_of(plan, answers))


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


def test_an_undecided_share_names_a_length_that_decides() -> None:
    """As much of that time again, and the check is decided; a shorter phase is not suggested."""
    undecided = analysed(9, 60)
    length_s = deciding_length_s(undecided, most_s=3600)
    assert length_s is not None
    assert length_s > 60
    again = analysed(0.15 * length_s, length_s)
    (finding,) = (each for each in again.checks if each.id == "continuity.held")
    assert finding.status is Status.PASS
    assert deciding_length_s(again, most_s=3600) is None


def test_a_share_beside_its_limit_is_decided_by_no_length() -> None:
    """Then the question is another one: how much must hold."""
    assert deciding_length_s(analysed(15, 60), most_s=3600) is None
