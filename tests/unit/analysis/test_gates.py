"""Gates take the history and the rows at their word, and nothing else: what neither says is not proven."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import JsonValue

from gameday.analysis.judge import judge
from gameday.analysis.model import Analysis, Gate, Status, Verdict
from gameday.experiment.model import KindTarget, Targets
from gameday.record.folder import RunData
from gameday.record.history import Event, Record
from gameday.record.metrics import Metrics
from gameday.record.requests import Outcome, Rows
from simulator.closed import Users, closed
from simulator.systems import healthy
from simulator.world import Asked, made_up, run_of, server_pages, shipped

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


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (
            Event.PROCESS_SHORT,
            {"process": "web-proxy", "what": "open files (limit 1024): connections closed", "count": 244},
        ),
        (Event.LOAD_DONE, {"rows": {}, "shortages": {"open files (limit 1024): connections closed": 244}}),
    ],
)
def test_what_gameday_broke_for_want_of_files_makes_the_run_invalid(event: Event, data: dict[str, JsonValue]) -> None:
    """It is never booked on the system."""
    analysis = judge(with_record(sound(), 20.0, event, data))
    assert (analysis.verdict, analysis.decided_by) == (Verdict.INVALID, "gate.own-resources")
    process = data.get("process", "load")
    told = f"gameday's own {process} ran out of open files (limit 1024): 244 connections closed"
    assert analysis.reason.startswith(told)


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


def in_a_cluster(metrics: Metrics, *, mapped: bool, **entries: str) -> Gate:
    """Return the gate of the accounts of a run on kind whose servers published these counters, which its system file maps, or does not."""
    plan = made_up(SHORT, 1)
    kind = KindTarget(context="kind-gameday", namespace="made-up", url="http://127.0.0.1:1")
    services = {
        name: service.model_copy(
            update={"counters": service.counters.model_copy(update=entries) if mapped and service.counters else None}
        )
        for name, service in plan.system.services.items()
    }
    system = plan.system.model_copy(update={"targets": Targets(kind=kind), "services": services})
    run = run_of(plan, healthy(plan), metrics=metrics)
    return gate(judge(replace(run, plan=replace(plan, target="kind", system=system))), "gate.accounting")


def pages(uncounted: float = 0.0) -> Metrics:
    """Return the pages of servers that lose a share of their counts."""
    plan = made_up(SHORT, 1)
    return server_pages(plan, healthy(plan), uncounted=uncounted)


@pytest.mark.parametrize(
    ("mapped", "metrics", "status"),
    [
        (True, Metrics(), Status.FAIL),
        (False, Metrics(), Status.SHOWN),
        (True, pages(), Status.PASS),
        (False, pages(), Status.SHOWN),
        (True, pages(0.2), Status.FAIL),
        (False, pages(0.2), Status.SHOWN),
    ],
)
def test_only_counters_that_the_system_file_names_are_compared(
    mapped: bool,  # noqa: FBT001 - what the system file says
    metrics: Metrics,
    status: Status,
) -> None:
    """Whatever else a page has may count something else; what is named must be there and agree with the rows."""
    assert in_a_cluster(metrics, mapped=mapped).status is status


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        (
            {"requests": "answers_total"},
            "web publishes no answers_total; it publishes: http_request_duration_seconds_sum, http_requests_total",
        ),
        (
            {"request_time": "answers_seconds"},
            "web publishes no answers_seconds_sum; it publishes: http_request_duration_seconds_sum, http_requests_total",
        ),
        (
            {"route_label": "uri"},
            "http_requests_total of web has no label uri; it has: code, route",
        ),
    ],
)
def test_a_counter_that_is_named_and_not_published_is_told_and_never_read_as_zero(
    entries: dict[str, str], reason: str
) -> None:
    """The system file is wrong then, and nothing is known of the system."""
    found = in_a_cluster(pages(), mapped=True, **entries)
    assert (found.status, found.n) == (Status.SHOWN, 0)
    assert found.reason == f"{reason}, so only the rows say what happened"


def test_a_route_that_no_label_stands_for_is_told_with_what_the_label_holds() -> None:
    """Its requests may have gone elsewhere, or the label holds its path in another form: a person can see which."""
    renamed = Metrics(
        {(owner, key.replace('"login"', '"/api/login"')): points for (owner, key), points in pages().samples.items()}
    )
    found = in_a_cluster(renamed, mapped=True)
    assert found.status is Status.FAIL
    assert found.reason.startswith(
        "login: no http_requests_total of web has route login or the path of GET /login; its route is: "
    )
    assert "/api/login" in found.reason


def waiting(*, seconds: range, lag_s: float, more_s: float, share: float = 1.0) -> Gate:
    """Return the gate of the accounts of a run whose clients wait for so much more than their server knows, in some seconds of the baseline."""
    plan = shipped("none", 1)
    answers = healthy(plan)
    seen = {}
    for load in plan.routes:
        found = answers[load.route]
        at_s = np.asarray(plan.arrivals(load.route).times_s)
        drawn = np.random.default_rng(load.index).random(len(at_s)) < share
        held = np.isin(at_s.astype(int), list(seconds)) & drawn
        seen[load.route] = replace(
            found, lag_s=np.where(held, lag_s, found.lag_s), service_s=found.service_s + np.where(held, more_s, 0.0)
        )
    return gate(judge(run_of(plan, seen, metrics=server_pages(plan, answers))), "gate.accounting")


def test_where_the_machine_held_up_the_generator_nobodys_time_is_counted() -> None:
    """What waits then waits outside of the server; the other seconds agree, and are compared."""
    found = waiting(seconds=range(10, 14), lag_s=0.05, more_s=0.05)
    assert found.status is Status.PASS, found.reason
    assert " in 9.00 s, " in found.evidence[0], found.evidence[0]


@pytest.mark.parametrize(
    "given",
    [
        {"seconds": range(6, 22), "lag_s": 0.0005, "more_s": 0.04, "share": 0.12},
        {"seconds": range(10, 14), "lag_s": 0.0005, "more_s": 0.05},
        {"seconds": range(6, 22), "lag_s": 0.05, "more_s": 0.05},
    ],
    ids=["a delayed acknowledgement", "seconds of it", "always late"],
)
def test_time_that_only_clients_see_is_no_excuse_without_the_generators_lag(given: dict[str, Any]) -> None:
    """Something between them takes it; and where the generator is always late, all of the baseline is compared."""
    assert waiting(**given).status is Status.FAIL


def test_a_system_without_counters_is_told_to_have_none() -> None:
    """So that nobody takes the gate for one that has compared anything."""
    found = in_a_cluster(Metrics(), mapped=False)
    assert found.reason == "no requests and times of its servers are named, so only the rows say what happened"
    assert found.n == 0


def never_begun(error: str) -> RunData:
    """Return a run that was refused before its load."""
    plan = sound().plan
    history = (
        Record(0.0, "supervisor", 0, Event.RUN_STARTED, {"experiment": plan.name}),
        Record(0.4, "supervisor", 1, Event.ERROR, {"where": "run", "error": error, "traceback": "..."}),
        Record(0.9, "supervisor", 2, Event.RUN_FINISHED, {}),
    )
    return replace(sound(), rows=sound().rows[:0], history=history)


def test_what_kept_a_load_from_beginning_is_the_whole_reason() -> None:
    """Not that no request left a row, that no fault was injected, or that there was no baseline: all of that follows from it."""
    analysis = judge(never_begun("pods web-1 is forbidden: violates PodSecurity"))
    assert (analysis.verdict, analysis.decided_by) == (Verdict.INVALID, "gate.complete")
    assert analysis.reason == "pods web-1 is forbidden: violates PodSecurity; the load was not begun"
    assert analysis.gates[0].reason == analysis.reason, "the first of the gates, in every report"
    assert gate(analysis, "gate.rows").reason == "no request was sent: the load was not begun"
    assert gate(analysis, "gate.delivered").reason == "nothing of the load was sent: it was not begun"


@pytest.mark.parametrize(
    ("event", "data", "reason"),
    [
        (Event.LOAD_LOST, {"reason": "its port is taken"}, "the load process was lost at 14.0 s: its port is taken; "),
        (Event.ERROR, {"where": "run", "error": "the hold was lost"}, "the hold was lost; "),
        (Event.ERROR, {"where": "worker", "error": "KeyError: 'web'"}, "KeyError: 'web'; "),
    ],
)
def test_what_ended_a_run_stands_before_what_follows_from_it(
    event: Event, data: dict[str, JsonValue], reason: str
) -> None:
    """Rows are missing because of it."""
    run = sound()
    analysis = judge(with_record(replace(run, rows=run.rows[run.rows["scheduled_s"] < 14]), 14.0, event, data))
    assert (analysis.verdict, analysis.decided_by) == (Verdict.INVALID, "gate.complete")
    assert analysis.reason.startswith(reason)
    assert analysis.reason.endswith("scheduled requests left no row")


@pytest.mark.parametrize("where", ["renew f0", "undo f0", "reading the last counters"])
def test_an_error_that_a_run_survives_ends_nothing(where: str) -> None:
    """It has a record of its own, and a gate where it matters."""
    error: dict[str, JsonValue] = {"where": where, "error": "busy", "traceback": ""}
    assert judge(with_record(sound(), 14.0, Event.ERROR, error)).verdict is Verdict.PASS


def test_a_fault_whose_preparation_failed_says_why_it_was_never_injected() -> None:
    """Nothing was intended, so nothing else tells it."""
    of_fault = (
        Event.FAULT_INTENDED,
        Event.FAULT_INJECTED,
        Event.FAULT_CONFIRMED,
        Event.FAULT_UNDONE,
        Event.FAULT_VERIFIED,
    )
    run = without(sound(), *of_fault)
    name = f"{run.plan.faults[0].fault}-1"
    run = with_record(run, 13.0, Event.FAULT_FAILED, {"id": name, "error": "no canary came back"})
    stopped = with_record(run, 13.1, Event.RUN_STOPPED, {"reason": f"{name}: no canary came back", "because": "fault"})
    for each in (run, stopped):
        analysis = judge(each)
        assert (analysis.verdict, analysis.decided_by) == (Verdict.INVALID, "gate.fault-proven")
        assert "it could not be prepared: no canary came back" in analysis.reason
    assert gate(judge(stopped), "gate.baseline").status is Status.PASS, "it is not the baseline's fault"


def test_a_fault_that_could_not_be_undone_says_why_first() -> None:
    """The last try counts."""
    error: dict[str, JsonValue] = {"where": "undo f0", "error": "nodes is forbidden", "traceback": ""}
    run = with_record(without(sound(), Event.FAULT_VERIFIED), 29.0, Event.ERROR, error)
    assert judge(run).reason.startswith("nodes is forbidden; so ")


def test_a_run_whose_end_is_not_on_record_never_passes() -> None:
    """It was killed in its clean-up, or could not write any more."""
    whole = sound()
    assert gate(judge(whole), "gate.complete").status is Status.PASS
    cut = replace(whole, history=tuple(each for each in whole.history if each.event != Event.RUN_FINISHED))
    analysis = judge(cut)
    assert gate(analysis, "gate.complete").status is Status.FAIL
    assert "never recorded its end" in gate(analysis, "gate.complete").reason
    assert analysis.verdict is not Verdict.PASS
