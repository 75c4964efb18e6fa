"""The verdict's algebra, and what happens when a checker or a history is broken."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameday.analysis import judge as judging
from gameday.analysis.case import Case
from gameday.analysis.judge import allow, conclude, judge
from gameday.analysis.model import Finding, Gate, Status, Verdict
from gameday.analysis.recovery import Recovered
from gameday.experiment.plan import Plan
from gameday.record.folder import RunData
from gameday.record.history import Event, History, read_history
from simulator.systems import healthy
from simulator.world import Asked, made_up, run_of, shipped, story

SHORT = Asked(
    rates_per_s={"login": 60, "pulse": 60},
    expect={"bulkhead": {"isolated": ["login"], "hung": "< 2%"}, "recovery": {"within": "2s"}},
    phases={"warmup": "1s", "baseline": "12s", "fault": "15s", "recovery": "5s", "guard": "1s"},
)


def finding(id_: str, status: Status) -> Finding:
    """Make a finding of a status."""
    return Finding(id_, id_, status, 1.0, "ratio", None, "<", 1.0, 100, f"{id_} is so")


def of(id_: str, status: Status) -> Finding:
    """Return a finding that is about time if its check is, whatever its route is called."""
    return replace(finding(id_, status), of_time=id_ in {"bulkhead.login.latency", "steady-state.login.p95.fault"})


def gate(forbids: str, status: Status) -> Gate:
    """Make a gate of a status that forbids something."""
    return Gate(f"gate.{forbids}", "t", status, forbids, None, "", None, None, 0, "why")  # type: ignore[arg-type]


@functools.cache
def plan_of(name: str = "slow-recommendations") -> Plan:
    """Plan one of the shipped experiments."""
    return shipped(name, 1)


@pytest.mark.parametrize(
    ("forbids", "id_", "status", "expected"),
    [
        ("verdict", "bulkhead.login.errors", Status.PASS, Status.INCONCLUSIVE),
        ("verdict", "bulkhead.login.errors", Status.FAIL, Status.INCONCLUSIVE),
        ("pass", "bulkhead.login.errors", Status.PASS, Status.INCONCLUSIVE),
        ("pass", "bulkhead.login.errors", Status.FAIL, Status.FAIL),
        ("latency-fail", "bulkhead.login.latency", Status.FAIL, Status.INCONCLUSIVE),
        ("latency-fail", "steady-state.login.p95.fault", Status.FAIL, Status.INCONCLUSIVE),
        ("latency-fail", "bulkhead.login.latency", Status.PASS, Status.PASS),
        ("latency-fail", "bulkhead.login.errors", Status.FAIL, Status.FAIL),
        ("latency-fail", "bulkhead.p95.errors", Status.FAIL, Status.FAIL),
        ("latency-fail", "steady-state.latency.good.fault", Status.FAIL, Status.FAIL),
        ("verdict", "backpressure.login.class", Status.SHOWN, Status.SHOWN),
    ],
)
def test_a_failed_gate_takes_away_only_what_it_forbids(
    forbids: str, id_: str, status: Status, expected: Status
) -> None:
    """One that could not be decided takes the same; one that held takes nothing."""
    for broken in (Status.FAIL, Status.INCONCLUSIVE):
        assert allow(of(id_, status), (gate(forbids, broken),)).status is expected
    assert allow(of(id_, status), (gate(forbids, Status.PASS),)).status is status


def test_a_failed_check_beats_an_inconclusive_one_and_the_deciding_check_is_named_first() -> None:
    """Fail, else inconclusive, else pass."""
    passed, open_ = finding("a.b", Status.PASS), finding("c.d", Status.INCONCLUSIVE)
    failed, decisive = finding("e.f", Status.FAIL), finding("bulkhead.checkout.hung", Status.FAIL)
    assert conclude(plan_of(), (), (passed, open_), None)[0] is Verdict.INCONCLUSIVE
    assert conclude(plan_of(), (), (passed, open_, failed), None)[0] is Verdict.FAIL
    assert conclude(plan_of(), (), (open_, failed, decisive), None)[2] == "bulkhead.checkout.hung"
    assert conclude(plan_of(), (), (passed,), None)[0] is Verdict.PASS


def test_nothing_judged_is_no_pass() -> None:
    """A run that proves nothing never exits with 0."""
    assert conclude(plan_of(), (), (), None)[0] is Verdict.INCONCLUSIVE


def test_a_gate_that_forbids_any_verdict_comes_before_a_failed_check() -> None:
    """Invalid: there is nothing to judge."""
    held = (gate("verdict", Status.FAIL),)
    assert conclude(plan_of(), held, (finding("e.f", Status.FAIL),), None)[0] is Verdict.INVALID


def test_a_checker_that_raises_is_inconclusive_with_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never a crash, never a pass, and the other checks are judged all the same."""

    def broken(run: Case, measured: Recovered) -> tuple[Finding, ...]:
        raise ZeroDivisionError(f"{run.plan.name} {measured.n}")

    monkeypatch.setattr(judging, "CHECKERS", (("bulkhead", broken), *judging.CHECKERS[1:]))
    plan = made_up(SHORT, 1)
    found = {each.id: each for each in judge(run_of(plan, healthy(plan))).checks}
    assert found["bulkhead.login.hung"].status is Status.INCONCLUSIVE
    assert "ZeroDivisionError" in found["bulkhead.login.hung"].evidence[0]
    assert found["recovery.time"].status is Status.PASS


def test_a_gate_that_raises_makes_the_run_invalid(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be checked does not hold."""

    def broken(run: Case) -> Gate:
        raise KeyError(run.plan.name)

    monkeypatch.setattr(judging, "GATES", (("gate.rows", broken), *judging.GATES[1:]))
    plan = made_up(SHORT, 1)
    analysis = judge(run_of(plan, healthy(plan)))
    assert analysis.verdict is Verdict.INVALID
    assert analysis.decided_by == "gate.rows"


def test_every_planned_check_is_judged_once_and_in_order_before_what_is_only_shown() -> None:
    """The report's order is the plan's."""
    plan = plan_of()
    found = judge(run_of(plan, healthy(plan))).checks
    assert tuple(each.id for each in found[: len(plan.checks)]) == plan.checks
    assert {each.status for each in found[len(plan.checks) :]} == {Status.SHOWN}
    assert len({each.id for each in found}) == len(found)


@functools.cache
def written() -> tuple[RunData, bytes]:
    """Write a short run's history as its writer would, and return its bytes."""
    plan = made_up(SHORT, 2)
    run = run_of(plan, healthy(plan))
    told = story(plan)
    times = iter([record.t_s for record in told])
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder), "supervisor", start_s=0.0, monotonic_s=lambda: next(times))
        for record in told:
            history.append(record.event, record.data)  # type: ignore[arg-type]
        history.close()
        return run, (Path(folder) / "history" / "supervisor.ndjson").read_bytes()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_history_cut_at_any_byte_is_judged_without_a_crash(data: st.DataObject) -> None:
    """A machine may lose its power at any moment; what is left is readable and never passes."""
    run, text = written()
    cut = data.draw(st.integers(0, len(text)))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "history").mkdir()
        (Path(folder) / "history" / "supervisor.ndjson").write_bytes(text[:cut])
        history = read_history(Path(folder))
    analysis = judge(replace(run, history=history))
    evidence = [*(each.evidence for each in analysis.checks), *(each.evidence for each in analysis.gates)]
    assert not any("Traceback" in line for lines in evidence for line in lines)
    seen = {record.event for record in history}
    needed = {Event.FAULT_CONFIRMED, Event.FAULT_VERIFIED, Event.LOAD_DONE, Event.RUN_FINISHED}
    assert (analysis.verdict is Verdict.PASS) == (needed <= seen)


PARTS = ("measure", "compared", "route_series", "summaries", "system_series", "timeline", "_faulted", "_spans")


def raising(*_: object) -> object:
    """Break."""
    raise ZeroDivisionError("broken on purpose")


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_raises_leaves_the_rest_and_never_passes(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is only shown is empty then, the traceback is told, and no check passes on the word of a broken analysis."""
    plan = made_up(SHORT, 1)
    run = run_of(plan, healthy(plan))
    assert judge(run).verdict is Verdict.PASS
    monkeypatch.setattr(judging, part, raising)
    analysis = judge(run)
    told = next(gate for gate in analysis.gates if gate.id == "gate.analysis")
    assert analysis.verdict is Verdict.INCONCLUSIVE
    assert "ZeroDivisionError" in analysis.reason
    assert any("Traceback" in line for line in told.evidence)
    assert [each.id for each in analysis.checks][: len(plan.checks)] == list(plan.checks)
    assert Status.PASS not in {each.status for each in analysis.checks}


def test_a_run_that_cannot_be_laid_out_is_invalid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even then every planned check is there, undecided."""
    plan = made_up(SHORT, 1)
    monkeypatch.setattr(judging, "case", raising)
    analysis = judge(run_of(plan, healthy(plan)))
    assert analysis.verdict is Verdict.INVALID
    assert analysis.decided_by == "gate.analysis"
    assert tuple(each.id for each in analysis.checks) == plan.checks


def test_a_recovery_that_was_not_measured_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a made-up zero."""
    plan = made_up(SHORT, 1)
    monkeypatch.setattr(judging, "measure", raising)
    found = {each.id: each for each in judge(run_of(plan, healthy(plan))).checks}
    assert found["recovery.time"].status is Status.INCONCLUSIVE
    assert found["recovery.time"].reason == "nothing of it was measured"
