"""The page of a service is the sum of its replicas' pages, and its counters never fall."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gameday.targets.pages import ServicePage, parse_page

KEY = 'http_requests_total{code="200",route="login"}'


def test_a_page_is_read_into_samples() -> None:
    """Comments are left out; the key is everything before the last space."""
    text = f'# HELP x\n# TYPE x counter\n{KEY} 3.0\npool_limit{{pool="a b"}} 5.0\n'
    assert parse_page(text) == {KEY: 3.0, 'pool_limit{pool="a b"}': 5.0}


def test_counters_and_gauges_are_summed_and_the_worst_state_is_shown() -> None:
    """One open breaker is an open breaker."""
    state = 'breaker_state{dependency="cache"}'
    page = ServicePage().merged(
        {
            ("web-1", 1): {KEY: 3.0, "origin_in_flight": 2.0, state: 0.0},
            ("web-2", 2): {KEY: 4.0, "origin_in_flight": 1.0, state: 1.0},
        }
    )
    assert page == {KEY: 7.0, "origin_in_flight": 3.0, state: 1.0}


def test_what_a_dead_process_counted_stays_counted_and_what_it_held_is_gone() -> None:
    """Its successor counts from zero, the service does not."""
    service = ServicePage()
    service.merged({("web-1", 1): {KEY: 30.0, "pool_in_flight": 4.0}, ("web-2", 2): {KEY: 10.0, "pool_in_flight": 1.0}})
    assert service.merged({("web-2", 2): {KEY: 12.0, "pool_in_flight": 1.0}}) == {KEY: 42.0, "pool_in_flight": 1.0}
    restarted = service.merged(
        {("web-1", 9): {KEY: 1.0, "pool_in_flight": 0.0}, ("web-2", 2): {KEY: 13.0, "pool_in_flight": 0.0}}
    )
    assert restarted == {KEY: 44.0, "pool_in_flight": 0.0}


@given(st.lists(st.lists(st.tuples(st.sampled_from([1, 2]), st.integers(0, 9)), max_size=4), max_size=12))
def test_a_counter_never_falls_whoever_answers(readings: list[list[tuple[int, int]]]) -> None:
    """Whatever replicas answer in whatever order, as long as each process itself only counts up."""
    service, counts, before = ServicePage(), {1: 0, 2: 0}, 0.0
    for reading in readings:
        for number, more in reading:
            counts[number] += more
        page = service.merged({(f"web-{number}", number): {KEY: float(counts[number])} for number, _ in reading})
        assert page.get(KEY, 0.0) >= before
        before = page.get(KEY, 0.0)
