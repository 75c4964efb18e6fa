"""Windows come from what happened, not from what was planned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import JsonValue

from gameday.analysis.episodes import episodes
from gameday.analysis.windows import Window, Windows, windows
from gameday.experiment.plan import Plan
from gameday.record.history import Event, Record
from samples import planned
from simulator.world import shipped, story


def found(plan: Plan, history: tuple[Record, ...]) -> Windows:
    """Find the windows of a history."""
    return windows(plan, history, episodes(plan, history))


def moved(history: tuple[Record, ...], event: Event, t_s: float) -> tuple[Record, ...]:
    """Let an event happen at another time."""
    return tuple(replace(record, t_s=t_s) if record.event == event else record for record in history)


def test_a_step_is_cut_by_its_guards_from_inside() -> None:
    """Injected at 22.01 s, undone at 42.05 s, two seconds of guard."""
    plan = shipped("slow-recommendations", 1)
    seen = found(plan, story(plan))
    assert seen.shape == "step"
    assert (seen.baseline.start_s, seen.baseline.end_s) == (6.0, 22.0)
    assert (seen.fault.start_s, seen.fault.end_s) == (22.01, 42.0)
    assert (seen.steady.start_s, seen.steady.end_s) == pytest.approx((24.01, 40.0))
    assert seen.ended_s == 42.05
    assert (seen.recovery.start_s, seen.recovery.end_s) == pytest.approx((44.05, 56.0))


def test_a_fault_that_was_late_moves_its_window() -> None:
    """What was planned for 22 s and came at 25 s is judged from 27 s on; a late confirmation moves it further."""
    plan = shipped("slow-recommendations", 1)
    late = moved(moved(story(plan), Event.FAULT_INJECTED, 25.0), Event.FAULT_CONFIRMED, 25.5)
    assert found(plan, late).steady.start_s == 27.0
    assert found(plan, moved(late, Event.FAULT_CONFIRMED, 29.0)).steady.start_s == 29.0


def test_a_surge_is_on_from_its_first_second() -> None:
    """Requests that by chance come late are no surge that begins late: the load's own schedule says when it began."""
    plan = shipped("noisy-neighbour", 1)
    assert found(plan, moved(story(plan), Event.FAULT_CONFIRMED, 30.0)).steady.start_s == pytest.approx(24.01)


def test_a_fault_that_was_undone_early_ends_its_window() -> None:
    """The window ends a guard before the undo."""
    plan = shipped("slow-recommendations", 1)
    assert found(plan, moved(story(plan), Event.FAULT_UNDONE, 35.0)).steady.end_s == 33.0


def test_an_impulse_has_no_guards_and_recovery_counts_from_it() -> None:
    """The whole phase from the impulse on."""
    plan = shipped("cache-stampede", 1)
    seen = found(plan, story(plan))
    assert seen.shape == "impulse"
    assert seen.steady == replace(seen.fault, label="steady")
    assert (seen.fault.start_s, seen.fault.end_s) == (22.01, 42.0)
    assert seen.ended_s == 22.01


def test_an_impulse_is_looked_at_from_when_its_injection_begins() -> None:
    """What it did in the moments before the record of it is its doing."""
    plan = shipped("cache-stampede", 1)
    slow = tuple(
        replace(record, t_s=22.31, data={**record.data, "took_s": 0.3})
        if record.event == Event.FAULT_INJECTED
        else record
        for record in story(plan)
    )
    assert found(plan, slow).fault.start_s == pytest.approx(22.01)


def test_no_fault_is_compared_over_the_whole_phase() -> None:
    """None: no guards, and the recovery counts from the phase's end."""
    plan = shipped("none", 1)
    seen = found(plan, story(plan))
    assert seen.shape == "none"
    assert (seen.steady.start_s, seen.steady.end_s) == (22.0, 42.0)
    assert seen.ended_s == 42.0


def test_a_run_that_was_stopped_ends_every_window() -> None:
    """Interrupted at 30 s."""
    plan = shipped("none", 1)
    stop = Record(30.0, "supervisor", 1, Event.RUN_INTERRUPTED, {"signal": "SIGINT"})
    seen = found(plan, (*story(plan), stop))
    assert seen.stopped_s == 30.0
    assert seen.steady.end_s == 30.0
    assert seen.recovery.length_s == 0.0


def test_a_window_has_whole_seconds_and_a_remainder_joins_the_last() -> None:
    """15.99 s are fifteen clusters."""
    window = Window("w", 24.01, 40.0)
    assert window.seconds == 15
    assert window.second(np.array([24.01, 25.0, 25.02, 39.99])).tolist() == [0, 0, 1, 14]


def several(*calls: dict[str, JsonValue]) -> Plan:
    """Return a plan with several faults; its fault phase is from 22 s to 42 s."""
    return planned(method=list(calls))


def went(plan: Plan) -> tuple[Record, ...]:
    """Return the history of a run in which every fault was injected and undone as planned."""
    records = []
    for number, fault in enumerate(plan.faults, 1):
        data: dict[str, JsonValue] = {"id": f"{fault.fault}-{number}", "fault": fault.fault}
        times = (
            (Event.FAULT_INTENDED, 20.0),
            (Event.FAULT_INJECTED, fault.start_s),
            (Event.FAULT_CONFIRMED, fault.start_s + 1),
        )
        records += [Record(t_s, "worker", number, event, data) for event, t_s in times]
        records += [
            Record(fault.end_s, "worker", number, event, data) for event in (Event.FAULT_UNDONE, Event.FAULT_VERIFIED)
        ]
    return tuple(records)


SLOW: dict[str, JsonValue] = {"fault": "latency", "parameters": {"edge": "web -> payments", "delay": "1s"}}
LOST: dict[str, JsonValue] = {"fault": "blackhole", "parameters": {"edge": "web -> cache"}}
DEAD: dict[str, JsonValue] = {"fault": "kill", "parameters": {"service": "database"}}


def test_of_faults_that_overlap_the_time_counts_in_which_all_are_on() -> None:
    """And the recovery counts from the last undo."""
    plan = several({**SLOW, "timing": {"for": "14s"}}, {**LOST, "timing": {"at": "4s", "for": "12s"}})
    seen = found(plan, went(plan))
    assert (seen.fault.start_s, seen.fault.end_s) == (26, 36)
    assert (seen.steady.start_s, seen.steady.end_s) == (28, 34)
    assert (seen.baseline.end_s, seen.ended_s) == (22, 38)


def test_of_faults_in_sequence_the_time_from_the_first_to_the_last_counts() -> None:
    """They are never on together."""
    plan = several({**SLOW, "timing": {"for": "6s"}}, {**LOST, "timing": {"at": "8s", "for": "6s"}})
    seen = found(plan, went(plan))
    assert (seen.fault.start_s, seen.fault.end_s) == (22, 36)
    assert (seen.steady.start_s, seen.steady.end_s) == (24, 34)
    assert seen.ended_s == 36


def test_an_event_among_lasting_faults_counts_from_the_first_of_them_and_recovery_from_the_last() -> None:
    """No guards: the event is not steady."""
    plan = several({**SLOW, "timing": {"for": "6s"}}, {**DEAD, "timing": {"at": "9s"}})
    seen = found(plan, went(plan))
    assert seen.shape == "impulse"
    assert (seen.fault.start_s, seen.fault.end_s) == (22, 42)
    assert seen.ended_s == 31


def test_a_process_that_is_kept_down_is_a_step_that_ends_when_it_may_start() -> None:
    """A kill without it is an event."""
    plan = several({"fault": "kill", "parameters": {"service": "cache", "down": "8s"}, "timing": {"at": "1s"}})
    seen = found(plan, went(plan))
    assert (seen.shape, seen.fault.start_s, seen.fault.end_s, seen.ended_s) == ("step", 23, 31, 31)
