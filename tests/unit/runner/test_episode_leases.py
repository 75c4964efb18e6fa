"""What an episode records when its faults cannot be renewed, prepared or undone in time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from fakes import FakeClock, FakeTarget
from gameday.faults import catalogue
from gameday.record.history import Event, History, Record, outstanding, read_history
from gameday.runner.env import Env
from gameday.runner.episode import run_episode
from gameday.targets.protocol import Delay, TargetError
from samples import planned
from unit.runner.episodes import LATENCY, ORIGIN_S, call, events, run


def run_unanswered(tmp_path: Path, since_s: float, until_s: float) -> list[Record]:
    """Run an episode of ten seconds whose renewals fail from one moment to another of it."""
    clock, target = FakeClock(), FakeTarget()
    renewing = target.delay

    def delay(edge: str, delay: Delay, *, lease_s: float) -> None:
        if 110 + since_s <= clock.now_s < 110 + until_s:
            raise TargetError("the proxy does not answer")
        renewing(edge, delay, lease_s=lease_s)

    target.delay = delay  # type: ignore[method-assign]
    history = History(tmp_path, "worker", start_s=clock.now_s, monotonic_s=lambda: clock.now_s)
    plan = planned(phases={"fault": "10s"})
    try:
        with suppress(TargetError):
            run_episode(plan.faults, catalogue(), target, history, clock.env(), origin_s=ORIGIN_S)
    finally:
        history.close()
    return list(read_history(tmp_path))


def test_a_fault_that_could_not_be_held_is_recorded_as_failed(tmp_path: Path) -> None:
    """Withdrawn early, it must not count as proven; the last error is told."""
    history = run_unanswered(tmp_path, 2.5, 99)
    failed = next(record for record in history if record.event == Event.FAULT_FAILED)
    assert failed.t_s == pytest.approx(18.0), "the last renewal was 2 s after the injection at 10 s"
    assert str(failed.data["error"]).startswith(
        "it could not be held: the proxy does not answer; nobody renewed it for 6.0 s"
    )
    assert events(history)[-3:] == [Event.FAULT_FAILED, Event.FAULT_UNDONE, Event.FAULT_VERIFIED]


def test_renewals_that_fail_for_less_than_a_lease_are_borne_and_recorded(tmp_path: Path) -> None:
    """The lease bears them, so the fault was on all the while."""
    history = run_unanswered(tmp_path, 2.5, 6.5)
    missed = [record for record in history if record.event == Event.ERROR]
    assert [(record.t_s, record.data["where"]) for record in missed] == [
        (13.0 + beat, "renew latency-1") for beat in range(4)
    ]
    assert not {Event.FAULT_FAILED, Event.FAULT_INERT} & set(events(history))
    assert next(record.t_s for record in history if record.event == Event.FAULT_UNDONE) == 20.0


def test_a_renewal_that_succeeds_when_the_lease_may_be_over_is_too_late(tmp_path: Path) -> None:
    """The effect may have been away before it came back."""
    clock, target = FakeClock(), FakeTarget()
    renewing = target.delay

    def delay(edge: str, delay: Delay, *, lease_s: float) -> None:
        if 112.5 <= clock.now_s < 116.5:
            raise TargetError("the proxy does not answer")
        clock.sleep(0.5 if clock.now_s >= 116.5 else 0)
        renewing(edge, delay, lease_s=lease_s)

    target.delay = delay  # type: ignore[method-assign]
    history = History(tmp_path, "worker", start_s=clock.now_s, monotonic_s=lambda: clock.now_s)
    plan = planned(phases={"fault": "10s"})
    with pytest.raises(TargetError, match=r"does not answer; nobody renewed it for 5\.5 s"):
        run_episode(plan.faults, catalogue(), target, history, clock.env(), origin_s=ORIGIN_S)
    assert Event.FAULT_FAILED in events(list(read_history(tmp_path)))


def run_stalling(tmp_path: Path, at_s: float, for_s: float) -> list[Record]:
    """Run an episode of ten seconds in which the runner stands still for a while, counted from the fault's begin."""
    clock = FakeClock()

    def sleep(seconds: float) -> None:
        stalls = clock.now_s < 110 + at_s <= clock.now_s + seconds
        clock.sleep(seconds + (for_s if stalls else 0))

    history = History(tmp_path, "worker", start_s=clock.now_s, monotonic_s=lambda: clock.now_s)
    env = Env(now_s=lambda: clock.now_s, sleep=sleep, spawn=FakeClock.spawn)
    try:
        with suppress(TargetError):
            run_episode(planned(phases={"fault": "10s"}).faults, catalogue(), FakeTarget(), history, env, origin_s=88.0)
    finally:
        history.close()
    return list(read_history(tmp_path))


@pytest.mark.parametrize(("at_s", "for_s", "told"), [(2, 5.5, True), (4, 60, True), (2, 3.5, False)])
def test_a_lease_that_may_have_ended_meanwhile_is_told(
    tmp_path: Path, at_s: float, for_s: float, *, told: bool
) -> None:
    """A fault that was off for a while must not count as held, although it bites again; nor one that nobody looked after to its end."""
    history = run_stalling(tmp_path, at_s, for_s)
    failed = [str(record.data["error"]) for record in history if record.event == Event.FAULT_FAILED]
    assert [error.startswith("it could not be held: nobody renewed it for") for error in failed] == [True] * told
    assert not outstanding(history)


def test_an_undo_that_is_under_way_at_the_end_is_waited_for(tmp_path: Path) -> None:
    """A rollback of somebody's own must not be played twice at once."""
    clock, target = FakeClock(), FakeTarget()

    def spawn(task: Callable[[], None]) -> Callable[[], bool]:
        if clock.now_s < 119:
            return FakeClock.spawn(task)
        until_s, done = clock.now_s + 3, False

        def busy() -> bool:
            nonlocal done
            if clock.now_s >= until_s and not done:
                done = True
                task()
            return not done

        return busy

    history = History(tmp_path, "worker", start_s=clock.now_s, monotonic_s=lambda: clock.now_s)
    calls = [call("latency", LATENCY, **{"for": "9s"}), call("blackhole", {"edge": "web -> payments"})]
    plan = planned(method=calls, phases={"fault": "10s"})
    env = Env(now_s=lambda: clock.now_s, sleep=clock.sleep, spawn=spawn)
    run_episode(plan.faults, catalogue(), target, history, env, origin_s=ORIGIN_S)
    assert target.acts.count("heal") == 2
    seen = [record.data["id"] for record in read_history(tmp_path) if record.event == Event.FAULT_UNDONE]
    assert seen == ["blackhole-2", "latency-1"], "who is on does not wait"
    assert not outstanding(read_history(tmp_path))


def test_a_fault_that_cannot_be_prepared_is_recorded_as_failed(tmp_path: Path) -> None:
    """Nothing is intended then, and so nothing is outstanding."""

    class Silent(FakeTarget):
        def canary_s(self, edge: str, *, within_s: float = 0.0) -> float:  # noqa: ARG002 - as a target has it
            raise TargetError("nobody answers")

    with pytest.raises(TargetError, match="nobody answers"):
        run(tmp_path, Silent())
    (failed,) = read_history(tmp_path)
    assert (failed.event, failed.data) == (Event.FAULT_FAILED, {"id": "latency-1", "error": "nobody answers"})
