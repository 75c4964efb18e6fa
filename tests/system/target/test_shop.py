"""The shop fails as it should without its mechanisms and holds with them, observed by a few dozen requests at once."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import partial

import psutil
import pytest

from gameday.targets.protocol import Delay, TargetError
from system.target.running import CHECKOUT, LOGIN, Answer, Ask, Shop, send, wait_until

pytestmark = pytest.mark.system
EDGE = "web -> recommendations"
WEB = ("web-1", "web-2")
UNHURRIED = {"deadlines": False}
"""For what claims nothing about deadlines, which a busy machine misses."""


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
    hardened.host.switch(UNHURRIED)
    hardened.target.empty_cache("cache", None)
    answers = products(hardened, range(1, 6), each=6)
    assert [answer.status for answer in answers] == [200] * 30
    assert origin(answers) == 5
    assert Counter(answer.headers["X-Cache"] for answer in answers) == {"miss": 5, "shared": 25}


@pytest.mark.parametrize("variant", ["naive", "hardened"])
def test_the_database_counts_the_same_queries_as_the_answers(shop_that_runs: Shop, variant: str) -> None:
    """The application's count is confirmed by one that the application cannot touch."""
    shop_that_runs.begin(variant)
    shop_that_runs.host.switch(UNHURRIED)
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
    hardened.host.switch(UNHURRIED)
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
    """Without a fallback, who finds the five slots of a replica taken and ten waiting gets 503 with its reason."""
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
    shop_that_runs.host.switch(UNHURRIED)
    pid = shop_that_runs.pid("cache")
    shop_that_runs.process("cache").kill()
    answers = products(shop_that_runs, range(1, 4), each=1)
    assert [answer.status for answer in answers] == [200] * 3
    wait_until(lambda: shop_that_runs.pid("cache") != pid, what="another cache")
    wait_until(lambda: shop_that_runs.target.cache_keys("cache", None) >= 0, what="the cache to answer")


def test_a_replica_of_web_that_is_killed_takes_only_what_it_held(hardened: Shop) -> None:
    """Whoever comes next is answered by the other one, and the dead one comes back."""
    pid = hardened.pid("web-1")
    killed = hardened.process("web-1")
    killed.kill()
    psutil.wait_procs([killed], timeout=10)
    for _ in range(20):
        answers = send([Ask("POST", hardened.url("/login"), LOGIN)] * 2)
        assert [answer.status for answer in answers] == [200] * 2
    wait_until(lambda: hardened.pid("web-1") != pid, what="another web-1")
    wait_until(lambda: all(hardened.target.is_ready("web", name) for name in WEB), what="both to be ready")


def test_a_replica_of_web_that_hangs_gets_no_more_connections(hardened: Shop) -> None:
    """Two probes are missed; then nobody waits for it."""
    hanging = hardened.process("web-2")
    hanging.suspend()
    try:

        def left_out() -> bool:
            answers = send([Ask("POST", hardened.url("/login"), LOGIN)] * 4, patience_s=2.0)
            return [answer.status for answer in answers] == [200] * 4

        wait_until(left_out, what="web-2 to be left out")
    finally:
        hanging.resume()


def test_one_replica_of_web_serves_without_the_mechanism(naive: Shop) -> None:
    """What is killed is then the only one there is."""
    assert [replica.name for replica in naive.target.replicas("web")] == ["web-1"]
    send([Ask("POST", naive.url("/login"), LOGIN)] * 10)
    logged = (naive.logs / "web-2.log").read_text()
    naive.host.reset()
    assert logged.count('"route": "login"') == (naive.logs / "web-2.log").read_text().count('"route": "login"')


def test_nobody_waits_for_a_database_that_is_away(hardened: Shop) -> None:
    """Who would need it is told at once, with when to come back; products that are cached are served."""
    hardened.target.kill("database", "database", lease_s=30)
    wait_until(lambda: hardened.target.edge("web -> database").live == 0, what="the end of every connection")
    try:
        login, checkout = send(
            [Ask("POST", hardened.url("/login"), LOGIN), Ask("POST", hardened.url("/checkout"), CHECKOUT)]
        )
        assert (login.status, checkout.status) == (503, 503)
        assert login.headers["X-Reject-Reason"] == "database-away"
        assert login.headers["Retry-After"] == "1"
        assert send([Ask("GET", hardened.url("/product/1"))])[0].status == 200
    finally:
        hardened.target.revive("database", "database")
    wait_until(lambda: send([Ask("POST", hardened.url("/login"), LOGIN)])[0].status == 200, what="a login")


def test_without_the_mechanism_everybody_waits_for_it(naive: Shop) -> None:
    """As connection pools do by default: the answer comes when the database is back."""
    naive.target.kill("database", "database", lease_s=2)
    wait_until(lambda: naive.target.edge("web -> database").live == 0, what="the end of every connection")
    answer = send([Ask("POST", naive.url("/login"), LOGIN)])[0]
    assert answer.status == 200
    assert answer.took_s >= 1  # the pause of a pool that dials again


def test_image_jobs_block_whatever_runs_in_the_same_process(naive: Shop) -> None:
    """Three jobs of 300 ms, and a login that comes with them."""
    jobs = [Ask("GET", naive.url(f"/image/{number}")) for number in (1, 2, 3)]
    *_, login = send([*jobs, Ask("POST", naive.url("/login"), LOGIN)])
    assert login.status == 200
    assert login.took_s >= 0.3


def test_image_jobs_in_a_process_of_their_own_block_nobody_and_are_bounded(hardened: Shop) -> None:
    """One is made, one waits, and the others are told at once."""
    hardened.host.switch(UNHURRIED)
    jobs = [Ask("GET", hardened.url(f"/image/{number}")) for number in range(1, 7)]

    def free() -> bool:
        *images, login = send([*jobs, Ask("POST", hardened.url("/login"), LOGIN)])
        assert Counter(image.status for image in images) == {200: 2, 503: 4}
        assert {image.headers.get("X-Reject-Reason") for image in images if image.status == 503} == {"images-refused"}
        assert login.status == 200
        return login.took_s < min(image.took_s for image in images if image.status == 200)

    assert free() or free(), "a busy machine may hold a login back once, jobs that block it do so each time"


def test_a_cache_that_hangs_does_not_take_products_down(hardened: Shop) -> None:
    """Nobody waits for it long; without leases, requests of one process of web still share a query."""
    cache = hardened.process("cache")
    cache.suspend()
    try:
        answers = products(hardened, range(1, 4), each=5)
        late = [answer for answer in answers if answer.status == 504]
        assert len(late) <= len(answers) / 3
        if late:  # a busy machine may miss the deadline, once
            answers = products(hardened, range(1, 4), each=5)
    finally:
        cache.resume()
    assert [answer.status for answer in answers] == [200] * 15
    assert 3 <= origin(answers) <= 2 * 3


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
    assert send([Ask("GET", hardened.url("/recommendations/3"))], patience_s=0.8)[0].status == 0
    key = 'http_requests_total{code="499",route="recommendations"}'
    wait_until(lambda: hardened.target.metrics()["web"].get(key, 0) == 1, what="code 499")
    hardened.target.heal(EDGE)
    assert hardened.count("web", "http_requests_in_flight") == 0


def test_mechanisms_are_switched_while_it_runs(naive: Shop) -> None:
    """What is switched shows at once; what is not named stays."""
    assert naive.target.metrics()["web"]['pool_limit{pool="outbound"}'] == 20
    naive.host.switch({"pool-per-dependency": True})
    page = naive.target.metrics()["web"]
    assert page['pool_limit{pool="recommendations"}'] == 5
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

    def logged(processes: tuple[str, ...]) -> list[dict[str, str]]:
        text = "".join((hardened.logs / f"{process}.log").read_text() for process in processes)
        lines = map(json.loads, text.splitlines())
        return [line for line in lines if line.get("trace_id") == trace]

    for processes in (WEB, ("payments",)):
        found = wait_until(partial(logged, processes), what="the line that is logged behind the answer")
        assert [line["request_id"] for line in found] == [request]
        spans |= {line["span_id"] for line in found}
    assert len(spans) == 2


def test_no_secret_reaches_a_log_or_a_command_line(hardened: Shop) -> None:
    """Passwords of people and of stores stay where they belong."""
    send([Ask("POST", hardened.url("/login"), {**LOGIN, "password": password}) for password in ("wonderland", "guess")])
    environment = hardened.process("web-1").environ()
    secrets = [LOGIN["password"], "guess", environment["SHOP_DATABASE_PASSWORD"], environment["SHOP_CACHE_PASSWORD"]]
    text = "".join(path.read_text(errors="replace") for path in hardened.logs.iterdir())
    text += "".join(" ".join(process.cmdline()) for process in psutil.Process(hardened.host.pid).children())
    assert [secret for secret in secrets if secret in text] == []


def test_every_line_of_a_services_log_is_an_object_with_its_service(hardened: Shop) -> None:
    """Machines can read all of it."""
    send([Ask("GET", hardened.url("/product/2"))])
    for service in (*WEB, "recommendations", "payments", "images", "pulse"):
        for line in (hardened.logs / f"{service}.log").read_text().splitlines():
            assert json.loads(line)["service"] == service
            assert re.match(r"\d+\.\d+", str(json.loads(line)["time_s"]))
