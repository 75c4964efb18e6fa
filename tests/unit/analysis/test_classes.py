"""Each class of backpressure has one decision rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gameday.analysis.classes import MEANINGS, Pressure, PressureClass, classify, sustained_by

CALM = Pressure(
    offered_per_s=100,
    answered_per_s=100,
    unserved_per_s=0,
    rejected_per_s=0,
    hung_per_s=0,
    failed_fast_per_s=0,
    slope_per_s2=(0.0, -0.5, 0.5),
    fast_or_good=1.0,
    good_kept=1.0,
    good_after=1.0,
    good_last=1.0,
    after_s=14,
    load_after=1.0,
    undone=True,
    degraded=0.0,
    admitted_slower=1.0,
    left=None,
    amplification=1.0,
    amplification_after=1.0,
    hits_lost_after=False,
)
HALF = replace(CALM, answered_per_s=50, unserved_per_s=50, good_kept=0.5, fast_or_good=0.5)
NONE = replace(CALM, answered_per_s=0, unserved_per_s=100, good_kept=0.0, fast_or_good=0.0, admitted_slower=None)

CASES: dict[PressureClass, Pressure] = {
    "unpressed": CALM,
    "shed-fast": replace(HALF, rejected_per_s=50, fast_or_good=1.0),
    "over-shedding": replace(NONE, rejected_per_s=100, fast_or_good=1.0, left=True),
    "erroring": replace(HALF, failed_fast_per_s=50),
    "bounded-queue": replace(HALF, answered_per_s=60, rejected_per_s=40, fast_or_good=0.7),
    "unbounded-queue": replace(NONE, answered_per_s=50, slope_per_s2=(48.0, 40.0, 56.0)),
    "hang-shedding": replace(HALF, answered_per_s=10, hung_per_s=88, good_kept=0.1, fast_or_good=0.1),
    "retry-storm": replace(HALF, amplification=2.7),
    "collapsed": replace(NONE, answered_per_s=2, good_kept=0.02, fast_or_good=0.02),
    "metastable": replace(NONE, good_after=0.1, good_last=0.1, after_s=20),
    "undecided": replace(HALF, slope_per_s2=None),
}


@pytest.mark.parametrize("name", list(MEANINGS))
def test_every_class_is_reached_by_its_rule(name: PressureClass) -> None:
    """One example per class, and no class without one."""
    assert classify(CASES[name]) == name


def test_a_fallback_for_everybody_sheds_fast() -> None:
    """All answers good but degraded: the route is pressed, and bears it."""
    assert classify(replace(CALM, degraded=1.0)) == "shed-fast"


@pytest.mark.parametrize(
    "changed",
    [
        {"after_s": 5.0},
        {"undone": False},
        {"load_after": 2.0},
        {"load_after": 0.0},
        {"good_last": 0.95},
        {"good_after": 0.95},
    ],
    ids=["a short look", "a fault that is on", "more load", "no load", "back at the end", "back"],
)
def test_metastable_is_only_what_stays_so_under_the_same_load_without_the_fault(changed: dict[str, Any]) -> None:
    """It takes ten seconds, and counters change nothing."""
    stuck = replace(CASES["metastable"], amplification_after=None)
    assert classify(stuck) == "metastable"
    assert classify(replace(stuck, **changed)) != "metastable"
    assert classify(replace(stuck, **changed, amplification_after=3.0, hits_lost_after=True)) != "metastable"


def test_counters_say_what_keeps_a_metastable_route_down() -> None:
    """Where there are any."""
    stuck = CASES["metastable"]
    assert (
        sustained_by(replace(stuck, amplification_after=2.5))
        == "kept up by retries: 2.50 times the usual calls per request"
    )
    assert sustained_by(replace(stuck, hits_lost_after=True)) == "kept up by lost cache hits"
    assert sustained_by(replace(stuck, amplification_after=None)) == "no counter shows what keeps it up"


def test_a_slope_whose_interval_contains_a_border_is_claimed_to_be_neither() -> None:
    """The excess is 40/s: above 20/s a queue grows, below 4/s none does."""
    pressed = CASES["bounded-queue"]
    borders = {
        (30.0, 22.0, 38.0): "unbounded-queue",
        (30.0, 18.0, 42.0): "undecided",
        (12.0, 10.0, 14.0): "undecided",
        (2.0, -2.0, 6.0): "undecided",
        (2.0, 1.0, 3.0): "bounded-queue",
    }
    assert {slope: classify(replace(pressed, slope_per_s2=slope)) for slope in borders} == borders


def test_without_an_excess_no_queue_grows_whatever_the_noise_of_the_slope() -> None:
    """Everything is answered, only later: 2/s are 2 % of the load."""
    slower = replace(CALM, admitted_slower=10.0)
    assert classify(replace(slower, slope_per_s2=(0.6, -0.6, 1.8))) == "bounded-queue"
    assert classify(replace(slower, slope_per_s2=(0.6, -3.0, 4.2))) == "undecided"


def test_what_is_late_without_being_refused_is_not_shed() -> None:
    """Nineteen of twenty are in time by themselves."""
    assert classify(replace(CALM, good_kept=0.96, fast_or_good=0.96)) == "bounded-queue"


def test_a_route_that_answers_everybody_late_has_not_collapsed() -> None:
    """It serves all it can, in a queue of which it is not known whether it grows."""
    late = replace(NONE, answered_per_s=95, slope_per_s2=(3.0, -8.0, 14.0))
    assert classify(late) == "undecided"


def test_who_waits_before_it_fails_is_in_a_queue() -> None:
    """Failures at once beside answers that take ten times as long: the queue is what costs users their time."""
    assert classify(replace(CASES["erroring"], admitted_slower=10.0)) == "bounded-queue"


def test_refusing_everybody_is_right_where_nothing_is_left_to_serve_or_that_is_not_known() -> None:
    """Only what is surely left makes it over-shedding."""
    refusing = CASES["over-shedding"]
    assert {left: classify(replace(refusing, left=left)) for left in (False, None)} == dict.fromkeys(
        (False, None), "shed-fast"
    )
