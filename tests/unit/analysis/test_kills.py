"""A kill's moments come from the endpoints that were followed and from the rows; its errors stand beside what theory expects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import JsonValue

from gameday.analysis.judge import judge
from gameday.analysis.model import Analysis, Kill, Status, Verdict
from gameday.experiment.prediction import kill_errors
from gameday.record.folder import RunData
from gameday.record.history import Event, Record
from simulator.world import Answers, Asked, made_up, run_of

ASKED = Asked(
    rates_per_s={"login": 60, "pulse": 60},
    fault="kill",
    expect={"outage": {"routes": ["login"], "lost": "< 2s"}, "recovery": {"within": "10s"}},
)
KILL_S = 22.0
"""When the fault phase begins; the simulator's injection is acknowledged 10 ms later."""


def change(t_s: float, event: Event, replica: str, *, late_s: float = 0.0) -> Record:
    """Write that a pod of web's backend left or joined, as the supervisor records it."""
    data: dict[str, JsonValue] = {
        "service": "backend",
        "replica": replica,
        "identity": f"uid-{replica}",
        "node": "worker",
        "late_s": late_s,
    }
    return Record(t_s + late_s, "supervisor", 0, event, data)


def there(*replicas: str) -> tuple[Record, ...]:
    """Say which endpoints were found when following began."""
    return tuple(change(-2.0, Event.REPLICA_JOINED, name) for name in replicas)


def run(*changes: Record, failing_s: tuple[float, float] = (0.0, 0.0), killed: tuple[str, ...] = ("b-1",)) -> RunData:
    """Kill some of backend's pods at ``KILL_S``; every other request of login that is scheduled meanwhile fails."""
    plan = made_up(replace(ASKED, pressed=("login",)), 1)
    answers = {}
    for load in plan.routes:
        times_s = np.array(plan.arrivals(load.route).times_s)
        hit = (times_s >= failing_s[0]) & (times_s < failing_s[1]) & (np.arange(len(times_s)) % 2 == 0)
        status = np.where(hit & (load.route == "login"), 500, 200)
        answers[load.route] = Answers.of(np.full(len(times_s), 0.01), status=status)
    made = run_of(plan, answers)
    history = tuple(
        replace(record, data={**record.data, "undo": {"service": "backend", "replicas": list(killed)}})
        if record.event == Event.FAULT_INTENDED
        else record
        for record in made.history
    )
    return replace(made, history=tuple(sorted((*history, *changes), key=lambda record: record.t_s)))


def only(analysis: Analysis) -> Kill:
    """Return the one kill of a run."""
    (kill,) = analysis.kills
    return kill


GONE = change(KILL_S + 0.2, Event.REPLICA_LEFT, "b-1", late_s=0.05)
BACK = change(KILL_S + 4.0, Event.REPLICA_JOINED, "b-3")


def test_the_moments_are_those_that_the_endpoints_and_the_rows_tell() -> None:
    """One of two: half the requests fail for 1.5 s, though the endpoint left after 0.2 s."""
    kill = only(judge(run(*there("b-1", "b-2"), GONE, BACK, failing_s=(KILL_S, KILL_S + 1.5))))
    assert (kill.of, kill.replicas) == (2, ("b-1",))
    assert kill.acknowledged_s == pytest.approx(KILL_S + 0.01)
    assert kill.left_s == pytest.approx(KILL_S + 0.2)
    assert kill.failed_s == pytest.approx(KILL_S + 1.5, abs=0.1)
    assert kill.ready_s == pytest.approx(KILL_S + 4.0)
    assert kill.back_s == pytest.approx(KILL_S + 1.5, abs=0.2)
    assert kill.outage_s == pytest.approx(1.5, abs=0.1)


def test_the_errors_stand_beside_the_prediction() -> None:
    """Sixty a second on two replicas for 1.5 s: 45, and half of the 0.6 that are usually open."""
    analysis = judge(run(*there("b-1", "b-2"), GONE, BACK, failing_s=(KILL_S, KILL_S + 1.5)))
    compared = {each.name: each for each in analysis.predictions}
    assert compared["kill.backend.errors"].predicted == pytest.approx(45, abs=3)
    assert compared["kill.backend.errors"].measured == pytest.approx(45, abs=12)
    assert compared["kill.backend.errors-by-endpoint"].predicted == pytest.approx(6, abs=1)
    assert kill_errors(rate_per_s=40, share=1 / 2, lasted_s=1.5, in_flight=2) == 31


def test_the_recovery_and_the_outage_tell_them() -> None:
    """The judged finding has them as evidence, a shown one has the outage as its value."""
    analysis = judge(run(*there("b-1", "b-2"), GONE, BACK, failing_s=(KILL_S, KILL_S + 1.5)))
    found = {finding.id: finding for finding in analysis.checks}
    assert "the endpoint left after 190 ms" in found["recovery.time"].evidence[0]
    assert "the replacement was ready after 3.99 s" in found["recovery.time"].evidence[0]
    assert "to be expected" in found["recovery.time"].evidence[1]
    assert found["outage.backend.killed"].status is Status.SHOWN
    assert found["outage.backend.killed"].value == pytest.approx(1.5, abs=0.1)


def test_the_timeline_tells_each_moment_when_it_happened() -> None:
    """Not when it was written down, and not what was there before."""
    analysis = judge(run(*there("b-1", "b-2"), GONE, BACK, failing_s=(KILL_S, KILL_S + 1.5)))
    told = {happening.text: happening.t_s for happening in analysis.timeline}
    assert told["b-1 is no endpoint of backend any more"] == pytest.approx(KILL_S + 0.2)
    assert told["b-3 is an endpoint of backend"] == pytest.approx(KILL_S + 4.0)
    assert "b-2 is an endpoint of backend" not in told
    assert any(text.endswith("the last request that failed of the kill was sent") for text in told)
    assert any(text.endswith("goodput is back after the kill") for text in told)


def test_a_kill_that_nobody_noticed_has_no_outage() -> None:
    """No request failed, and goodput never went."""
    kill = only(judge(run(*there("b-1", "b-2"), GONE, BACK)))
    assert (kill.failed_s, kill.outage_s, kill.errors) == (None, 0.0, 0.0)
    assert kill.back_s == kill.acknowledged_s
    assert kill.predicted < 1


def test_errors_beyond_twice_the_prediction_are_named() -> None:
    """Half of what one of four can cost, and the rest is somebody's retries."""
    analysis = judge(run(*there("b-1", "b-2", "b-3", "b-4"), GONE, BACK, failing_s=(KILL_S, KILL_S + 3.0)))
    kill = only(analysis)
    assert kill.errors / kill.predicted == pytest.approx(2.0, abs=0.5)
    alone = judge(run(*there(*(f"b-{n}" for n in range(1, 9))), GONE, BACK, failing_s=(KILL_S, KILL_S + 3.0)))
    (finding,) = (finding for finding in alone.checks if finding.id == "outage.backend.killed")
    assert "retries multiply them" in finding.evidence[1]


def test_all_replicas_killed_is_the_whole_load() -> None:
    """Two of two."""
    second = change(KILL_S + 0.3, Event.REPLICA_LEFT, "b-2")
    again = change(KILL_S + 5.0, Event.REPLICA_JOINED, "b-4")
    kill = only(
        judge(
            run(*there("b-1", "b-2"), GONE, second, BACK, again, failing_s=(KILL_S, KILL_S + 4), killed=("b-1", "b-2"))
        )
    )
    assert kill.name == "backend (2 of 2)"
    assert kill.left_s == pytest.approx(KILL_S + 0.3)
    assert kill.ready_s == pytest.approx(KILL_S + 5.0)
    assert kill.predicted == pytest.approx(240, rel=0.1)
    assert kill.predicted_by_endpoint is None  # nobody was left to serve once they had gone


def test_another_replica_that_comes_and_goes_is_no_replacement() -> None:
    """The number of endpoints decides."""
    flap = (
        change(KILL_S + 1.0, Event.REPLICA_LEFT, "b-2"),
        change(KILL_S + 2.0, Event.REPLICA_JOINED, "b-2"),
    )
    assert only(judge(run(*there("b-1", "b-2"), GONE, *flap, BACK))).ready_s == pytest.approx(KILL_S + 4.0)


def test_failures_long_after_all_was_well_are_not_the_kills() -> None:
    """Eight seconds after the replacement something else fails."""
    kill = only(judge(run(*there("b-1", "b-2"), GONE, BACK, failing_s=(KILL_S + 12, KILL_S + 13))))
    assert kill.failed_s is None


def test_what_was_not_seen_is_not_made_up() -> None:
    """The endpoint never left, so nothing replaced it; without any endpoints followed nothing is said at all."""
    kill = only(judge(run(*there("b-1", "b-2"))))
    assert (kill.left_s, kill.ready_s, kill.predicted_by_endpoint) == (None, None, None)
    silent = judge(run())
    assert silent.kills == ()
    assert not [each for each in silent.predictions if each.name.startswith("kill.")]
    assert not [finding for finding in silent.checks if finding.id.endswith(".killed")]


def visited(run_: RunData, *killed: str, **injected: JsonValue) -> RunData:
    """Make the kill a visit of the monkey: whom it took is told when it was done, and not before."""
    (fault,) = run_.plan.faults
    plan = replace(run_.plan, faults=(replace(fault, fault="monkey", services=("web", "backend")),))
    told: dict[Event, dict[str, JsonValue]] = {
        Event.FAULT_INTENDED: {"fault": "monkey", "undo": {"ready": {"web": 1, "backend": 2}}},
        Event.FAULT_INJECTED: {"killed": {name: f"uid-{name}" for name in killed}, **injected},
    }
    history = tuple(
        replace(record, data={**record.data, **told.get(Event(record.event), {})}) for record in run_.history
    )
    return replace(run_, plan=plan, history=history)


def test_a_visit_of_the_monkey_is_timed_as_a_kill_of_the_service_that_it_took() -> None:
    """It may take any of several services' replicas."""
    made = run(*there("b-1", "b-2"), GONE, BACK, failing_s=(KILL_S, KILL_S + 1.5))
    kill = only(judge(visited(made, "b-1")))
    assert (kill.service, kill.replicas, kill.of) == ("backend", ("b-1",), 2)
    assert kill.left_s == pytest.approx(KILL_S + 0.2)
    assert kill.ready_s == pytest.approx(KILL_S + 4.0)


def test_whose_a_killed_replica_was_is_what_the_run_recorded() -> None:
    """Not who else once had an endpoint of its name."""
    stranger = change(-2.0, Event.REPLICA_JOINED, "b-1")
    stranger = replace(stranger, data={**stranger.data, "service": "web", "identity": "another"})
    made = run(stranger, *there("b-1", "b-2"), GONE, BACK, failing_s=(KILL_S, KILL_S + 1.5))
    assert only(judge(visited(made, "b-1", service="backend"))).service == "backend"


def test_a_visit_that_took_nobody_is_no_kill() -> None:
    """Where nobody may go, nobody does."""
    assert judge(visited(run(*there("b-1", "b-2")))).kills == ()


@pytest.mark.parametrize("taken", [(0,), (0, 0), (0, 1)])
def test_a_monkey_that_took_nobody_in_any_visit_proves_nothing(taken: tuple[int, ...]) -> None:
    """A visit may be in vain; where all are, there was no fault, and an outage that did not come was none."""
    made = visited(run(*there("b-1", "b-2")))
    (fault,) = made.plan.faults
    others = [record for record in made.history if record.data.get("id") != "f0"]
    own = [record for record in made.history if record.data.get("id") == "f0"]

    def of_visit(record: Record, number: int, measured: int) -> Record:
        proof: JsonValue = {
            "bites": True,
            "asked": 0,
            "measured": measured,
            "text": "nobody was killed: web has no other replica",
        }
        more = {"proof": proof} if record.event == Event.FAULT_CONFIRMED else {}
        return replace(record, data={**record.data, "id": f"f{number}", **more})

    visits = [of_visit(record, number, measured) for number, measured in enumerate(taken) for record in own]
    history = tuple(sorted((*others, *visits), key=lambda record: record.t_s))
    plan = replace(made.plan, faults=(fault,) * len(taken))
    analysis = judge(replace(made, plan=plan, history=history))
    gate = next(each for each in analysis.gates if each.id == "gate.fault-proven")
    assert (gate.status is Status.PASS) is any(taken), gate.reason
    if not any(taken):
        assert analysis.verdict is Verdict.INVALID
        assert gate.reason.startswith("the monkey killed nobody in ")
        assert gate.reason.endswith("nobody was killed: web has no other replica")


def test_each_visit_is_timed_for_itself_though_it_was_intended_before_the_first() -> None:
    """What the first cost is not the second's, and who is there is counted anew."""
    again_s = KILL_S + 10.0
    second = (change(again_s + 0.4, Event.REPLICA_LEFT, "b-3"), change(again_s + 3.0, Event.REPLICA_JOINED, "b-4"))
    made = visited(run(*there("b-1", "b-2"), GONE, BACK, *second, failing_s=(KILL_S, KILL_S + 1.5)), "b-1")
    (fault,) = made.plan.faults
    early, data = KILL_S + 0.005, {"id": "f1"}  # right after the first is
    told = (
        (early, Event.FAULT_INTENDED, {**data, "fault": "monkey", "undo": {"ready": {"web": 1, "backend": 2}}}),
        (again_s + 0.01, Event.FAULT_INJECTED, {**data, "killed": {"b-3": "uid-b-3"}}),
    )
    history = (*made.history, *(Record(t_s, "worker", n, event, each) for n, (t_s, event, each) in enumerate(told)))  # type: ignore[arg-type]  # plain JSON
    plan = replace(made.plan, faults=(fault, replace(fault, start_s=again_s)))
    both = judge(replace(made, plan=plan, history=tuple(sorted(history, key=lambda record: record.t_s))))
    first, later = sorted(both.kills, key=lambda kill: kill.acknowledged_s)
    assert first.failed_s is not None
    assert first.ready_s == pytest.approx(KILL_S + 4.0)
    assert (later.replicas, later.of, later.failed_s) == (("b-3",), 2, None)
    assert later.left_s == pytest.approx(again_s + 0.4)
    assert later.ready_s == pytest.approx(again_s + 3.0)
    names = [each.name for each in both.predictions if each.name.startswith("kill.")]
    assert len(names) == len(set(names)) == 4
