"""A threshold that the planned sample cannot decide is refused, with the rate or the phase that could."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday.experiment.samples import needed, smallest_share
from unit.experiment.small_files import problems


@pytest.mark.parametrize(
    ("bad_share", "least"), [(0.05, 90), (0.01, 459), (0.005, 919), (0.001, 4603), (1.0, 1), (0.0, None)]
)
def test_requests_needed_follow_the_exact_bound_of_no_events(bad_share: float, least: int | None) -> None:
    """With nothing bad in n requests the 99 % bound is 1 - 0.01^(1/n)."""
    assert needed(bad_share) == least
    if least is not None and least > 1:
        assert smallest_share(least) <= bad_share < smallest_share(least - 1)


def test_a_clean_sample_of_a_recovery_at_sixty_a_second_bounds_half_a_percent() -> None:
    """The figure that the plan prints for the experiments that ship."""
    assert smallest_share(840) == pytest.approx(0.00547, abs=1e-5)
    assert smallest_share(0) == 1


def test_what_is_proposed_is_enough(tmp_path: Path) -> None:
    """The rate and the lengths that the problem names make it go away."""
    spoil = ('good: "> 97%"}\nmethod', 'good: "> 99.9%"}\nmethod')
    (found,) = problems(tmp_path, spoil)
    assert found.valid == (
        "needs n >= 4603: raise load.routes.look to 329/s or "
        "phases.baseline to 47s, phases.recovery to 47s, phases.fault to 51s"
    )
    assert problems(tmp_path, spoil, ("look: 100/s", "look: 329/s")) == ()
    longer = (("baseline: 16s", "baseline: 47s"), ("fault: 20s", "fault: 51s"), ("recovery: 14s", "recovery: 47s"))
    assert problems(tmp_path, spoil, *longer) == ()


def test_guards_are_not_part_of_a_lasting_fault_s_window(tmp_path: Path) -> None:
    """60/s over 20 s are 1200 requests, but only 960 between the guards; 57/s are 912 and too few for 0.5 %."""
    assert problems(tmp_path, ("buy: 100/s", "buy: 60/s")) == ()
    (found,) = problems(tmp_path, ("buy: 100/s", "buy: 57/s"))
    assert found.valid == "needs n >= 919: raise load.routes.buy to 58/s or phases.fault to 21s"


def test_an_impulse_is_judged_over_the_whole_phase(tmp_path: Path) -> None:
    """Emptying a cache has no guards: 46/s over 20 s are 920."""
    edits = [
        ("- latency: {edge: web -> stock, delay: 2s}", "- empty-cache: {service: cache}"),
        ("buy: 100/s", "buy: 46/s"),
    ]
    assert problems(tmp_path, *edits) == ()


EVENT = (
    "- latency: {edge: web -> stock, delay: 2s}\nexpect:\n  bulkhead: {isolated: [buy]}\n  backpressure: {routes: [look]}\n",
    '- kill: {service: web}\nexpect:\n  outage: {routes: [look], lost: "< 1s"}\n',
)


def test_what_an_event_costs_needs_enough_requests_beforehand(tmp_path: Path) -> None:
    """An outage is judged from 200 requests on, in the baseline and in the fault phase; the lengths that are named are enough."""
    few = (
        ('good: "> 97%"}\nmethod', 'good: "> 50%"}\nmethod'),
        ("decides: bulkhead.buy.errors", "decides: outage.look.lost"),
        EVENT,
    )
    (found,) = problems(tmp_path, ("look: 100/s", "look: 9/s"), *few)
    assert found.message == "the planned sample cannot decide what look loses"
    assert found.valid == (
        "needs n >= 200: raise load.routes.look to 13/s or phases.baseline to 23s, phases.fault to 23s"
    )
    longer = (("baseline: 16s", "baseline: 23s"), ("fault: 20s", "fault: 23s"))
    assert problems(tmp_path, ("look: 100/s", "look: 9/s"), *few, *longer) == ()
    assert problems(tmp_path, ("look: 100/s", "look: 13/s"), *few) == ()


def test_a_share_that_one_event_changes_needs_as_many_requests_as_its_judging(tmp_path: Path) -> None:
    """The value of a single event is judged from 200 requests on, however many fewer its threshold would need."""
    decides = ("decides: bulkhead.buy.errors", "decides: outage.look.lost")
    spared = (EVENT[0], '- kill: {service: stock}\nexpect:\n  outage: {routes: [look], lost: "< 1s"}\n')
    few = (
        ('p95: "< 250ms", good: "> 97%"', 'good: "> 90%"'),
        ("buy: 100/s", "buy: 9/s"),
        ('burn-rate: "> 10"', 'burn-rate: "> 9"'),
    )
    (found,) = problems(tmp_path, *few, decides, spared)
    assert found.message == "the planned sample cannot decide good > 90%"
    assert found.valid == "needs n >= 200: raise load.routes.buy to 10/s or phases.fault to 23s"
