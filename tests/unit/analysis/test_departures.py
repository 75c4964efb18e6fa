"""In a cluster, a replica that leaves the endpoints is somebody's doing: a planned fault's, or else the run shows nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import JsonValue

from gameday.analysis.case import case
from gameday.analysis.departures import departures
from gameday.analysis.judge import judge
from gameday.analysis.model import Status, Verdict
from gameday.experiment.catalogue import PlannedFault
from gameday.faults import catalogue
from gameday.record.folder import RunData
from gameday.record.history import Event, Record
from simulator.systems import healthy
from simulator.world import Asked, made_up, run_of

PLAN = made_up(Asked(rates_per_s={"login": 60, "pulse": 60}), 1)
"""Delays web -> backend from 22 s to 42 s, after a baseline from 6 s; recovery to 56 s. Pulse is called by the load only."""
(LATENCY,) = PLAN.faults
RUN = run_of(PLAN, healthy(PLAN))
BASELINE_S, FAULT_S, RECOVERY_S = 15.0, 30.0, 50.0


def change(t_s: float, service: str, event: Event = Event.REPLICA_LEFT, *, late_s: float = 0.0) -> Record:
    """Write that the one pod of a service left or joined, as the supervisor records it."""
    data: dict[str, JsonValue] = {"service": service, "replica": f"{service}-1", "identity": f"uid-{service}"}
    return Record(t_s + late_s, "supervisor", 0, event, {**data, "node": "worker", "late_s": late_s})


def run(*changes: Record, fault: PlannedFault = LATENCY, target: str = "kind") -> RunData:
    """Return a sound run with a fault, in which replicas leave and join."""
    there = (change(-2.0, name, Event.REPLICA_JOINED) for name in PLAN.system.services)
    history = sorted((*RUN.history, *there, *changes), key=lambda record: record.t_s)
    return replace(RUN, history=tuple(history), plan=replace(PLAN, target=target, faults=(fault,)))


def told(*changes: Record, fault: PlannedFault = LATENCY, target: str = "kind") -> tuple[str, ...]:
    """Return what is said of them."""
    return departures(case(run(*changes, fault=fault, target=target)))


def planned(fault: str, *services: str) -> PlannedFault:
    """Return another fault with the same times."""
    return replace(LATENCY, fault=fault, parameters={"name": fault}, services=services, edges=())


def shared(name: str, **parameters: str) -> PlannedFault:
    """Return a fault that takes what pods of a node share, as its own kind plans it."""
    kind = catalogue()[name]
    fault = kind.plan(kind.parameters.model_validate(parameters), PLAN.system)
    return replace(fault, start_s=LATENCY.start_s, end_s=LATENCY.end_s)


@pytest.mark.parametrize("service", ["web", "backend", "pulse"])
def test_nothing_may_leave_in_the_baseline(service: str) -> None:
    """Also not what is faulted later; what is recorded a moment late counts from when it happened."""
    expected = (f"{service}: {service}-1 left the endpoints at 21.9 s, in the baseline, before any fault",)
    assert told(change(21.9, service, late_s=0.3)) == expected


@pytest.mark.parametrize("t_s", [FAULT_S, RECOVERY_S])
def test_what_no_fault_can_make_unready_may_not_leave_later(t_s: float) -> None:
    """Neither while the fault is on nor in the recovery; the callee and who waits for it may."""
    assert told(change(t_s, "pulse"), change(t_s, "backend"), change(t_s, "web")) == (
        f"pulse: pulse-1 left the endpoints at {t_s:.1f} s, and no planned fault can make pulse unready",
    )


@pytest.mark.parametrize(
    ("fault", "free"),
    [
        (planned("none"), ()),
        (planned("kill", "backend"), ("web", "backend")),
        (planned("kill", "web"), ("web", "backend")),
        (planned("kill", "pulse"), ("pulse",)),
        (planned("pause", "web"), ("web", "backend")),
        (planned("activity", "web"), ("web", "backend")),
        (planned("activity"), ("web", "backend", "pulse")),
        (planned("drain", "web"), ("web", "backend", "pulse")),
        (planned("monkey", "web"), ("web", "backend", "pulse")),
        (shared("stress", service="backend", cpu="1 core"), ("web", "backend", "pulse")),
        (shared("stress", service="pulse", memory="200MB"), ("web", "backend", "pulse")),
        (shared("surge", route="login", rate_per_s="2/s"), ("web", "backend", "pulse")),
    ],
    ids=lambda value: f"{value.fault} {' '.join(value.services)}" if isinstance(value, PlannedFault) else "",
)
def test_what_a_fault_can_make_unready_is_what_it_touches_whoever_calls_that_and_whom_those_call(
    fault: PlannedFault, free: tuple[str, ...]
) -> None:
    """A node's pods, a monkey's victims, who starves beside a neighbour and what an action does that says nothing may be anything."""
    sentences = told(*(change(FAULT_S, name) for name in PLAN.system.services), fault=fault)
    assert {sentence.partition(":")[0] for sentence in sentences} == set(PLAN.system.services) - set(free)


@pytest.mark.parametrize("t_s", [3.0, 56.5])
def test_what_leaves_before_the_baseline_or_after_the_end_does_not_matter(t_s: float) -> None:
    """Nothing is judged then."""
    assert told(change(t_s, "pulse")) == ()


def test_locally_the_exits_of_processes_are_told_instead() -> None:
    """A replica that is unready for a moment there is a busy machine's."""
    assert told(change(BASELINE_S, "web"), target="local") == ()


def test_a_replica_that_left_unplanned_makes_the_run_invalid() -> None:
    """By the gate that asks whether anything else happened."""
    undisturbed = next(each for each in judge(run()).gates if each.id == "gate.undisturbed")
    assert (undisturbed.status, undisturbed.n) == (Status.PASS, 3)
    assert undisturbed.reason.endswith("none of 3 replicas left unplanned")
    analysis = judge(run(change(FAULT_S, "pulse"), change(FAULT_S + 1, "pulse", Event.REPLICA_JOINED)))
    assert (analysis.verdict, analysis.decided_by) == (Verdict.INVALID, "gate.undisturbed")
    assert "pulse-1 left the endpoints at 30.0 s" in analysis.reason
