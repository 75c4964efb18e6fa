"""The abort condition sees a burning route soon, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gameday.experiment.model import Abort
from gameday.record.requests import ROW, Outcome, Rows
from gameday.runner.safety import Burn, burn

ABORT = Abort.model_validate({"route": "login", "burn-rate": "> 10"})
TIMES_S = tuple(np.arange(0.0, 60.0, 1 / 50))
SETTLED_S = 2.0


def rows(outcomes: Mapping[Outcome, tuple[float, float]]) -> Rows:
    """Return a row for every request scheduled in one of the intervals, with its outcome."""
    found = [
        (outcome, t_s) for outcome, (start_s, end_s) in outcomes.items() for t_s in TIMES_S if start_s <= t_s < end_s
    ]
    made = np.zeros(len(found), ROW)
    made["outcome"], made["scheduled_s"] = [o for o, _ in found], [t for _, t in found]
    return made


def seen(outcomes: Mapping[Outcome, tuple[float, float]], now_s: float) -> Burn:
    """Measure at one moment."""
    return burn(rows(outcomes), TIMES_S, now_s=now_s, settled_s=SETTLED_S, abort=ABORT)


def test_a_healthy_route_never_burns() -> None:
    """Requests that are still open are no reason to end a run."""
    burning = [seen({Outcome.OK: (0, now_s - 0.2)}, now_s) for now_s in np.arange(5.0, 50.0)]
    assert [each for each in burning if each.exceeds(ABORT) or each.bad] == []


def test_requests_that_hang_without_a_row_are_noticed_within_seconds() -> None:
    """However long the client waits before it gives up: nothing is ever written about them."""
    noticed = [now_s for now_s in np.arange(20.0, 40.0) if seen({Outcome.OK: (0, 20)}, now_s).exceeds(ABORT)]
    assert 20 < noticed[0] <= 25
    assert len(noticed) == 40 - noticed[0]


def test_errors_count_like_hangs() -> None:
    """Any answer but a good one burns the budget."""
    assert seen({Outcome.OK: (0, 20), Outcome.ERROR: (20, 30)}, 30.0).exceeds(ABORT)


def test_an_outage_that_is_over_does_not_end_a_run() -> None:
    """The short window must burn as well."""
    healed = {Outcome.OK: (0, 20), Outcome.ERROR: (20, 24), Outcome.DEGRADED: (24, 60)}
    burning = seen(healed, 29.0)
    assert burning.long > ABORT.burn_rate.bound
    assert not burning.exceeds(ABORT)


def test_a_handful_of_bad_requests_is_believed_by_nobody() -> None:
    """Twenty at least, or one blip at a low rate would end a run."""
    assert not Burn(long=50, short=50, bad=19).exceeds(ABORT)
    assert Burn(long=50, short=50, bad=20).exceeds(ABORT)
