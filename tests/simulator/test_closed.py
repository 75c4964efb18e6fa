"""What a closed load can show, on systems whose truth is known: errors and hung requests, and no latency."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from gameday.analysis.case import case
from gameday.analysis.closed import SLOW_ARE_RARE, limit
from gameday.analysis.judge import judge
from gameday.analysis.model import Analysis, Finding, Status, Verdict
from gameday.experiment.plan import Plan
from gameday.record.history import Event
from simulator.closed import Users, closed
from simulator.conftest import Seeds
from simulator.systems import healthy, in_fault
from simulator.world import Answers, Asked, made_up, run_of

BULKHEAD = Asked(
    rates_per_s={"login": 60, "pulse": 60},
    expect={"bulkhead": {"isolated": ["login"]}},
    probes=({"route": "login", "p95": "< 250ms", "good": "> 97%"},),
)
ERRORS_ONLY = replace(
    BULKHEAD, fault="none", expect={"recovery": {"within": "10s"}}, probes=({"route": "login", "good": "> 97%"},)
)


def finding(analysis: Analysis, id_: str) -> Finding:
    """Return a check by its id."""
    return next(each for each in analysis.checks if each.id == id_)


def login_in_fault(plan: Plan, route: str, t_s: float) -> bool:
    """Tell whether a request of ``login`` is sent while the fault is on."""
    return route == "login" and in_fault(plan, t_s)


def slower(struck: Callable[[str, float], bool], mean_s: float, route: str, t_s: float) -> float:
    """Return how long an answer takes: long where it is struck."""
    return mean_s if struck(route, t_s) else 0.02


def test_a_healthy_system_passes_on_errors_and_hung_requests_and_on_no_latency(seeds: Seeds) -> None:
    """The verdict is inconclusive as long as a latency is asked for, and says why."""
    for seed in seeds("closed healthy", cost=2):
        analysis = judge(Users(closed(BULKHEAD, seed)).run())
        assert analysis.verdict is Verdict.INCONCLUSIVE
        for part in ("errors", "goodput", "hung"):
            assert finding(analysis, f"bulkhead.login.{part}").status is Status.PASS
        for id_ in ("bulkhead.login.latency", "steady-state.login.p95.recovery", "recovery.time"):
            found = finding(analysis, id_)
            assert (id_, found.status) == (id_, Status.INCONCLUSIVE)
            assert found.reason.endswith(SLOW_ARE_RARE)


@pytest.mark.parametrize(
    ("id_", "of_time", "limited"),
    [
        ("bulkhead.login.latency", True, True),
        ("steady-state.login.p50.recovery", True, True),
        ("outage.login.lost", False, True),
        ("recovery.time", True, True),
        ("bulkhead.login.errors", False, False),
        ("bulkhead.p95.errors", False, False),
        ("bulkhead.login.hung", False, False),
        ("backpressure.login.fast-or-good", False, False),
        ("steady-state.login.good.fault", False, False),
    ],
)
def test_only_a_pass_on_time_is_taken_away(
    id_: str,
    of_time: bool,  # noqa: FBT001 - a table's column
    limited: bool,  # noqa: FBT001 - a table's column
) -> None:
    """What failed has failed, and an open load is left alone."""
    closed_case, open_case = (case(Users(plan).run()) for plan in (closed(BULKHEAD, 1), made_up(BULKHEAD, 1)))
    passed = Finding(id_, id_, Status.PASS, 1.0, "s", None, "<", 2.0, 100, "it is so", of_time=of_time)
    assert limit(closed_case, passed).status is (Status.INCONCLUSIVE if limited else Status.PASS)
    assert limit(open_case, passed) == passed
    failed = replace(passed, status=Status.FAIL)
    assert limit(closed_case, failed) == failed


def test_what_a_closed_load_has_no_schedule_for_is_shown_and_never_judged(seeds: Seeds) -> None:
    """Nothing can be missing of what nobody planned."""
    for seed in seeds("closed gates", cost=4):
        analysis = judge(Users(closed(BULKHEAD, seed)).run())
        gates = {gate.id: gate for gate in analysis.gates}
        assert gates["gate.delivered"].status is gates["gate.rows"].status is Status.SHOWN
        assert gates["gate.delivered"].title.startswith("closed")
        assert gates["gate.on-time"].status is Status.PASS
        assert all(summary.missing == 0 for summary in analysis.summaries)
        assert sum(summary.scheduled for summary in analysis.summaries) == gates["gate.delivered"].n


def test_a_late_process_fails_no_latency(seeds: Seeds) -> None:
    """What one user's work holds up looks slow, and says nothing of the system."""
    for seed in seeds("closed late", cost=4):
        plan = closed(BULKHEAD, seed)
        slow = Users(plan, mean_s=partial(slower, partial(login_in_fault, plan), 0.3)).run()
        told = tuple(
            replace(record, data={**record.data, "late_s": 0.08}) if record.event == Event.LOAD_DONE else record
            for record in slow.history
        )
        analysis = judge(replace(slow, history=told))
        assert next(gate for gate in analysis.gates if gate.id == "gate.on-time").status is Status.FAIL
        assert finding(analysis, "bulkhead.login.latency").status is Status.INCONCLUSIVE


def test_without_a_latency_to_judge_a_closed_run_passes(seeds: Seeds) -> None:
    """Errors are what it can show, the recovery from them included."""
    for seed in seeds("closed pass", cost=4):
        analysis = judge(Users(closed(ERRORS_ONLY, seed)).run())
        assert analysis.verdict is Verdict.PASS, analysis.reason


def test_a_stall_that_an_open_load_fails_on_never_passes_a_closed_one(seeds: Seeds) -> None:
    """
    Every user waits once while the system stands still, and would then swear that it is fast (coordinated omission).

    Of 20 s it stands still for 2.5; at a constant rate p95 would be 2.5 s - 5 % of 20 s = 1.5 s. The twenty users see some
    twenty slow requests among thousands, and their p95 is that of a healthy system.
    """
    for seed in seeds("closed stall", cost=4):
        plan = closed(BULKHEAD, seed)
        start_s = plan.phase("fault").start_s + 6
        analysis = judge(Users(plan, think_s=0.1, frozen_s=((start_s, start_s + 2.5),)).run())
        found = finding(analysis, "bulkhead.login.latency")
        assert found.value is not None
        assert found.value < 1.5, "the closed data itself would pass"
        assert found.status is Status.INCONCLUSIVE
        assert analysis.verdict is not Verdict.PASS


def test_errors_and_latencies_that_a_closed_load_did_see_fail(seeds: Seeds) -> None:
    """It sees too little of what is slow, so what it sees is at most a part of the truth."""
    for seed in seeds("closed failures", cost=4):
        plan = closed(BULKHEAD, seed)
        struck = partial(login_in_fault, plan)
        broken = judge(Users(plan, broken=struck).run())
        assert broken.verdict is Verdict.FAIL
        assert finding(broken, "bulkhead.login.errors").status is Status.FAIL
        slow = judge(Users(plan, mean_s=partial(slower, struck, 0.3)).run())
        assert finding(slow, "bulkhead.login.latency").status is Status.FAIL
        hung = judge(Users(plan, mean_s=partial(slower, struck, 30.0)).run())
        assert finding(hung, "bulkhead.login.hung").status is Status.FAIL


def test_an_open_load_sees_the_stall_that_a_closed_one_hides(seeds: Seeds) -> None:
    """The same standstill met by arrivals that wait for nobody: what is missing above is the load's fault, not the system's merit."""
    for seed in seeds("open stall", cost=4):
        plan = made_up(BULKHEAD, seed)
        answers = healthy(plan)
        times_s = np.array(plan.arrivals("login").times_s)
        start_s = plan.phase("fault").start_s + 6
        stalled = np.where((times_s >= start_s) & (times_s < start_s + 2.5), start_s + 2.5 - times_s, 0.0)
        answers["login"] = Answers.of(answers["login"].service_s + stalled)
        found = finding(judge(run_of(plan, answers)), "bulkhead.login.latency")
        assert found.value is not None
        assert found.value > 5
        assert found.status is not Status.PASS
