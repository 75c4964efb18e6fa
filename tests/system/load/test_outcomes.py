"""What becomes of a request, by what the server does with it."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import numpy as np
import pytest

from gameday.record.requests import UNKNOWN, Outcome
from system.load.loads import run
from system.load.plans import load_plan
from system.load.servers import Reply, Request, Server, answer, silent

pytestmark = pytest.mark.system

ONE = {"one": {"request": "GET /one"}}


def test_every_scheduled_request_of_every_route_has_one_row_at_its_time(tmp_path: Path) -> None:
    """Rows and ``plan.arrivals`` agree in number, time and order; the server saw each request once, with its key."""
    plan = load_plan(
        {
            "product": {"request": "GET /product/{id}?again={id}", "keys": "zipf(1.0, 20)", "cold": "10%"},
            "login": {"request": "POST /login", "body": {"user": "alice"}},
            "change": {"request": "PUT /change", "headers": {"X-Kind": "test"}},
        },
        rate="60/s",
        duration_s=2.0,
    )
    with Server(lambda _: answer()) as server:
        loaded = run(plan, tmp_path, server.url)
    for load in plan.routes:
        rows = loaded.rows[loaded.rows["route"] == load.index]
        drawn = plan.arrivals(load.route)
        assert rows["seq"].tolist() == list(range(load.scheduled))
        assert rows["scheduled_s"].tolist() == list(drawn.times_s)
        assert loaded.done.rows[load.route] == load.scheduled
        assert (rows["attempts"] == 1).all()
        seen = sorted(int(r.headers["x-request-id"].rpartition("-")[2]) for r in server.requests if _is(r, load.route))
        assert seen == list(range(load.scheduled))
    by_id = {request.headers["x-request-id"]: request for request in server.requests}
    for seq, key in enumerate(plan.arrivals("product").keys):
        assert by_id[f"product-{seq}"].target == f"/product/{key}?again={key}"
    assert by_id["login-0"].body == b'{"user": "alice"}'
    assert by_id["login-0"].headers["content-type"] == "application/json"
    assert by_id["change-0"].headers["x-kind"] == "test"
    assert loaded.outcomes(0).keys() <= {Outcome.OK, Outcome.LATE}


def _is(request: Request, route: str) -> bool:
    return request.headers["x-request-id"].rpartition("-")[0] == route


@pytest.mark.parametrize("request_line", ["GET /one", "POST /one"])
@pytest.mark.parametrize("reply", [Reply(close=True), Reply(reset=True)], ids=["closed", "reset"])
def test_each_connection_closed_without_an_answer_is_one_row_and_one_request(
    tmp_path: Path, request_line: str, reply: Reply
) -> None:
    """Nothing is sent again, whatever the method: a hundred closed connections are a hundred rows."""
    plan = load_plan({"one": {"request": request_line}}, rate="100/s", arrivals="constant")
    with Server(lambda _: reply) as server:
        loaded = run(plan, tmp_path, server.url)
    assert loaded.outcomes() == {Outcome.CONNECTION: 100}
    assert (loaded.rows["attempts"] == 1).all()
    assert (loaded.rows["status"] == 0).all()
    assert len(server.requests) == 100


def test_a_kept_connection_that_was_closed_while_idle_is_replaced_before_anything_is_sent(tmp_path: Path) -> None:
    """A server that closes after each answer without saying so loses no request and gets none twice."""
    plan = load_plan(ONE, rate="50/s", arrivals="constant", duration_s=2.0)
    with Server(lambda _: answer(close=True)) as server:
        loaded = run(plan, tmp_path, server.url)
    assert Outcome.CONNECTION not in loaded.outcomes()
    assert len(server.requests) == 100
    assert server.connections == 100


def test_refused_connections_are_rows_of_which_nothing_was_sent(tmp_path: Path) -> None:
    """Where nobody listens, no byte of a request leaves."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    loaded = run(load_plan(ONE, arrivals="constant"), tmp_path, url)
    assert loaded.outcomes() == {Outcome.CONNECTION: 50}
    assert (loaded.rows["attempts"] == 0).all()


def test_a_server_that_never_answers_gives_timeouts_after_the_hang_threshold(tmp_path: Path) -> None:
    """The client gives up after ``hang``; a request of the last instant is waited for as well."""
    plan = load_plan(ONE, rate="20/s", arrivals="constant", hang="500ms")
    with Server(silent) as server:
        loaded = run(plan, tmp_path, server.url)
    assert loaded.outcomes() == {Outcome.TIMEOUT: 20}
    assert (loaded.rows["service_s"] > 0.45).all()
    assert (loaded.rows["attempts"] == 1).all()
    assert np.median(loaded.rows["service_s"]) < 2.0


def test_the_hang_threshold_bounds_the_whole_answer_and_not_each_read(tmp_path: Path) -> None:
    """A server that lets an answer drip hangs its callers as much as one that says nothing."""
    drip = Reply((b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n", *(b"x" for _ in range(400))), pause_s=0.1)
    plan = load_plan(ONE, rate="10/s", arrivals="constant", hang="700ms")
    with Server(lambda _: drip) as server:
        loaded = run(plan, tmp_path, server.url)
    assert loaded.outcomes() == {Outcome.TIMEOUT: 10}


def test_an_answer_after_the_hang_threshold_never_answers_the_next_request(tmp_path: Path) -> None:
    """The connection of a request that was given up is not used again, or a later request would get its answer."""

    def slow(_: Request) -> Reply:
        server.closing.wait(1.5)
        return answer()

    plan = load_plan(ONE, rate="10/s", arrivals="constant", duration_s=3.0, hang="500ms")
    with Server(slow) as server:
        loaded = run(plan, tmp_path, server.url)
    assert loaded.outcomes() == {Outcome.TIMEOUT: 30}


def test_an_answer_after_the_deadline_is_late(tmp_path: Path) -> None:
    """The deadline counts from the scheduled start; the answer itself is a 200."""

    def slow(_: Request) -> Reply:
        server.closing.wait(0.3)
        return answer()

    plan = load_plan({"one": {"request": "GET /one", "deadline": "200ms"}}, rate="20/s", arrivals="constant")
    with Server(slow) as server:
        loaded = run(plan, tmp_path, server.url)
    assert loaded.outcomes() == {Outcome.LATE: 20}
    assert (loaded.rows["status"] == 200).all()


def test_answers_are_classified_and_their_headers_read(tmp_path: Path) -> None:
    """Status, X-Degraded, X-Origin-Queries and Retry-After reach the rows; redirects are errors and are not followed."""
    replies = {
        "degraded": answer(x_degraded="fallback", x_origin_queries="0"),
        "queried": answer(x_origin_queries="3"),
        "shed": answer(503, retry_after="2"),
        "limited": answer(429, retry_after="soon"),
        "broken": answer(500),
        "moved": answer(302, location="/shed"),
        "empty": answer(204, body=b""),
        "chunked": Reply((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\nok\r\n", b"0\r\n\r\n")),
        "interim": Reply((b"HTTP/1.1 103 Early\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")),
        "until-close": Reply((b"HTTP/1.1 200 OK\r\n\r\nok",), close=True),
        "cut": Reply((b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",), close=True),
        "garbage": Reply((b"What?\r\n\r\n",)),
    }
    plan = load_plan(
        {name: {"request": f"GET /{name}", "deadline": "30s"} for name in replies}, rate="10/s", hang="60s"
    )
    with Server(lambda request: replies[request.target[1:]]) as server:
        loaded = run(plan, tmp_path, server.url)
    expected = {
        "degraded": (Outcome.DEGRADED, 200, 0, None),
        "queried": (Outcome.OK, 200, 3, None),
        "shed": (Outcome.REJECTED, 503, UNKNOWN, 2.0),
        "limited": (Outcome.REJECTED, 429, UNKNOWN, None),
        "broken": (Outcome.ERROR, 500, UNKNOWN, None),
        "moved": (Outcome.ERROR, 302, UNKNOWN, None),
        "empty": (Outcome.OK, 204, UNKNOWN, None),
        "chunked": (Outcome.OK, 200, UNKNOWN, None),
        "interim": (Outcome.OK, 200, UNKNOWN, None),
        "until-close": (Outcome.OK, 200, UNKNOWN, None),
        "cut": (Outcome.CONNECTION, 0, UNKNOWN, None),
        "garbage": (Outcome.CONNECTION, 0, UNKNOWN, None),
    }
    for load in plan.routes:
        rows = loaded.rows[loaded.rows["route"] == load.index]
        outcome, status, origin, retry_after_s = expected[load.route]
        seen = {(Outcome(row["outcome"]), int(row["status"]), int(row["origin"])) for row in rows}
        assert (load.route, seen) == (load.route, {(outcome, status, origin)})
        if retry_after_s is None:
            assert np.isnan(rows["retry_after_s"]).all()
        else:
            assert (rows["retry_after_s"] == retry_after_s).all()
    assert len(server.requests) == sum(load.scheduled for load in plan.routes)


def test_an_answer_that_comes_before_the_request_was_read_counts(tmp_path: Path) -> None:
    """
    A server that sheds at the door answers and closes without reading; that is a rejection, not a lost connection.

    The body is larger than what the kernel keeps, so the client is still writing when it is cut off.
    """
    plan = load_plan({"one": {"request": "POST /one", "body": "x" * 6_000_000, "deadline": "30s"}}, rate="10/s")
    with Server(lambda _: answer(503, close=True), read_body=False) as server:
        loaded = run(plan, tmp_path, server.url)
    assert loaded.outcomes() == {Outcome.REJECTED: plan.routes[0].scheduled}


def test_requests_name_themselves_and_ask_for_nothing_that_blurs_them(tmp_path: Path) -> None:
    """Trace context, request id and deadline travel; no compression, no cookies, no redirects."""
    plan = load_plan(ONE, rate="20/s", arrivals="constant")
    with Server(lambda _: answer(set_cookie="a=b", content_encoding="identity")) as server:
        run(plan, tmp_path, server.url)
    for request in server.requests:
        assert "accept-encoding" not in request.headers
        assert "cookie" not in request.headers
        assert 0 <= int(request.headers["x-deadline-ms"]) <= 1000
    assert len({request.headers["traceparent"] for request in server.requests}) == 20


def test_response_times_of_a_stalled_server_count_from_the_schedule(tmp_path: Path) -> None:
    """
    While the whole server stalls for 1 s of 4 s, arrivals go on and each waits for its end.

    Analytic p95 at a constant rate: base + stall - (1 - 0.95) * 4 s = 0.8 s; whoever waits for answers before sending again
    sees a single slow request and a p95 of some milliseconds.
    """
    stalled_until_s: list[float] = []

    def stall_once(request: Request) -> Reply:
        if request.headers["x-request-id"] == "one-100":
            stalled_until_s.append(time.monotonic() + 1.0)
        if stalled_until_s:
            server.closing.wait(max(0.0, stalled_until_s[0] - time.monotonic()))
        return answer()

    plan = load_plan({"one": {"request": "GET /one"}}, rate="100/s", arrivals="constant", duration_s=4.0, hang="10s")
    with Server(stall_once) as server:
        loaded = run(plan, tmp_path, server.url)
    response_s = loaded.rows["lag_s"] + loaded.rows["service_s"]
    assert len(loaded.rows) == 400
    assert 0.7 < np.quantile(response_s, 0.95) < 2.0
    assert (response_s > 0.5).sum() > 40
    # They were sent in time and waited at the server, not in the generator.
    assert (loaded.rows["service_s"] > 0.3).sum() > 20


def test_locust_counts_what_the_rows_say(tmp_path: Path) -> None:
    """Locust's own statistics agree with the rows: requests but the dropped ones, failures but the answered ones."""
    replies = [answer(), answer(503), answer(500), Reply(close=True)]
    plan = load_plan({"one": {"request": "GET /one"}, "two": {"request": "POST /two"}}, rate="60/s")
    with Server(lambda request: replies[int(request.headers["x-request-id"][4:]) % 4]) as server:
        loaded = run(plan, tmp_path, server.url)
    for index, route in enumerate(loaded.done.routes):
        outcomes = loaded.outcomes(index)
        assert route.rows == plan.routes[index].scheduled
        assert route.locust_requests == route.rows - outcomes.get(Outcome.DROPPED, 0)
        assert route.locust_failures == sum(
            outcomes.get(outcome, 0) for outcome in (Outcome.REJECTED, Outcome.ERROR, Outcome.CONNECTION)
        )
        assert outcomes[Outcome.REJECTED] > 0
