"""The bytes of a request, and the names it carries."""

from __future__ import annotations

import re

import pytest

from gameday.experiment.plan import Plan
from gameday.load.child.template import Template
from gameday.load.routes import LoadSpecError, route_specs
from gameday.load.schedule import Arrival
from gameday.load.trace import request_id, trace_id, traceparent
from gameday.load.wire import RouteSpec
from system.load.plans import load_plan

URLS = {"one": "http://127.0.0.1:8080"}


def _spec(route: dict[str, object], **secrets: str) -> RouteSpec:
    return route_specs(_plan(route), URLS, secrets)[0]


def _plan(route: dict[str, object]) -> Plan:
    return load_plan({"one": {"request": "GET /one", **route}})  # type: ignore[dict-item]  # tests also pass what is invalid


def test_a_get_is_written_with_its_key_and_names() -> None:
    """The whole request, byte by byte."""
    spec = _spec({"request": "GET /product/{id}?like={id}", "keys": "zipf(1.0, 9)", "deadline": "500ms"})
    request = Template(spec, seed=3).render(Arrival(1.0, 0, 12, 7), 0.1)
    assert request.decode() == (
        "GET /product/7?like=7 HTTP/1.1\r\n"
        "Host: 127.0.0.1:8080\r\nUser-Agent: gameday\r\nAccept: */*\r\n"
        f"traceparent: {traceparent(3, 'one', 12)}\r\nX-Request-Id: one-12\r\nX-Deadline-Ms: 400\r\n\r\n"
    )


def test_a_body_is_json_with_its_length_in_bytes() -> None:
    """Secrets are filled in before JSON escapes them."""
    spec = _spec({"request": "POST /one", "body": {"password": "${p}", "list": ["${p}", 1, None]}}, p='ü"')
    head, body = Template(spec, seed=1).render(Arrival(0.0, 0, 0, 0), 0.0).split(b"\r\n\r\n")
    assert body == b'{"password": "\\u00fc\\"", "list": ["\\u00fc\\"", 1, null]}'
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"Content-Type: application/json" in head


def test_a_post_without_a_body_says_so() -> None:
    """Some servers answer 411 otherwise."""
    assert b"Content-Length: 0\r\n" in Template(_spec({"request": "POST /one"}), seed=1).render(
        Arrival(0.0, 0, 0, 0), 0.0
    )


def test_declared_headers_replace_the_usual_ones() -> None:
    """Whatever their case; each is sent once."""
    spec = _spec({"headers": {"HOST": "shop.example", "accept": "text/plain", "Authorization": "Bearer ${t}"}}, t="x")
    request = Template(spec, seed=1).render(Arrival(0.0, 0, 0, 0), 0.0).decode()
    assert "HOST: shop.example\r\n" in request
    assert "accept: text/plain\r\n" in request
    assert "Authorization: Bearer x\r\n" in request
    assert request.lower().count("\r\nhost:") == request.lower().count("\r\naccept:") == 1


def test_a_request_that_is_sent_after_its_deadline_has_nothing_left() -> None:
    """Never a negative number."""
    assert b"X-Deadline-Ms: 0\r\n" in Template(_spec({}), seed=1).render(Arrival(0.0, 0, 0, 0), 5.0)


def test_a_base_url_may_have_a_path_and_needs_no_port() -> None:
    """Letters beyond ASCII are written as RFC 3986 wants them; the port of HTTP is not named."""
    spec = route_specs(_plan({"request": "GET /one/{id}", "keys": "zipf(1.0, 2)"}), {"one": "http://h/käse%20b/"}, {})[
        0
    ]
    assert (spec.host, spec.port, spec.target) == ("h", 80, "/k%C3%A4se%20b/one/{id}")
    assert b"Host: h\r\n" in Template(spec, seed=1).render(Arrival(0.0, 0, 0, 1), 0.0)


@pytest.mark.parametrize(
    ("route", "where"),
    [
        ({"headers": {"Authorization": "${token}"}}, "routes.one.headers.Authorization: the secret token"),
        ({"body": {"a": ["${token}"]}}, "routes.one.body.a: the secret token"),
        ({"headers": {"Content-Length": "3"}}, "routes.one.headers.Content-Length"),
        ({"headers": {"traceparent": "x"}}, "routes.one.headers.traceparent"),
        ({"headers": {"Not a name": "x"}}, "routes.one.headers.Not a name"),
        ({"headers": {"X": "a\r\nInjected: b"}}, "routes.one.headers.X"),
    ],
)
def test_what_cannot_be_sent_is_told_with_its_place(route: dict[str, object], where: str) -> None:
    """Before anything is started."""
    with pytest.raises(LoadSpecError, match=re.escape(where)):
        _spec(route)


def test_a_secret_that_would_break_a_header_is_not_told() -> None:
    """The text names the place, never the value."""
    with pytest.raises(LoadSpecError, match="Authorization") as caught:
        _spec({"headers": {"Authorization": "${token}"}}, token="abc\nX: def")  # noqa: S106 - a made-up value
    assert "abc" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://h", "127.0.0.1:80", "http://", "http://h:port", "http://user@h", ""])
def test_other_base_urls_are_refused(url: str) -> None:
    """Only plain HTTP is loaded."""
    with pytest.raises(LoadSpecError, match=re.escape("routes.one")):
        route_specs(_plan({}), {"one": url}, {})


def test_a_missing_base_url_is_told() -> None:
    """With the routes that have one."""
    with pytest.raises(LoadSpecError, match="there are some for two"):
        route_specs(_plan({}), {"two": "http://h"}, {})


def test_names_follow_from_seed_route_and_number_alone() -> None:
    """The report can compute the trace id of any row again; another seed, route or number has another."""
    assert request_id("one", 3) == "one-3"
    header = traceparent(1, "one", 3)
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", header)
    assert header[3:35] == trace_id(1, "one", 3)
    assert len({trace_id(*one) for one in ((1, "one", 3), (2, "one", 3), (1, "two", 3), (1, "one", 4))}) == 4
