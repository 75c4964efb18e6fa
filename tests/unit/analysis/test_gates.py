"""Gates take the history and the rows at their word, and nothing else: what neither says is not proven."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from pydantic import JsonValue

from gameday.analysis.judge import judge
from gameday.analysis.model import Analysis, Gate, Status, Verdict
from gameday.experiment.model import KindTarget, Targets
from gameday.record.folder import RunData
from gameday.record.history import Event, Record
from gameday.record.requests import Outcome, Rows
from simulator.closed import Users, closed
from simulator.systems import healthy
from simulator.world import Asked, made_up, run_of, server_pages

SHORT = Asked(
    rates_per_s={"login": 60, "pulse": 60},
    expect={"bulkhead": {"isolated": ["login"], "hung": "< 2%"}, "recovery": {"within": "2s"}},
    phases={"warmup": "1s", "baseline": "12s", "fault": "15s", "recovery": "5s", "guard": "1s"},
)
"""The fault is on from 13 s to 28 s."""
LOGIN, PULSE = 0, 1


@functools.cache
def sound() -> RunData:
    """Return a run in which all went well."""
    plan = made_up(SHORT, 1)
    return run_of(plan, healthy(plan))


@functools.cache
def sound_closed() -> RunData:
    """Return the same with a locustfile's users."""
    return replace(Users(closed(SHORT, 1), users=5).run(), names={2: "GET /basket"})


def gate(analysis: Analysis, id_: str) -> Gate:
    """Return one gate."""
    return next(each for each in analysis.gates if each.id == id_)


def with_record(run: RunData, t_s: float, event: Event, data: dict[str, JsonValue]) -> RunData:
    """Add a record."""
    history = (*run.history, Record(t_s, "added", 0, event, data))
    return replace(run, history=tuple(sorted(history, key=lambda record: record.t_s)))


def without(run: RunData, *events: Event) -> RunData:
    """Leave records out."""
    return replace(run, history=tuple(record for record in run.history if record.event not in events))


def test_the_run_that_is_spoilt_below_passes() -> None:
    """Otherwise no case would show anything."""
    assert judge(sound()).verdict is Verdict.PASS


def test_a_confirmation_whose_proof_does_not_bite_confirms_nothing() -> None:
    """The record's name is not the proof."""
    run = without(sound(), Event.FAULT_CONFIRMED)
    proof: JsonValue = {"bites": False, "asked": 2.0, "measured": 0.0, "n": 40, "text": "no call became slower"}
    analysis = judge(with_record(run, 14.0, Event.FAULT_CONFIRMED, {"id": "f0", "proof": proof}))
    assert (analysis.verdict, analysis.decided_by) == (Verdict.INVALID, "gate.fault-proven")
    assert "what is recorded as its confirmation shows no effect (no call became slower)" in analysis.reason


@pytest.mark.parametrize("met", [False, None])
def test_a_baseline_that_the_run_itself_found_off_makes_it_invalid(met: JsonValue) -> None:
    """Its rows alone would not show what a probe of Chaos Toolkit or a lost row did."""
    analysis = judge(with_record(sound(), 12.5, Event.HYPOTHESIS, {"phase": "baseline", "met": met, "values": {}}))
    assert (analysis.verdict, analysis.decided_by) == (Verdict.INVALID, "gate.baseline")
    assert analysis.reason == "the run itself did not find the hypothesis met in the baseline, at 12.5 s"


@pytest.mark.parametrize(("phase", "met"), [("baseline", True), ("recovery", False)])
def test_what_the_run_found_later_or_found_met_does_not_touch_the_baseline(phase: str, met: bool) -> None:  # noqa: FBT001 - what the record says
    """The recovery has checks of its own."""
    run = with_record(sound(), 12.5, Event.HYPOTHESIS, {"phase": phase, "met": met, "values": {}})
    assert judge(run).gates == judge(sound()).gates[:0] + tuple(
        replace(each, n=each.n + 1) if each.id == "gate.complete" else each for each in judge(sound()).gates
    )


@pytest.mark.parametrize(("healed_s", "status"), [(20.0, Status.FAIL), (28.2, Status.PASS)])
def test_a_fault_without_an_undo_on_record_lasted_at_most_until_it_was_seen_healed(
    healed_s: float, status: Status
) -> None:
    """Silence about the undo is no proof that it was on to its planned end."""
    run = without(sound(), Event.FAULT_UNDONE, Event.FAULT_VERIFIED)
    analysis = judge(with_record(run, healed_s, Event.FAULT_VERIFIED, {"id": "f0"}))
    assert gate(analysis, "gate.fault-proven").status is status
    if status is Status.FAIL:
        assert (analysis.verdict, analysis.decided_by) == (Verdict.INVALID, "gate.fault-proven")
        assert "was seen healed, with no undo on record, at 20.0 s; it should have lasted to 28 s" in analysis.reason


def test_a_fault_with_neither_undo_nor_healing_on_record_is_outstanding() -> None:
    """That is told by the gate that asks for it."""
    analysis = judge(without(sound(), Event.FAULT_UNDONE, Event.FAULT_VERIFIED))
    assert (analysis.verdict, analysis.decided_by) == (Verdict.INVALID, "gate.reverted")


def spoilt(rows: Rows, field: str, value: float, *, count: int = 3) -> Rows:
    """Change a field of the first rows of login."""
    rows = rows.copy()
    rows[field][np.flatnonzero(rows["route"] == LOGIN)[:count]] = value
    return rows


SPOILT = pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("scheduled_s", np.nan, "without a time"),
        ("lag_s", np.nan, "without a time"),
        ("service_s", np.inf, "without a time"),
        ("outcome", max(Outcome) + 1, "with an outcome that there is not"),
        ("route", 7, "of a route that the plan does not have"),
    ],
)


@SPOILT
def test_rows_that_no_request_can_have_left_make_the_run_invalid(field: str, value: float, told: str) -> None:
    """They are counted, and the requests whose rows they should be are missing."""
    run = sound()
    analysis = judge(replace(run, rows=spoilt(run.rows, field, value)))
    found = gate(analysis, "gate.rows")
    assert (analysis.verdict, analysis.decided_by) == (Verdict.INVALID, "gate.rows")
    assert found.reason == f"3 of {len(run.rows)} rows {told}"
    assert found.evidence[0].startswith("login: 3 of ")
    evidence = [*(each.evidence for each in analysis.checks), *(each.evidence for each in analysis.gates)]
    assert not any("Traceback" in line for lines in evidence for line in lines)


@SPOILT
def test_they_do_in_a_closed_load_too(field: str, value: float, told: str) -> None:
    """There nothing is missing, so only the count tells."""
    run = sound_closed()
    assert judge(run).decided_by != "gate.rows"
    analysis = judge(replace(run, rows=spoilt(run.rows, field, value)))
    assert (analysis.verdict, analysis.decided_by) == (Verdict.INVALID, "gate.rows")
    assert gate(analysis, "gate.rows").reason == f"3 of {len(run.rows)} rows {told}"


def test_only_a_closed_load_has_requests_of_no_route() -> None:
    """A name of another kind of run makes no row of an open load's."""
    rows = spoilt(sound_closed().rows, "route", 2)
    assert gate(judge(replace(sound_closed(), rows=rows)), "gate.rows").status is Status.SHOWN
    run = replace(sound(), names={2: "GET /basket"})
    assert judge(replace(run, rows=spoilt(run.rows, "route", 2))).decided_by == "gate.rows"


LOST = ("lost in history/supervisor.ndjson: 1 of 12 records, the first with seq 7",)


@pytest.mark.parametrize("run", [sound, sound_closed])
def test_a_record_that_the_history_lacks_makes_the_run_invalid(run: Callable[[], RunData]) -> None:
    """It may have told of a process that exited, and then what failed did not fail by the fault."""
    analysis = judge(replace(run(), lost=LOST))
    assert (analysis.verdict, analysis.decided_by, analysis.reason) == (Verdict.INVALID, "gate.rows", LOST[0])


def in_a_cluster(*, demo: bool, uncounted: float | None = None) -> Gate:
    """Return the gate of the accounts of a run on kind, whose servers lose a share of their counts, or publish none."""
    plan = made_up(SHORT, 1)
    kind = KindTarget(
        context="kind-gameday", namespace="made-up", url="http://127.0.0.1:1", demo="shop" if demo else None
    )
    system = plan.system.model_copy(update={"targets": Targets(kind=kind)})
    answers = healthy(plan)
    run = (
        sound()
        if uncounted is None
        else run_of(plan, answers, metrics=server_pages(plan, answers, uncounted=uncounted))
    )
    return gate(judge(replace(run, plan=replace(plan, target="kind", system=system))), "gate.accounting")


@pytest.mark.parametrize(
    ("demo", "uncounted", "status"),
    [
        (True, None, Status.FAIL),
        (False, None, Status.SHOWN),
        (True, 0.0, Status.PASS),
        (False, 0.0, Status.PASS),
        (True, 0.2, Status.FAIL),
        (False, 0.2, Status.FAIL),
    ],
)
def test_only_a_system_of_somebodys_own_may_publish_no_counters(
    demo: bool,  # noqa: FBT001 - what the system file says
    uncounted: float | None,
    status: Status,
) -> None:
    """What it does publish must agree with the rows all the same."""
    assert in_a_cluster(demo=demo, uncounted=uncounted).status is status


def test_a_system_without_counters_is_told_to_have_none() -> None:
    """So that nobody takes the gate for one that has compared anything."""
    found = in_a_cluster(demo=False)
    assert "publish no counters" in found.reason
    assert found.n == 0
