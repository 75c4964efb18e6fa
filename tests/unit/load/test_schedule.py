"""The merged schedule holds every arrival once, by time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gameday.load.schedule import Arrival, from_bytes, merge, walk

TIMES = st.lists(st.floats(0, 100, allow_nan=False), max_size=30).map(sorted)


@given(st.lists(TIMES, max_size=4))
def test_merging_keeps_every_arrival_and_orders_by_time(routes: list[list[float]]) -> None:
    """Each route's own sequence is unchanged, numbered from 0, with its keys."""
    arrivals = list(
        walk(from_bytes(merge([(times, [i + 1 for i, _ in enumerate(times)]) for times in routes]).tobytes()))
    )
    assert [arrival.scheduled_s for arrival in arrivals] == sorted(t for times in routes for t in times)
    for index, times in enumerate(routes):
        mine = [arrival for arrival in arrivals if arrival.route == index]
        assert mine == [Arrival(t, index, seq, seq + 1) for seq, t in enumerate(times)]


def test_routes_without_keys_have_key_zero_and_ties_keep_the_order_of_routes() -> None:
    """Two arrivals of the same instant are sent in the order of the plan."""
    assert list(walk(merge([([1.0], []), ([1.0], [9])]))) == [Arrival(1.0, 0, 0, 0), Arrival(1.0, 1, 0, 9)]


def test_long_schedules_are_walked_to_their_end() -> None:
    """More arrivals than are turned into Python objects at once."""
    assert [arrival.seq for arrival in walk(merge([([float(i) for i in range(10_000)], [])]))] == list(range(10_000))
