"""Each class of backpressure has one decision rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gameday.analysis.classes import MEANINGS, Pressure, PressureClass, classify

CALM = Pressure(
    offered_per_s=100,
    answered_per_s=100,
    rejected_per_s=0,
    hung_per_s=0,
    slope_per_s2=0.0,
    fast_or_good=1.0,
    good_kept=1.0,
    good_after=1.0,
    after_s=14,
    degraded=0.0,
    admitted_slower=1.0,
    amplification=1.0,
    amplification_after=1.0,
    hits_lost_after=False,
)

CASES: dict[PressureClass, Pressure] = {
    "unpressed": CALM,
    "shed-fast": replace(CALM, answered_per_s=50, rejected_per_s=50, good_kept=0.5),
    "bounded-queue": replace(CALM, answered_per_s=60, rejected_per_s=40, good_kept=0.5, fast_or_good=0.7),
    "unbounded-queue": replace(CALM, answered_per_s=50, slope_per_s2=48.0, good_kept=0.0, fast_or_good=0.0),
    "hang-shedding": replace(CALM, answered_per_s=10, hung_per_s=88, good_kept=0.1, fast_or_good=0.1),
    "retry-storm": replace(CALM, answered_per_s=50, good_kept=0.5, fast_or_good=0.5, amplification=2.7),
    "collapsed": replace(CALM, answered_per_s=2, good_kept=0.02, fast_or_good=0.02, admitted_slower=None),
    "metastable": replace(CALM, good_kept=0.0, fast_or_good=0.0, good_after=0.1, amplification_after=2.5, after_s=20),
    "undecided": replace(CALM, answered_per_s=50, good_kept=0.5, fast_or_good=0.5, slope_per_s2=None),
}


@pytest.mark.parametrize("name", list(MEANINGS))
def test_every_class_is_reached_by_its_rule(name: PressureClass) -> None:
    """One example per class, and no class without one."""
    assert classify(CASES[name]) == name


def test_a_fallback_for_everybody_sheds_fast() -> None:
    """All answers good but degraded: the route is pressed, and bears it."""
    assert classify(replace(CALM, degraded=1.0)) == "shed-fast"


def test_a_route_that_stays_down_without_amplifying_is_not_metastable() -> None:
    """Without retries or lost hits nothing keeps up the load by itself."""
    assert classify(replace(CASES["metastable"], amplification_after=1.0)) != "metastable"


def test_a_short_look_after_the_pressure_cannot_call_it_metastable() -> None:
    """It takes ten seconds."""
    assert classify(replace(CASES["metastable"], after_s=5)) != "metastable"


def test_a_slope_between_flat_and_queueing_is_claimed_to_be_neither() -> None:
    """The excess is 40/s: a growth of 12/s is three tenths of it, of 2/s next to nothing, of 30/s a queue without a bound."""
    pressed = CASES["bounded-queue"]
    assert classify(replace(pressed, slope_per_s2=12.0)) == "undecided"
    assert classify(replace(pressed, slope_per_s2=2.0)) == "bounded-queue"
    assert classify(replace(pressed, slope_per_s2=30.0)) == "unbounded-queue"


def test_without_an_excess_no_queue_grows_whatever_the_noise_of_the_slope() -> None:
    """Everything is answered, only later."""
    slower = replace(CALM, admitted_slower=10.0, slope_per_s2=0.6)
    assert classify(slower) == "bounded-queue"
