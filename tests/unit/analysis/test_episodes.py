"""A proof is told in its own words, and a failure by what failed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import JsonValue

from gameday.analysis.episodes import describe_numbers, describe_proof, episodes
from gameday.analysis.judge import judge
from gameday.analysis.model import Status
from gameday.record.history import Event, Record
from simulator.systems import healthy
from simulator.world import run_of, shipped

PROOF: dict[str, JsonValue] = {
    "bites": True,
    "asked": 2.0,
    "measured": 2.0093,
    "unit": "s",
    "n": 412,
    "bypassed": 0,
    "text": "the median of 412 calls rose by 2.01 s, and none stayed fast",
}


def test_a_proof_is_told_by_its_text_and_its_numbers_stand_beside_it_in_words() -> None:
    """The gate's reason and the timeline's line say the sentence; the evidence gives the numbers, and no field of a record."""
    plan = shipped("slow-recommendations", 1)
    run = run_of(plan, healthy(plan))

    def proven(record: Record) -> Record:
        return (
            replace(record, data={**record.data, "proof": PROOF}) if record.event == Event.FAULT_CONFIRMED else record
        )

    analysis = judge(replace(run, history=tuple(proven(record) for record in run.history)))
    gate = next(gate for gate in analysis.gates if gate.id == "gate.fault-proven")
    assert gate.reason == f"latency: web -> recommendations: {PROOF['text']}"
    assert gate.evidence == ("latency: web -> recommendations: asked for 2 s, measured 2.009 s, n=412, 0 not reached",)
    line = next(each.text for each in analysis.timeline if "confirmed" in each.text)
    assert line == f"latency: web -> recommendations confirmed: {PROOF['text']}"
    said = " ".join((gate.reason, *gate.evidence, *(each.text for each in analysis.timeline)))
    assert "bites" not in said
    assert "{" not in said


def test_a_proof_without_words_is_told_by_its_numbers_once() -> None:
    """Numbers that are the reason are not the evidence as well."""
    plan = shipped("slow-recommendations", 1)
    gate = next(gate for gate in judge(run_of(plan, healthy(plan))).gates if gate.id == "gate.fault-proven")
    assert "asked for some" in gate.reason
    assert gate.evidence == ()


def test_whatever_a_proof_is_it_is_written() -> None:
    """A torn or foreign history must not break the report."""
    assert describe_proof(None) == "no proof was recorded"
    assert describe_proof("seen") == "seen"
    assert describe_proof({"bites": True}) == "the proof has no numbers"
    assert describe_numbers({"n": 3}) == "n=3"


@pytest.mark.parametrize(("undone_s", "status"), [(30.05, Status.PASS), (28.5, Status.PASS), (26.0, Status.FAIL)])
def test_a_fault_must_last_for_its_own_time(undone_s: float, status: Status) -> None:
    """Of a phase from 22 s to 42 s this one asks for eight seconds, of which the last two are the guard."""
    plan = shipped("slow-recommendations", 1)
    short = replace(plan, faults=(replace(plan.faults[0], end_s=30.0),))
    run = run_of(short, healthy(short))

    def undone(record: Record) -> Record:
        return replace(record, t_s=undone_s) if record.event == Event.FAULT_UNDONE else record

    analysis = judge(replace(run, history=tuple(undone(record) for record in run.history)))
    gate = next(gate for gate in analysis.gates if gate.id == "gate.fault-proven")
    assert gate.status is status
    if status is Status.FAIL:
        assert gate.reason.endswith("was withdrawn at 26.0 s; it should have lasted to 30 s")


def test_the_time_of_a_fault_is_that_of_its_own_place_in_the_plan() -> None:
    """Two of one kind on one edge, of which the one that stands first in the file was to come later, and never came."""
    plan = shipped("slow-recommendations", 1)
    (fault,) = plan.faults
    both = replace(plan, faults=(replace(fault, start_s=34.0), replace(fault, end_s=30.0)))
    run = run_of(both, healthy(both))
    came = tuple(
        record for record in run.history if record.event == Event.FAULT_INTENDED or record.data.get("id") != "f0"
    )
    analysis = judge(replace(run, history=came))
    assert analysis.spans == (None, (22.01, 42.05))
    assert analysis.faulted == ((22.01, 42.05, "latency: web -> recommendations"),)


CALLERS = ("web -> db", "admin -> db", "batch -> db", "load -> db")


@pytest.mark.parametrize(
    ("edges", "services", "label"),
    [
        (CALLERS[:3], ("db",), "latency: web -> db, admin -> db, batch -> db"),
        (CALLERS, ("db",), "latency: 4 edges"),
        ((), ("web", "admin", "batch"), "latency: web, admin, batch"),
        ((), ("web", "admin", "batch", "db"), "latency: 4 services"),
        ((), (), "latency"),
    ],
)
def test_more_than_three_places_of_a_fault_are_counted(
    edges: tuple[str, ...], services: tuple[str, ...], label: str
) -> None:
    """As what they are."""
    plan = shipped("slow-recommendations", 1)
    (episode,) = episodes(replace(plan, faults=(replace(plan.faults[0], edges=edges, services=services),)), ())
    assert episode.label == label
