"""A surge brings requests while it is on, and moves no other arrival."""

from __future__ import annotations

import pytest

from gameday.experiment.arrivals import Surge, arrivals
from gameday.experiment.model import Load
from samples import planned, shop

SURGE = Surge(start_s=20, end_s=40, rate_per_s=30)


def drawn(route: str, rates: dict[str, str], *surges: Surge) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Draw the arrivals of one of the shop's routes over a minute."""
    found = arrivals(
        route, shop().routes[route], Load.model_validate({"routes": rates}), duration_s=60, seed=3, surges=surges
    )
    return found.times_s, found.keys


def test_a_route_without_load_gets_requests_only_during_the_surge() -> None:
    """As many as the rate says, give or take Poisson's noise, each with a key."""
    times_s, keys = drawn("image", {"login": "60/s"}, SURGE)
    assert 20 <= times_s[0] < times_s[-1] < 40
    assert len(times_s) == pytest.approx(600, abs=5 * 600**0.5)
    assert len(keys) == len(times_s)


def test_what_came_before_comes_still_at_the_same_times_for_the_same_keys() -> None:
    """Runs with and without a surge can be compared request by request."""
    calm = set(zip(*drawn("product", {"product": "20/s"}), strict=True))
    surged = list(zip(*drawn("product", {"product": "20/s"}, SURGE), strict=True))
    assert calm <= set(surged)
    assert surged == sorted(surged)
    assert all(20 <= t_s < 40 for t_s, _ in set(surged) - calm)


def test_a_plan_offers_the_route_of_a_surge_beside_those_of_the_load() -> None:
    """At no rate of its own, from the fault phase's start to its end."""
    plan = planned("surge", {"route": "image", "rate": "10/s"})
    image = plan.routes[-1]
    fault, times_s = plan.phase("fault"), plan.arrivals("image").times_s
    assert (image.route, image.rate_per_s, image.scheduled) == ("image", 0.0, len(times_s))
    assert fault.start_s <= min(times_s) < max(times_s) < fault.end_s
