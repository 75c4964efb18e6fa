"""What a single event cost is held against the system only as far as the generator had no part in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gameday.analysis.judge import judge
from gameday.analysis.model import Status
from simulator.world import Answers, Asked, made_up, run_of

ASKED = Asked(
    rates_per_s={"login": 60, "pulse": 60},
    fault="kill",
    expect={"outage": {"routes": ["login"], "lost": "< 500ms"}},
)


@pytest.mark.parametrize(
    ("lag_s", "service_s", "status"),
    [(0.0005, 0.01, Status.PASS), (0.6, 0.6, Status.INCONCLUSIVE), (0.6, 1.2, Status.FAIL)],
    ids=["in time", "late through the generator alone", "late without it"],
)
def test_what_the_generator_made_late_is_not_known_to_be_lost(lag_s: float, service_s: float, status: Status) -> None:
    """The deadline is 1 s; from the event on every request is sent and answered so."""
    plan = made_up(ASKED, 1)
    answers = {}
    for load in plan.routes:
        after = np.array(plan.arrivals(load.route).times_s) >= plan.phase("fault").start_s
        answers[load.route] = Answers.of(np.where(after, service_s, 0.01), lag_s=np.where(after, lag_s, 0.0005))
    found = {finding.id: finding for finding in judge(run_of(plan, answers)).checks}
    assert found["outage.login.lost"].status is status


def test_an_event_with_too_few_requests_names_them_as_the_reason() -> None:
    """All answers are good, and it stays undecided: 160 requests are fewer than judging a single event takes."""
    asked = replace(ASKED, rates_per_s={"login": 8, "pulse": 60}, expect={"backpressure": {"routes": ["login"]}})
    plan = made_up(asked, 1)
    answers = {load.route: Answers.of(np.full(len(plan.arrivals(load.route).times_s), 0.01)) for load in plan.routes}
    found = {finding.id: finding for finding in judge(run_of(plan, answers)).checks}
    check = found["backpressure.login.fast-or-good"]
    assert (check.status, check.value) == (Status.INCONCLUSIVE, 1.0)
    assert check.reason.endswith("; a single event needs 200 requests)")
