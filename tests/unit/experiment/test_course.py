"""When a planned fault is on, and how strong it is then."""

from __future__ import annotations

import json
import math

import pytest
from pydantic import JsonValue

from gameday.experiment.catalogue import PlannedFault
from gameday.experiment.course import compared, fault_window, intensity, next_change_s, scaled
from gameday.experiment.plan import Plan, read_plan
from samples import planned


def fault(**timing: JsonValue) -> PlannedFault:
    """Return a latency of 2 s with an entry's timing; the fault phase is from 22 s to 42 s."""
    return plan(**timing).faults[0]


def plan(**timing: JsonValue) -> Plan:
    """Return the plan of which it is part."""
    call = {
        "fault": "latency",
        "parameters": {"edge": "web -> payments", "delay": "2s", "jitter": "1s"},
        "timing": timing,
    }
    return planned(method=[call])


def test_a_fault_is_on_for_the_whole_phase_unless_its_entry_says_otherwise() -> None:
    """At and for count from the phase's start."""
    assert (fault().start_s, fault().end_s) == (22, 42)
    assert (fault(at="4s").start_s, fault(at="4s").end_s) == (26, 42)
    assert (fault(at="4s", **{"for": "8s"}).start_s, fault(at="4s", **{"for": "8s"}).end_s) == (26, 34)


def test_a_plan_with_times_reads_back_as_it_was_written() -> None:
    """The worker reads it from the run's folder."""
    written = plan(at="4s", pulse={"full": "2s", "rest": "3s"})
    assert read_plan(written.to_json()) == written


def test_the_plan_of_an_older_run_is_read() -> None:
    """What a fault says of itself since then is as it was before."""
    value = json.loads(plan().to_json())
    del value["faults"][0]["held"]
    assert read_plan(json.dumps(value)) == plan()


def test_without_a_ramp_the_full_dose_is_on_all_the_time() -> None:
    """And nothing ever changes."""
    assert intensity(fault(), 22.0) == 1
    assert next_change_s(fault(), 22.0) == math.inf


def test_a_ramp_rises_evenly_from_nothing_to_the_full_dose() -> None:
    """And stays there."""
    rising = fault(at="2s", ramp="5s")
    assert [intensity(rising, 24.0 + since_s) for since_s in (0, 1, 2.5, 5, 9)] == pytest.approx([0, 0.2, 0.5, 1, 1])
    assert (next_change_s(rising, 24.0), next_change_s(rising, 29.0)) == (29, math.inf)


def test_a_pulse_is_full_and_at_rest_in_turn() -> None:
    """It begins with the full dose."""
    pulsing = fault(pulse={"full": "2s", "rest": "3s"})
    assert [intensity(pulsing, 22.0 + since_s) for since_s in (0, 1.9, 2, 4.9, 5, 6.9, 7)] == [1, 1, 0, 0, 1, 1, 0]
    assert [next_change_s(pulsing, 22.0 + since_s) for since_s in (0, 2, 5)] == [24, 27, 29]


def test_a_share_of_the_dose_scales_what_carries_it() -> None:
    """The delay and its jitter; at rest there is neither."""
    assert scaled(fault(), 0.25).parameters == {"delay_s": 0.5, "jitter_s": 0.25}
    assert scaled(fault(), 0.0).parameters == {"delay_s": 0.0, "jitter_s": 0.0}


def test_faults_that_overlap_are_compared_while_all_of_them_are_on() -> None:
    """Others from the first begin to the last end."""
    assert compared([(22, 34), (26, 42)], 2) == (26, 34)
    assert compared([(22, 28), (30, 42)], 2) == (22, 42)
    assert compared([(22, 29), (26, 42)], 2) == (22, 42)


def test_what_is_compared_has_no_guards_when_a_single_event_is_among_the_faults() -> None:
    """It is counted from the first injection on."""
    kill = planned("kill", {"service": "cache"}).faults[0]
    assert fault_window([fault(at="4s"), kill], (22, 42), 2) == (22, 42, 0)
    assert fault_window([fault(at="4s")], (22, 42), 2) == (28, 40, 4)
    assert fault_window([], (22, 42), 2) == (22, 42, 0)
