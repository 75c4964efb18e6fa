"""The local target does what the protocol promises, on real processes."""

from __future__ import annotations

import http.client
import threading

import pytest

from gameday.targets.protocol import Calls, Delay, TargetError
from system.target.running import Ask, Shop, running, send, wait_until

pytestmark = pytest.mark.system
EDGE = "web -> recommendations"
ALL_EDGES = ("load -> web", "load -> pulse", "web -> cache", "web -> database", "web -> payments", EDGE)


@pytest.mark.parametrize("edge", ALL_EDGES)
def test_a_canary_passes_every_edge(hardened: Shop, edge: str) -> None:
    """The canary goes through the edge's proxy and is answered."""
    before = hardened.target.edge(edge).connections
    assert hardened.target.canary_s(edge) < 3
    assert hardened.target.edge(edge).connections == before + 1


@pytest.mark.parametrize("edge", ALL_EDGES)
def test_a_delay_adds_what_was_asked_for(hardened: Shop, edge: str) -> None:
    """Answers on a delayed edge come no sooner than asked, and not much later."""
    hardened.target.delay(edge, Delay(0.4), lease_s=20)
    try:
        assert 0.4 <= hardened.target.canary_s(edge) < 2
        assert hardened.target.edge(edge).delay == Delay(0.4)
        assert hardened.target.edge(edge).delayed > 0
    finally:
        hardened.target.heal(edge)
    assert hardened.target.edge(edge).delay is None


def test_a_delay_stays_within_its_jitter(hardened: Shop) -> None:
    """Uniform around the delay: never below delay minus jitter, and not constant."""
    hardened.target.delay(EDGE, Delay(0.1, 0.05), lease_s=20)
    took_s = [hardened.target.canary_s(EDGE) for _ in range(12)]
    hardened.target.heal(EDGE)
    assert min(took_s) >= 0.05
    assert max(took_s) - min(took_s) > 0.01


def test_a_delay_touches_no_other_edge(hardened: Shop) -> None:
    """Another edge of the same caller is as fast as before."""
    hardened.target.delay(EDGE, Delay(5), lease_s=20)
    try:
        assert hardened.target.canary_s("web -> payments") < 3
        assert hardened.target.edge("web -> payments").delay is None
    finally:
        hardened.target.heal(EDGE)


def test_a_delay_ends_by_itself_when_its_lease_does(hardened: Shop) -> None:
    """Nobody has to be alive to undo it."""
    hardened.target.delay(EDGE, Delay(2), lease_s=0.5)
    wait_until(lambda: hardened.target.edge(EDGE).delay is None, what="the end of the lease")
    assert hardened.target.canary_s(EDGE) < 2


def test_a_renewed_lease_goes_on(hardened: Shop) -> None:
    """The second call's lease counts, not the first's."""
    hardened.target.delay(EDGE, Delay(0.3), lease_s=0.2)
    hardened.target.delay(EDGE, Delay(0.3), lease_s=60)
    assert hardened.target.canary_s(EDGE) >= 0.3
    assert hardened.target.canary_s(EDGE) >= 0.3
    hardened.target.heal(EDGE)


def test_connections_that_were_open_are_delayed_and_healing_lets_held_answers_go(hardened: Shop) -> None:
    """A delay of a minute that is healed does not last a minute."""
    host, port = hardened.target.url("pulse").removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    connection.request("GET", "/pulse")
    assert connection.getresponse().read()
    before = hardened.target.edge("load -> pulse").delayed
    hardened.target.delay("load -> pulse", Delay(60), lease_s=120)
    answers: list[bytes] = []

    def ask() -> None:
        connection.request("GET", "/pulse")
        answers.append(connection.getresponse().read())

    asking = threading.Thread(target=ask)
    asking.start()
    wait_until(lambda: hardened.target.edge("load -> pulse").delayed > before, what="a held answer")
    assert answers == []
    hardened.target.heal("load -> pulse")
    asking.join(20)
    assert answers == [b'{"pulse": "ok"}']
    connection.close()


def test_healing_twice_is_healing_once(hardened: Shop) -> None:
    """Nothing to heal is no error."""
    hardened.target.heal(EDGE)
    hardened.target.heal(EDGE)
    assert hardened.target.edge(EDGE).delay is None


def test_the_callers_own_counters_show_the_delay(naive: Shop) -> None:
    """What the fault did is proven by the target's own signal, not by the proxy's."""
    before = naive.target.calls(EDGE)
    naive.target.delay(EDGE, Delay(0.6), lease_s=20)
    send([Ask("GET", naive.url(f"/recommendations/{number}")) for number in range(1, 6)])
    naive.target.heal(EDGE)
    after = naive.target.calls(EDGE)
    assert isinstance(before, Calls)
    assert isinstance(after, Calls)
    assert after.answered[float("inf")] - before.answered[float("inf")] == 5
    assert after.answered[0.5] == before.answered[0.5]


def test_calls_that_ran_into_their_deadline_count_as_failed(hardened: Shop) -> None:
    """A call that was made and not answered is a failed call."""
    before = hardened.target.calls(EDGE)
    hardened.target.delay(EDGE, Delay(5), lease_s=20)
    send([Ask("GET", hardened.url("/recommendations/1")) for _ in range(3)])
    hardened.target.heal(EDGE)
    after = hardened.target.calls(EDGE)
    assert isinstance(before, Calls)
    assert isinstance(after, Calls)
    assert after.failed - before.failed == 3


def test_nobody_counts_the_calls_of_the_load(hardened: Shop) -> None:
    """The caller from outside has no metrics page."""
    assert hardened.target.calls("load -> web") is None


def test_emptying_the_cache_tells_how_many_keys_there_were(hardened: Shop) -> None:
    """A reset has put the usual products there; the emptying leaves none."""
    assert hardened.target.cache_keys("cache", None) == 20
    emptied = hardened.target.empty_cache("cache", None)
    assert (emptied.before, emptied.after) == (20, 0)
    assert hardened.target.cache_keys("cache", None) == 0


def test_emptying_a_prefix_spares_other_keys(hardened: Shop) -> None:
    """Only keys under the prefix go; characters that Redis's patterns know are only characters."""
    assert hardened.target.cache_keys("cache", "product:1") == 11
    assert hardened.target.cache_keys("cache", "product:*") == 0
    emptied = hardened.target.empty_cache("cache", "product:1")
    assert (emptied.before, emptied.after) == (11, 0)
    assert hardened.target.cache_keys("cache", None) == 9


def test_every_page_is_scraped(hardened: Shop) -> None:
    """Services, stores and the node have their pages."""
    pages = hardened.target.metrics()
    assert set(pages) == {"web", "recommendations", "payments", "images", "pulse", "cache", "database", "node"}
    assert pages["cache"] == {"cache_keys": 20}
    assert pages["database"]["database_connections_limit"] == 240
    assert pages["web"]['pool_limit{pool="catalogue"}'] == 2 * 40
    assert pages["node"][f'proxy_delayed_total{{edge="{EDGE}"}}'] >= 0


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda shop: shop.target.canary_s("web -> nowhere"), "valid: load -> web"),
        (lambda shop: shop.target.delay("pulse -> web", Delay(1), lease_s=1), "unknown edge"),
        (lambda shop: shop.target.cache_keys("database", None), "valid: cache"),
        (lambda shop: shop.target.url("cache"), "valid: web, pulse"),
        (lambda shop: shop.host.switch({"braker": True}), "did you mean breaker"),
    ],
)
def test_a_wrong_name_is_told_with_what_would_be_valid(hardened: Shop, call: object, text: str) -> None:
    """Errors name the valid ones."""
    assert callable(call)
    with pytest.raises(TargetError, match=text):
        call(hardened)


def test_a_share_of_the_connections_can_bypass_the_proxy(tmp_path_factory: pytest.TempPathFactory) -> None:
    """It exists to show that a fault which misses half of them is noticed."""
    with running(tmp_path_factory.mktemp("logs"), bypass={EDGE: "50%"}) as shop:
        shop.begin("naive")
        shop.target.delay(EDGE, Delay(1), lease_s=30)
        answers = send([Ask("GET", shop.url("/recommendations/1")) for _ in range(8)])
        slow = [answer for answer in answers if answer.took_s >= 1]
        assert len(slow) == 4


def test_a_system_that_is_gone_is_told_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A target whose node ended raises instead of hanging."""
    with running(tmp_path_factory.mktemp("logs")) as shop:
        target = shop.target
    with pytest.raises(TargetError, match="start it again"):
        target.edge(EDGE)
