"""The life cycle of a fault: what is written before what is done, and what is undone whatever happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes import FakeClock, FakeTarget
from gameday.faults import catalogue
from gameday.record.history import Event, History, outstanding, read_history
from gameday.runner.env import Env
from gameday.runner.episode import INTENT_S, run_episode
from gameday.targets.protocol import Delay, Emptied, TargetError
from samples import planned
from unit.runner.episodes import LATENCY, ORIGIN_S, call, events, run, run_many


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


def test_the_history_says_who_was_killed_and_whose_they_were(tmp_path: Path) -> None:
    """A monkey draws that when it comes; of a pod's name nothing can be told later."""
    run_many(tmp_path, FakeTarget(), call("monkey", {"services": ["web"]}), call("kill", {"service": "cache"}, at="2s"))
    injected = [record.data for record in read_history(tmp_path) if record.event == Event.FAULT_INJECTED]
    assert [each["service"] for each in injected] == ["web", "cache"]
    assert all(each["killed"] for each in injected)


def test_the_history_says_whom_a_kill_left(tmp_path: Path) -> None:
    """Whether anybody could still answer follows from it."""
    target = FakeTarget()
    run_many(tmp_path, target, call("kill", {"service": "web"}))
    (data,) = (record.data for record in read_history(tmp_path) if record.event == Event.FAULT_INJECTED)
    killed, others = data["killed"], data["others"]
    assert isinstance(killed, dict)
    assert isinstance(others, list)
    assert (len(killed), {*killed, *others}) == (1, {*target.processes})


def test_leases_are_renewed_while_another_fault_heals_slowly(tmp_path: Path) -> None:
    """Nothing in an episode waits."""

    class Slow(FakeTarget):
        """A system whose killed process needs a while."""

        def is_ready(self, service: str, replica: str) -> bool:
            """Be ready after a few looks."""
            self.acts.append("looked")
            return self.acts.count("looked") > 4 and super().is_ready(service, replica)

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


def test_a_pulse_that_cannot_begin_at_once_is_borne_as_a_renewal_is(tmp_path: Path) -> None:
    """The next beat begins it; nothing is aborted, and the lease was never over."""
    clock, target = FakeClock(), FakeTarget()
    told = target.delay

    def delay(edge: str, delay: Delay, *, lease_s: float) -> None:
        if delay.delay_s and 113.4 <= clock.now_s < 114.2:
            raise TargetError("the proxy does not answer")
        told(edge, delay, lease_s=lease_s)

    target.delay = delay  # type: ignore[method-assign]
    pulsed = call("latency", LATENCY, pulse={"full": "2s", "rest": "1.5s"})
    kinds = [event for _, event, _ in run_many(tmp_path, target, pulsed, clock=clock)]
    assert Event.ERROR in kinds
    assert Event.FAULT_CONFIRMED in kinds
    assert not {Event.FAULT_FAILED, Event.FAULT_INERT} & set(kinds)


def test_a_fault_on_a_service_that_no_caller_is_connected_to_is_not_injected(tmp_path: Path) -> None:
    """Nothing is done to it, and the reason is on record."""
    target, clock = FakeTarget(unused=("payments",)), FakeClock()
    history = History(tmp_path, "worker", start_s=clock.now_s, monotonic_s=lambda: clock.now_s)
    plan = planned("scale", {"service": "payments", "replicas": 0}, target="kind", phases={"fault": "10s"})
    with pytest.raises(TargetError, match="no caller"):
        run_episode(plan.faults, catalogue(), target, history, clock.env(), origin_s=ORIGIN_S)
    history.close()
    (record,) = read_history(tmp_path)
    assert record.event == Event.FAULT_FAILED
    assert str(record.data["error"]).startswith("no caller: no connection of web to any replica of payments was seen")
    assert target.acts == []
