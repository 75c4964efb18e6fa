"""What the live view counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.load.child.live import RouteLive
from gameday.load.wire import RouteTick
from gameday.record.requests import Outcome


def test_outcomes_are_counted_since_the_start_and_add_up() -> None:
    """Degraded answers are good, and counted apart as well; dropped and censored arrivals are bad without a response time."""
    live = RouteLive("one")
    for outcome in Outcome:
        live.offer()
        live.end(outcome, 0.1)
    live.offer()
    expected = RouteTick("one", offered=10, good=2, degraded=1, rejected=1, bad=5, hung=1, p95_s=live._p95_s())
    assert live.tick() == expected
    assert expected.p95_s == pytest.approx(0.1, rel=0.05)


@given(st.lists(st.floats(1e-4, 60), min_size=1, max_size=200))
def test_p95_is_at_most_five_percent_too_high(responses_s: list[float]) -> None:
    """Against the exact quantile (inverse of the empirical distribution)."""
    live = RouteLive("one")
    for response_s in responses_s:
        live.end(Outcome.OK, response_s)
    exact_s = float(np.quantile(responses_s, 0.95, method="inverted_cdf"))
    p95_s = live.tick().p95_s
    assert p95_s is not None
    assert exact_s * 0.999 <= p95_s <= exact_s * 1.051


def test_p95_forgets_after_five_seconds() -> None:
    """Ten ticks are five seconds; without anything that ended there is no p95."""
    live = RouteLive("one")
    live.end(Outcome.OK, 1.0)
    seen = [live.tick().p95_s for _ in range(11)]
    assert all(seen[:10])
    assert seen[10] is None
