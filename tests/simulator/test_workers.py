"""Workers that sent enough to the same system are not told apart; one that is off by more than a fifth always is, by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from pydantic import JsonValue

from gameday.analysis.judge import judge
from gameday.analysis.model import Gate, Status, Verdict
from gameday.experiment.plan import Plan
from gameday.load.schedule import merge
from gameday.record.folder import RunData
from gameday.record.history import Event
from simulator.conftest import Seeds
from simulator.rates import most
from simulator.systems import healthy, outage
from simulator.test_validity import told
from simulator.world import Answers, Asked, made_up, run_of

WORKERS = 3
ASKED = Asked(rates_per_s={"login": 60, "pulse": 60}, fault="none", workers=WORKERS)
Change = Callable[[Answers, np.ndarray], Answers]


def turns(plan: Plan) -> Mapping[str, np.ndarray]:
    """Return which worker sends each arrival, as the session shares the schedule out."""
    drawn = [plan.arrivals(load.route) for load in plan.routes]
    schedule = merge([(each.times_s, each.keys) for each in drawn])
    found = {load.route: np.zeros(load.scheduled, int) for load in plan.routes}
    for load in plan.routes:
        mine = schedule["route"] == load.index
        found[load.route][schedule["seq"][mine]] = np.flatnonzero(mine) % WORKERS
    return found


def of_worker(plan: Plan, worker: int, change: Change) -> RunData:
    """Let one worker's requests be other than the others'."""
    turn = turns(plan)
    return run_of(plan, {route: change(found, turn[route] == worker) for route, found in healthy(plan).items()})


def without(plan: Plan, worker: int) -> RunData:
    """Lose all rows of a worker."""
    run, turn = run_of(plan, healthy(plan)), turns(plan)
    lost = np.zeros(len(run.rows), bool)
    for load in plan.routes:
        mine = run.rows["route"] == load.index
        lost[mine] = turn[load.route][run.rows["seq"][mine]] == worker
    return replace(run, rows=run.rows[~lost])


def gate(run: RunData) -> Gate:
    """Return the gate of the workers."""
    return next(each for each in judge(run).gates if each.id == "gate.workers")


@pytest.mark.parametrize(("per_s", "rate"), [(240, 0.0), (60, 0.02)])
def test_equal_workers_agree(per_s: int, rate: float, seeds: Seeds) -> None:
    """Also while the system they load goes through an outage; where each sends little, chance alone makes a fifth in at most 2 % of the runs."""
    apart, all_ = 0, seeds(f"equal {per_s}", cost=2)
    for seed in all_:
        plan = made_up(replace(ASKED, rates_per_s={"login": per_s, "pulse": per_s}, fault="kill"), seed)
        answers = healthy(plan)
        runs = (run_of(plan, answers), run_of(plan, outage(plan, answers, at_s=24.0, length_s=3.0)))
        apart += any(gate(each).status is not Status.PASS for each in runs)
    assert apart <= most(len(all_), rate)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a, own: Answers.of(np.where(own, a.service_s * 1.6 + 0.004, a.service_s)), "p"),
        (lambda a, own: Answers.of(a.service_s, lag_s=np.where(own, 0.03, 0.0005)), "late by more than 20 ms"),
        (
            lambda a, own: Answers.of(
                a.service_s, lag_s=np.where(own & (np.arange(len(own)) % 2 == 0), np.inf, 0.0005)
            ),
            "of its requests sent",
        ),
    ],
    ids=["slower", "late", "drops"],
)
def test_a_worker_that_is_off_makes_the_run_invalid(change: Change, said: str, seeds: Seeds) -> None:
    """Its number is in the reason."""
    for seed in seeds("off", cost=4):
        plan = made_up(ASKED, seed)
        analysis = judge(of_worker(plan, 1, change))
        assert (analysis.verdict, analysis.decided_by) == (Verdict.INVALID, "gate.workers")
        assert "load worker 1: " in analysis.reason
        assert said in " ".join((analysis.reason, *gate(of_worker(plan, 1, change)).evidence))


def test_a_lost_worker_is_named() -> None:
    """By its missing rows, and by what the run said of it if it did."""
    plan = made_up(ASKED, 1)
    run = without(plan, 2)
    analysis = judge(run)
    assert (analysis.verdict, analysis.decided_by) == (Verdict.INVALID, "gate.workers")
    assert "load worker 2: " in analysis.reason
    reason: dict[str, JsonValue] = {"reason": "load worker 2 (pod) is lost: nothing was heard of it for 5 s"}
    ended = judge(told(run, 30.0, Event.LOAD_LOST, reason)).reason
    assert ended.startswith("the load process was lost at 30.0 s: load worker 2 (pod) is lost")
    assert ended.count("load worker 2") == 1  # the cause, and not once more what follows from it


@pytest.mark.parametrize(("uncertain_s", "status"), [(0.004, Status.PASS), (0.05, Status.FAIL)])
def test_a_clock_that_is_not_known_well_enough_makes_the_run_invalid(uncertain_s: float, status: Status) -> None:
    """Its requests cannot be placed beside the fault."""
    plan = made_up(ASKED, 1)
    data: dict[str, JsonValue] = {
        "workers": [{"worker": 1, "name": "pod", "offset_s": 3.0, "uncertain_s": uncertain_s}]
    }
    assert gate(told(run_of(plan, healthy(plan)), -1.0, Event.LOAD_WORKERS, data)).status is status


def test_a_load_of_one_process_is_not_asked() -> None:
    """There is nobody to differ from."""
    plan = made_up(replace(ASKED, workers=1), 1)
    assert not [each for each in judge(run_of(plan, healthy(plan))).gates if each.id == "gate.workers"]
