"""The life cycle of a fault: what is written before what is done, and what is undone whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from fakes import FakeClock, FakeTarget
from gameday.faults import catalogue
from gameday.record.history import Event, History, Record, outstanding, read_history
from gameday.runner.env import Env
from gameday.runner.episode import INTENT_S, run_episode
from gameday.targets.protocol import Delay, Emptied, TargetError
from samples import planned

ORIGIN_S = 88.0
"""The clock shows 100 s when an episode begins, and 110 s when its fault phase of ten seconds does."""


def run(
    tmp_path: Path,
    target: FakeTarget,
    fault: str = "latency",
    parameters: dict[str, object] | None = None,
    clock: FakeClock | None = None,
) -> list[Record]:
    """Run one episode of ten seconds against a fake system and return its history."""
    clock = clock or FakeClock()
    history = History(tmp_path, "worker", start_s=clock.now_s, monotonic_s=lambda: clock.now_s)
    plan = planned(fault, parameters, phases={"fault": "10s"})  # type: ignore[arg-type]  # tests pass plain JSON
    try:
        run_episode(plan.faults, catalogue(), target, history, clock.env(), origin_s=ORIGIN_S)
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
    """What is intended is on the disk just before the start, the undo comes after the end."""
    at = {record.event: record.t_s for record in run(tmp_path, FakeTarget())}
    assert (at[Event.FAULT_INJECTED], at[Event.FAULT_UNDONE]) == (10.0, 20.0)
    assert at[Event.FAULT_INTENDED] == pytest.approx(10.0 - INTENT_S)


def test_how_long_an_injection_took_is_recorded(tmp_path: Path) -> None:
    """What an impulse did in that time is its doing, though it is recorded only afterwards."""

    class Slow(FakeTarget):
        def empty_cache(self, service: str, prefix: str | None) -> Emptied:
            clock.sleep(0.25)
            return super().empty_cache(service, prefix)

    clock = FakeClock()
    history = run(tmp_path, Slow(), "empty-cache", {"service": "cache"}, clock)
    injected = next(record for record in history if record.event == Event.FAULT_INJECTED)
    assert (injected.t_s, injected.data["took_s"]) == (10.25, 0.25)


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
    plan = planned(phases={"fault": "10s"})
    with pytest.raises(SystemExit):
        run_episode(plan.faults, catalogue(), target, history, env, origin_s=ORIGIN_S)
    assert target.delays == {}
    assert not outstanding(read_history(tmp_path))


def run_many(tmp_path: Path, target: FakeTarget, *calls: dict[str, object]) -> list[tuple[float, str, object]]:
    """Run an episode of ten seconds with several faults; return when what happened to whom, in seconds of the fault phase."""
    clock = FakeClock()
    history = History(tmp_path, "worker", start_s=110.0, monotonic_s=lambda: clock.now_s)
    plan = planned(method=list(calls), phases={"fault": "10s"})
    try:
        run_episode(plan.faults, catalogue(), target, history, clock.env(), origin_s=ORIGIN_S)
    finally:
        history.close()
    return [(record.t_s, record.event, record.data.get("id")) for record in read_history(tmp_path)]


def call(fault: str, parameters: Mapping[str, object], **timing: object) -> dict[str, object]:
    """Return an entry of the method."""
    return {"fault": fault, "parameters": parameters, "timing": timing}


LATENCY = {"edge": "web -> recommendations", "delay": "2s"}


def test_each_fault_is_injected_and_undone_in_its_own_time(tmp_path: Path) -> None:
    """Overlapping and in sequence; all of them are on the disk before the first is injected."""
    seen = run_many(
        tmp_path,
        FakeTarget(),
        call("latency", LATENCY, **{"for": "3s"}),
        call("blackhole", {"edge": "web -> payments"}, at="1.5s", **{"for": "4s"}),
        call("latency", LATENCY, at="6s"),
    )
    at = {(event, name): t_s for t_s, event, name in seen}
    assert [event for _, event, _ in seen[:3]] == [Event.FAULT_INTENDED] * 3
    assert [at[Event.FAULT_INJECTED, name] for name in ("latency-1", "blackhole-2", "latency-3")] == [0.0, 1.5, 6.0]
    assert [at[Event.FAULT_UNDONE, name] for name in ("latency-1", "blackhole-2", "latency-3")] == [3.0, 5.5, 10.0]
    assert at[Event.FAULT_VERIFIED, "latency-1"] <= 5.0
    assert not outstanding(read_history(tmp_path))


def test_a_fault_that_cannot_be_injected_leaves_no_other_one_behind(tmp_path: Path) -> None:
    """The first is on when the second fails."""
    target = FakeTarget(broken=("blackhole",))
    with pytest.raises(TargetError, match="blackhole is broken"):
        run_many(tmp_path, target, call("latency", LATENCY), call("blackhole", {"edge": "web -> payments"}, at="2s"))
    assert target.delays == {}
    history = read_history(tmp_path)
    assert not outstanding(history)
    assert [r.data["id"] for r in history if r.event == Event.FAULT_FAILED] == ["blackhole-2", "latency-1"]


def test_leases_are_renewed_while_another_fault_heals_slowly(tmp_path: Path) -> None:
    """Nothing in an episode waits."""

    class Slow(FakeTarget):
        """A system whose killed process needs a while."""

        def is_ready(self, replica: str) -> bool:
            """Be ready after a few looks."""
            self.acts.append("looked")
            return self.acts.count("looked") > 4 and super().is_ready(replica)

    target = Slow()
    seen = run_many(
        tmp_path, target, call("kill", {"service": "cache", "down": "2s"}), call("latency", LATENCY, at="1s")
    )
    at = {(event, name): t_s for t_s, event, name in seen}
    assert (at[Event.FAULT_UNDONE, "kill-1"], at[Event.FAULT_VERIFIED, "kill-1"]) == (2.0, 7.0)
    assert target.acts.count("delay") == 9


def test_a_ramp_is_carried_out_by_the_renewals_and_proven_at_full_dose_only(tmp_path: Path) -> None:
    """A delay that rises to 2 s in four steps."""

    class Watched(FakeTarget):
        """A system that keeps every delay it was told."""

        def delay(self, edge: str, delay: Delay, *, lease_s: float) -> None:
            """Keep it."""
            told.append(delay.delay_s)
            super().delay(edge, delay, lease_s=lease_s)

    told: list[float] = []
    seen = run_many(tmp_path, Watched(), call("latency", LATENCY, ramp="4s"))
    assert told == [0.0, 0.5, 1.0, 1.5, *[2.0] * 6]
    assert [t_s for t_s, event, _ in seen if event == Event.FAULT_CONFIRMED] == [5.0]


def test_pulses_are_told_on_the_dot_and_rest_is_no_lack_of_effect(tmp_path: Path) -> None:
    """Two seconds on, a second and a half off."""
    target = FakeTarget()
    seen = run_many(tmp_path, target, call("latency", LATENCY, pulse={"full": "2s", "rest": "1.5s"}))
    assert [event for _, event, _ in seen].count(Event.FAULT_CONFIRMED) == 1
    assert Event.FAULT_INERT not in [event for _, event, _ in seen]


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
    assert str(failed.data["error"]).startswith("it could not be held: nobody renewed it for 6.0 s")
    assert str(failed.data["error"]).endswith("the proxy does not answer")
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
    with pytest.raises(TargetError, match=r"nobody renewed it for 5\.5 s.*does not answer"):
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
