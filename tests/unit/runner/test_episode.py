"""The life cycle of a fault: what is written before what is done, and what is undone whatever happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes import FakeClock, FakeTarget
from gameday.faults import catalogue
from gameday.record.history import Event, History, Record, outstanding, read_history
from gameday.runner.env import Env
from gameday.runner.episode import run_episode
from gameday.targets.protocol import Delay, TargetError
from samples import planned


def run(
    tmp_path: Path, target: FakeTarget, fault: str = "latency", parameters: dict[str, object] | None = None
) -> list[Record]:
    """Run one episode of ten seconds against a fake system and return its history."""
    clock = FakeClock()
    history = History(tmp_path, "worker", start_s=clock.now_s, monotonic_s=lambda: clock.now_s)
    plan = planned(fault, parameters)  # type: ignore[arg-type]  # tests pass plain JSON
    try:
        run_episode(plan.faults, catalogue(), target, history, clock.env(), start_s=110.0, end_s=120.0)
    finally:
        history.close()
    return list(read_history(tmp_path))


def events(history: list[Record]) -> list[str]:
    """Return the kinds of the records in order."""
    return [record.event for record in history]


def test_a_fault_is_intended_injected_confirmed_undone_and_verified_in_this_order(tmp_path: Path) -> None:
    """The write-ahead order."""
    assert events(run(tmp_path, FakeTarget())) == [
        Event.FAULT_INTENDED,
        Event.FAULT_INJECTED,
        Event.FAULT_CONFIRMED,
        Event.FAULT_UNDONE,
        Event.FAULT_VERIFIED,
    ]


def test_it_is_injected_on_the_dot_and_held_until_the_end(tmp_path: Path) -> None:
    """Preparation comes before the start, the undo after the end."""
    at = {record.event: record.t_s for record in run(tmp_path, FakeTarget())}
    assert (at[Event.FAULT_INTENDED], at[Event.FAULT_INJECTED], at[Event.FAULT_UNDONE]) == (0.0, 10.0, 20.0)


def test_an_injection_that_does_nothing_is_recorded_as_inert(tmp_path: Path) -> None:
    """A vacuous fault must never look like a passed experiment."""
    history = run(tmp_path, FakeTarget(inert=True))
    assert Event.FAULT_INERT in events(history)
    assert Event.FAULT_CONFIRMED not in events(history)


def test_a_delay_that_half_of_the_calls_bypass_is_recorded_as_inert(tmp_path: Path) -> None:
    """The caller's own counters betray answers that came too soon."""
    history = run(tmp_path, FakeTarget(bypass=0.5))
    inert = next(record for record in history if record.event == Event.FAULT_INERT)
    assert isinstance(inert.data["proof"], dict)
    assert inert.data["proof"]["bypassed"]


def test_an_empty_cache_is_confirmed_by_the_count_of_its_keys(tmp_path: Path) -> None:
    """An impulse is proven once."""
    target = FakeTarget(keys=20)
    history = run(tmp_path, target, "empty-cache", {"service": "cache"})
    assert events(history).count(Event.FAULT_CONFIRMED) == 1
    assert target.acts == ["empty_cache"]


def test_emptying_a_cache_without_keys_is_inert(tmp_path: Path) -> None:
    """Nothing was removed, so nothing was shown."""
    assert Event.FAULT_INERT in events(run(tmp_path, FakeTarget(keys=0), "empty-cache", {"service": "cache"}))


def test_nothing_needs_no_proof(tmp_path: Path) -> None:
    """The null fault declares dose 0."""
    assert Event.FAULT_INERT not in events(run(tmp_path, FakeTarget(), "none", {}))


def test_a_failed_injection_is_recorded_and_undone(tmp_path: Path) -> None:
    """What was intended is undone even if it is not known to have happened."""
    target = FakeTarget(broken=("delay",))
    with pytest.raises(TargetError, match="delay is broken"):
        run(tmp_path, target)
    history = list(read_history(tmp_path))
    assert [r.event for r in history] == [
        Event.FAULT_INTENDED,
        Event.FAULT_FAILED,
        Event.FAULT_UNDONE,
        Event.FAULT_VERIFIED,
    ]


def test_a_fault_that_cannot_be_undone_stays_outstanding(tmp_path: Path) -> None:
    """Residue is told, never hidden."""
    with pytest.raises(TargetError, match="gameday recover"):
        run(tmp_path, FakeTarget(broken=("heal",)))
    assert [record.data["id"] for record in outstanding(read_history(tmp_path))] == ["latency-1"]


def test_an_interruption_while_the_fault_is_held_undoes_it(tmp_path: Path) -> None:
    """SystemExit is how SIGTERM reaches the episode."""
    clock, target = FakeClock(), FakeTarget()

    def leave(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.now_s > 113:
            raise SystemExit(20)

    history = History(tmp_path, "worker", start_s=clock.now_s, monotonic_s=lambda: clock.now_s)
    env = Env(now_s=lambda: clock.now_s, sleep=leave, spawn=FakeClock.spawn)
    with pytest.raises(SystemExit):
        run_episode(planned().faults, catalogue(), target, history, env, start_s=110.0, end_s=120.0)
    assert target.delays == {}
    assert not outstanding(read_history(tmp_path))


def test_a_fault_that_could_not_be_held_is_recorded_as_failed(tmp_path: Path) -> None:
    """Withdrawn early, it must not count as proven."""
    clock, target = FakeClock(), FakeTarget()
    renewing = target.delay

    def delay(edge: str, delay: Delay, *, lease_s: float) -> None:
        if clock.now_s > 115:
            raise TargetError("the proxy does not answer")
        renewing(edge, delay, lease_s=lease_s)

    target.delay = delay  # type: ignore[method-assign]
    history = History(tmp_path, "worker", start_s=clock.now_s, monotonic_s=lambda: clock.now_s)
    with pytest.raises(TargetError, match="does not answer"):
        run_episode(planned().faults, catalogue(), target, history, clock.env(), start_s=110.0, end_s=120.0)
    assert [r.event for r in read_history(tmp_path)][-3:] == [
        Event.FAULT_FAILED,
        Event.FAULT_UNDONE,
        Event.FAULT_VERIFIED,
    ]
