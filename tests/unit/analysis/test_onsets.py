"""When a signal left its baseline: the sum, its date and its alarm, on numbers and on requests whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gameday.analysis.case import Case, case
from gameday.analysis.internals import onsets
from gameday.analysis.model import Onset
from gameday.analysis.onsets import bad, control, cusum, degraded, lag, late, of_share, running
from gameday.record.requests import Outcome
from worlds.bazaar import Bazaar, Broken
from worlds.layers import Layer, failing, fallback, hiccup, lognormal, slower
from worlds.runs import DEADLINE_S, FAULT, INJECTED_S, QUIET, RATE_PER_S, World

MID_S = INJECTED_S + 8


def test_the_sum_never_falls_below_zero() -> None:
    """Page's recursion, S = max(0, S + w), whatever the weights."""
    weights = np.random.default_rng(1).normal(-0.2, 1.0, 500)
    sums, expected = [], 0.0
    for weight in weights:
        expected = max(0.0, expected + weight)
        sums.append(expected)
    assert running(weights) == pytest.approx(sums, abs=1e-9)


def test_a_change_is_dated_to_where_the_sum_last_left_zero() -> None:
    """A first excursion that does not alarm is no part of it; the largest sum is that before it is zero again."""
    crossing = cusum(np.array([2.0, -3.0, -1.0, 1.0, 2.0, -1.0, 3.0, -9.0, 50.0]), 4.0)
    assert crossing is not None
    assert (crossing.first, crossing.alarm, crossing.peak, crossing.largest) == (3, 6, 6, 5.0)
    assert cusum(np.array([2.0, -3.0, 2.0]), 4.0) is None
    assert cusum(np.zeros(0), 4.0) is None


def test_weights_of_a_share_fall_as_long_as_it_is_usual_and_rise_when_it_is_what_is_looked_for() -> None:
    """In the mean; half of the trials being hits leaves nothing to see."""
    hits = np.zeros(1000)
    hits[:20] = 1.0
    weights = of_share(np.ones(1000), hits, np.ones(1000, bool), 0.1)
    assert weights is not None
    hit, miss = float(weights[0]), float(weights[-1])
    assert 0.02 * hit + 0.98 * miss < 0 < 0.12 * hit + 0.88 * miss
    assert of_share(np.ones(10), np.ones(10), np.ones(10, bool), 0.1) is None


def seen(*layers: Layer, fault: str = "latency", **others: tuple[Layer, ...]) -> Case:
    """Return a run in which login does this."""
    return case(World({"login": layers, **others}, fault=fault).run(3))


@pytest.mark.parametrize("outcome", [Outcome.ERROR, Outcome.TIMEOUT])
def test_an_outage_is_dated_and_noticed_at_once(outcome: Outcome) -> None:
    """A failure is known when it comes, a hang at the deadline; four or five in a row are beyond doubt."""
    found = bad(seen(*QUIET["login"], failing(1, outcome, FAULT)), "login")
    assert found is not None
    known_s = INJECTED_S + (DEADLINE_S if outcome is Outcome.TIMEOUT else 0.0)
    assert found.at_s == pytest.approx(known_s, abs=3 / RATE_PER_S)
    assert found.alarm_s - found.at_s < 8 / RATE_PER_S
    assert found.lag_s == pytest.approx(found.at_s - INJECTED_S, abs=0.1)


def test_a_slowdown_is_dated_when_it_begins_in_mid_fault() -> None:
    """What does not begin with the fault is seen if it lasts."""
    found = late(seen(*QUIET["login"], slower(8, (MID_S, FAULT[1]))), "login")
    assert found is not None
    assert found.at_s == pytest.approx(MID_S, abs=0.5)


@pytest.mark.parametrize(
    "layers",
    [
        (),
        (slower(8, (MID_S, MID_S + 0.3)),),
        (slower(8, (INJECTED_S, INJECTED_S + 0.3)),),
        (slower(1.2, FAULT),),
        (failing(0.002, Outcome.ERROR, FAULT),),
    ],
    ids=["nothing", "a pause of 0.3 s", "a pause at the injection", "20 % slower", "two errors of a thousand"],
)
def test_what_does_not_matter_is_no_onset(layers: tuple[Layer, ...]) -> None:
    """Nothing, a pause, less than bulkheads accept, a few errors."""
    run = seen(*QUIET["login"], *layers)
    assert onsets(run) == ()


def test_answers_from_a_fallback_are_noticed_by_users() -> None:
    """They are good and fast, and yet not what was asked for."""
    run = seen(*QUIET["login"], fallback(FAULT))
    found = degraded(run, "login")
    assert found is not None
    assert found.at_s == pytest.approx(INJECTED_S, abs=0.1)
    assert [onset.kind for onset in onsets(run)] == ["degraded"]


def test_the_control_and_the_generator_have_onsets_of_their_own() -> None:
    """A node shows in the control route, a generator that stands still in its lag; by service nobody was late then."""
    slow = seen(*QUIET["login"], pulse=(lognormal(0.0012, 0.42), slower(5, FAULT)))
    moved = control(slow)
    assert moved is not None
    assert moved.at_s == pytest.approx(INJECTED_S, abs=0.5)
    stalled = seen(*QUIET["login"], hiccup(MID_S, 5.5))
    held = lag(stalled)
    assert held is not None
    assert held.at_s == pytest.approx(MID_S, abs=0.1)
    assert late(stalled, "login") is not None
    assert late(stalled, "login", by_service=True) is None


def by_kind(run: Case) -> dict[str, Onset]:
    """Return the first onset of each kind."""
    return {onset.kind: onset for onset in reversed(onsets(run))}


def test_an_emptied_cache_is_a_chain_of_what_services_publish() -> None:
    """Keys and misses between two samples, the route at its own time, in the order of cause and effect."""
    run = case(Bazaar(Broken(emptied=True), "empty-cache", query_s=0.2, slots=200).run(5))
    found = by_kind(run)
    assert [onset.kind for onset in onsets(run)][:3] == ["keys", "hits", "late"]
    assert found["keys"].subject == "shelf"
    assert found["keys"].text.startswith("shelf ")
    assert all(found[kind].at_s == pytest.approx(INJECTED_S, abs=0.1) for kind in ("keys", "hits"))
    assert all(found[kind].seen_s == pytest.approx(22.37, abs=0.01) for kind in ("keys", "hits"))
    assert found["late"].subject == "browse"


def test_a_system_without_counters_has_only_its_routes() -> None:
    """The same run without its pages."""
    run = Bazaar(Broken(emptied=True), "empty-cache", query_s=0.2, slots=200, counted=False).run(5)
    assert {onset.kind for onset in onsets(case(run))} == {"late"}


def test_a_run_that_never_came_to_its_fault_has_no_onset() -> None:
    """Nothing was sent, or nothing is on record."""
    run = World({}).run(1)
    assert onsets(case(replace(run, rows=run.rows[:0], history=()))) == ()
