"""The shop fails as it should without its mechanisms and holds with them, observed by a few dozen requests at once."""

from __future__ import annotations

import json
import re
from collections import Counter

import psutil
import pytest

from gameday.targets.protocol import Delay, TargetError
from system.target.running import CHECKOUT, LOGIN, Answer, Ask, Shop, send, wait_until

pytestmark = pytest.mark.system
EDGE = "web -> recommendations"


def products(shop: Shop, numbers: range, *, each: int) -> list[Answer]:
    """Ask for every product several times at once."""
    return send(Ask("GET", shop.url(f"/product/{number}")) for number in numbers for _ in range(each))


def origin(answers: list[Answer]) -> int:
    """Return how many queries the answers name."""
    return sum(int(answer.headers["X-Origin-Queries"]) for answer in answers)


def test_without_single_flight_every_miss_is_a_query(naive: Shop) -> None:
    """An emptied cache costs one query for each request that comes while the first runs."""
    naive.target.empty_cache("cache", None)
    answers = products(naive, range(1, 6), each=6)
    assert [answer.status for answer in answers] == [200] * 30
    assert origin(answers) == 30


def test_with_single_flight_one_query_serves_all_who_wait(hardened: Shop) -> None:
    """One query a product; the others share it and say so."""
    hardened.target.empty_cache("cache", None)
    answers = products(hardened, range(1, 6), each=6)
    assert [answer.status for answer in answers] == [200] * 30
    assert origin(answers) == 5
    assert Counter(answer.headers["X-Cache"] for answer in answers) == {"miss": 5, "shared": 25}


@pytest.mark.parametrize("variant", ["naive", "hardened"])
def test_the_database_counts_the_same_queries_as_the_answers(shop_that_runs: Shop, variant: str) -> None:
    """The application's count is confirmed by one that the application cannot touch."""
    shop_that_runs.begin(variant)
    before = shop_that_runs.count("database", "database_origin_queries_total")
    before_web = shop_that_runs.count("web", "origin_queries_total")
    answers = products(shop_that_runs, range(101, 111), each=3)
    named = origin(answers)
    assert shop_that_runs.count("web", "origin_queries_total") - before_web == named
    wait_until(
        lambda: shop_that_runs.count("database", "database_origin_queries_total") - before == named,
        what=f"{named} scans of the product table",
    )


def test_a_product_that_was_read_is_cached(hardened: Shop) -> None:
    """The second request is a hit."""
    first, second = (send([Ask("GET", hardened.url("/product/500"))])[0] for _ in range(2))
    assert (first.headers["X-Cache"], second.headers["X-Cache"]) == ("miss", "hit")


def test_checkout_starves_with_one_pool_for_all_calls(naive: Shop) -> None:
    """Slow recommendations hold the twenty slots, and checkout waits for one of them."""
    naive.target.delay(EDGE, Delay(2), lease_s=60)
    slow = [Ask("GET", naive.url("/recommendations/1"))] * 60
    answers = send([*slow, *([Ask("POST", naive.url("/checkout"), CHECKOUT)] * 5)])
    naive.target.heal(EDGE)
    assert [answer.status for answer in answers] == [200] * 65
    assert min(answer.took_s for answer in answers[60:]) >= 2


def test_checkout_does_not_notice_with_a_pool_for_each(hardened: Shop) -> None:
    """Recommendations fall back within their deadline, checkout is answered before they are."""
    hardened.target.delay(EDGE, Delay(20), lease_s=60)
    slow = [Ask("GET", hardened.url("/recommendations/1"))] * 60
    answers = send([*slow, *([Ask("POST", hardened.url("/checkout"), CHECKOUT)] * 5)])
    hardened.target.heal(EDGE)
    assert [answer.status for answer in answers] == [200] * 65
    assert all(answer.headers["X-Degraded"] == "fallback" for answer in answers[:60])
    assert all("X-Degraded" not in answer.headers for answer in answers[60:])
    assert max(answer.took_s for answer in answers) < 15


def test_a_full_queue_answers_at_once_and_says_when_to_come_back(hardened: Shop) -> None:
    """Without a fallback, who finds ten slots taken and twenty waiting gets 503 with its reason."""
    hardened.host.switch({"breaker": False, "deadlines": False})
    hardened.target.delay(EDGE, Delay(2), lease_s=60)
    answers = send([Ask("GET", hardened.url("/recommendations/1"))] * 40)
    hardened.target.heal(EDGE)
    rejected = [answer for answer in answers if answer.status == 503]
    assert len(rejected) == 10
    for answer in rejected:
        assert answer.headers["Retry-After"] == "1"
        assert answer.headers["X-Reject-Reason"] == "recommendations-queue-full"
        assert answer.took_s < 2
    assert hardened.count("web", "rejected_total") >= 10


def test_the_breaker_stops_calling_and_tries_again(hardened: Shop) -> None:
    """It opens when most calls fail, refuses without calling, and closes when a probe is answered."""
    hardened.target.delay(EDGE, Delay(20), lease_s=60)

    def opened() -> bool:
        send([Ask("GET", hardened.url("/recommendations/1"))] * 10)
        return hardened.target.metrics()["web"]['breaker_state{dependency="recommendations"}'] > 0

    wait_until(opened, what="the breaker to open")
    hardened.target.heal(EDGE)

    def healthy() -> bool:
        return "X-Degraded" not in send([Ask("GET", hardened.url("/recommendations/1"))])[0].headers

    wait_until(healthy, what="the breaker to close")


def test_a_callers_deadline_is_kept_and_passed_on(hardened: Shop) -> None:
    """With ten milliseconds left nobody waits for a query of half a second."""
    answer = send([Ask("GET", hardened.url("/product/700"), headers={"X-Deadline-Ms": "10"})])[0]
    assert answer.status == 504


@pytest.mark.parametrize("variant", ["naive", "hardened"])
def test_a_cache_that_is_killed_does_not_take_products_down(shop_that_runs: Shop, variant: str) -> None:
    """Until it is back, products come from the database."""
    shop_that_runs.begin(variant)
    pid = shop_that_runs.pid("cache")
    shop_that_runs.process("cache").kill()
    answers = products(shop_that_runs, range(1, 4), each=1)
    assert [answer.status for answer in answers] == [200] * 3
    wait_until(lambda: shop_that_runs.pid("cache") != pid, what="another cache")
    wait_until(lambda: shop_that_runs.target.cache_keys("cache", None) >= 0, what="the cache to answer")


def test_a_cache_that_hangs_does_not_take_products_down(hardened: Shop) -> None:
    """Nobody waits for it long; without leases, requests of one process still share a query."""
    cache = hardened.process("cache")
    cache.suspend()
    try:
        answers = products(hardened, range(1, 4), each=5)
    finally:
        cache.resume()
    assert [answer.status for answer in answers] == [200] * 15
    assert origin(answers) == 3


def test_the_services_count_every_request_once(hardened: Shop) -> None:
    """Requests sent equal requests counted, per route, whatever their answer was."""
    names = ("product", "login", "checkout", "recommendations")

    def counted() -> dict[str, float]:
        page = hardened.target.metrics()["web"]
        return {
            name: sum(v for k, v in page.items() if k.startswith("http_requests_total{") and f'route="{name}"' in k)
            for name in names
        }

    before = counted()
    answers = send(
        [
            *([Ask("GET", hardened.url("/product/1"))] * 7),
            *([Ask("POST", hardened.url("/login"), LOGIN)] * 6),
            *([Ask("POST", hardened.url("/login"), {**LOGIN, "password": "guess"})] * 2),
            *([Ask("POST", hardened.url("/checkout"), CHECKOUT)] * 5),
            Ask("POST", hardened.url("/checkout"), {"product": "seven"}),
            *([Ask("GET", hardened.url("/recommendations/3"))] * 4),
        ]
    )
    after = counted()
    assert Counter(answer.status for answer in answers) == {200: 22, 401: 2, 400: 1}
    assert [after[name] - before[name] for name in names] == [7, 8, 6, 4]


def test_a_client_that_leaves_is_counted_too(hardened: Shop) -> None:
    """Its request ends with code 499 and is no longer in flight."""
    hardened.host.switch({"deadlines": False, "breaker": False})
    hardened.target.delay(EDGE, Delay(1), lease_s=60)
    assert send([Ask("GET", hardened.url("/recommendations/3"))], patience_s=0.3)[0].status == 0
    key = 'http_requests_total{code="499",route="recommendations"}'
    wait_until(lambda: hardened.target.metrics()["web"].get(key, 0) == 1, what="code 499")
    hardened.target.heal(EDGE)
    assert hardened.count("web", "http_requests_in_flight") == 0


def test_mechanisms_are_switched_while_it_runs(naive: Shop) -> None:
    """What is switched shows at once; what is not named stays."""
    assert naive.target.metrics()["web"]['pool_limit{pool="outbound"}'] == 20
    naive.host.switch({"pool-per-dependency": True})
    page = naive.target.metrics()["web"]
    assert page['pool_limit{pool="recommendations"}'] == 10
    assert 'pool_limit{pool="outbound"}' not in page


def test_nothing_is_switched_when_one_name_is_wrong(hardened: Shop) -> None:
    """All or nothing."""
    with pytest.raises(TargetError, match="unknown"):
        hardened.host.switch({"breaker": False, "pool-per-dependencies": False})
    with pytest.raises(TargetError, match="nothing was switched"):
        hardened.host.switch({"breaker": "off"})  # type: ignore[dict-item]
    answer = send([Ask("GET", hardened.url("/control/config"))])[0]
    assert answer.status == 200
    assert 'pool_limit{pool="recommendations"}' in hardened.target.metrics()["web"]


def test_a_trace_and_a_request_id_go_all_the_way(hardened: Shop) -> None:
    """The logs of two services tell of the same trace and request; each has a span of its own."""
    trace, request = "4bf92f3577b34da6a3ce929d0e0e4736", "the-request-of-this-test"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01", "X-Request-Id": request}
    answer = send([Ask("POST", hardened.url("/checkout"), CHECKOUT, headers)])[0]
    assert answer.headers["X-Request-Id"] == request
    spans = set()
    for service in ("web", "payments"):
        lines = map(json.loads, (hardened.logs / f"{service}.log").read_text().splitlines())
        found = [line for line in lines if line.get("trace_id") == trace]
        assert [line["request_id"] for line in found] == [request]
        spans |= {line["span_id"] for line in found}
    assert len(spans) == 2


def test_no_secret_reaches_a_log_or_a_command_line(hardened: Shop) -> None:
    """Passwords of people and of stores stay where they belong."""
    send([Ask("POST", hardened.url("/login"), {**LOGIN, "password": password}) for password in ("wonderland", "guess")])
    environment = hardened.process("web").environ()
    secrets = [LOGIN["password"], "guess", environment["SHOP_DATABASE_PASSWORD"], environment["SHOP_CACHE_PASSWORD"]]
    text = "".join(path.read_text(errors="replace") for path in hardened.logs.iterdir())
    text += "".join(" ".join(process.cmdline()) for process in psutil.Process(hardened.host.pid).children())
    assert [secret for secret in secrets if secret in text] == []


def test_every_line_of_a_services_log_is_an_object_with_its_service(hardened: Shop) -> None:
    """Machines can read all of it."""
    send([Ask("GET", hardened.url("/product/2"))])
    for service in ("web", "recommendations", "payments", "pulse"):
        for line in (hardened.logs / f"{service}.log").read_text().splitlines():
            assert json.loads(line)["service"] == service
            assert re.match(r"\d+\.\d+", str(json.loads(line)["time_s"]))
