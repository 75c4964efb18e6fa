"""The page of a service is the sum of its replicas' pages, and its counters never fall."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.targets.pages import Page, ServicePage, calls_to, parse_page
from gameday.targets.protocol import Calls, Uncounted
from samples import shop

OK = 'dependency_request_duration_seconds_bucket{dependency="payments",le="%s",outcome="ok"}'
DONE = 'dependency_requests_total{dependency="payments",outcome="%s"}'
KEY = 'http_requests_total{code="200",route="login"}'


def calls(page: Page) -> Calls | Uncounted | None:
    """Read what the shop's web counts of its calls to payments, as its system file maps it."""
    system = shop()
    return calls_to(("payments",), "web", page, system.services["web"].counters, system.callees("web"))


def test_a_page_is_read_into_samples() -> None:
    """Comments are left out; the key is everything before the last space."""
    text = f'# HELP x\n# TYPE x counter\n{KEY} 3.0\npool_limit{{pool="a b"}} 5.0\n'
    assert parse_page(text) == {KEY: 3.0, 'pool_limit{pool="a b"}': 5.0}


def test_counters_and_gauges_are_summed_and_the_worst_state_is_shown() -> None:
    """One open breaker is an open breaker."""
    state = 'breaker_state{dependency="cache"}'
    page = ServicePage(worst=["breaker_state"]).merged(
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


def test_a_caller_s_own_counters_are_read() -> None:
    """Zero is a count where it is published."""
    page = {OK % 0.1: 3.0, OK % "+Inf": 7.0, DONE % "ok": 7.0, DONE % "error": 2.0, DONE % "timeout": 1.0}
    assert calls(page) == Calls({0.1: 3, float("inf"): 7}, failed=3)
    idle = dict.fromkeys(page, 0.0)
    assert calls(idle) == Calls({0.1: 0, float("inf"): 0}, failed=0)


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"front_requests_total": 12.0, 'go_info{version="go1.26"}': 1.0},
        {OK % 0.1: 3.0},
        {DONE % "ok": 7.0},
        {'dependency_request_duration_seconds_bucket{le="0.1"}': 3.0, "dependency_requests_total": 7.0},
        {(OK % 0.1).replace("payments", "cache"): 3.0, (DONE % "ok").replace("payments", "cache"): 3.0},
    ],
    ids=["empty", "its own", "no outcomes", "no times", "no labels", "of another dependency"],
)
def test_no_counter_is_not_zero(page: Page) -> None:
    """A page that does not count the calls says nothing of them, and the proof is told what it has instead."""
    found = calls(page)
    assert isinstance(found, Uncounted)
    assert "web publishes no dependency_request" in found.reason
    assert calls_to(("payments",), "web", page, None, ["payments"]) is None, "nothing is mapped"


@pytest.fixture
def hasty() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before_s)


@pytest.mark.usefixtures("hasty")
def test_two_threads_may_read_a_service_at_once() -> None:
    """The sampler and the worker do, while replicas come and go."""
    service = ServicePage()

    def read(thread: int) -> float:
        for number in range(400):
            page = service.merged({(f"web-{thread}", number): {KEY: 1.0}})
            assert page[KEY] >= number + 1
        return page[KEY]

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(read, range(4))) == 1600


def test_a_page_that_was_read_earlier_and_comes_later_takes_nothing_back() -> None:
    """Two threads may pass each other between a page's reading and its counting."""
    service = ServicePage()
    service.merged({("web-1", 1): {KEY: 12.0}})
    assert service.merged({("web-1", 1): {KEY: 11.0}}) == {KEY: 12.0}
