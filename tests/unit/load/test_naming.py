"""Requests of a locustfile find the route of the system that they stand for, by the names that their file gives them."""

from __future__ import annotations

import pytest

from gameday.load.child.naming import MANY, MOST_NAMES, Names
from gameday.load.wire import RouteSpec

ROUTES = (
    RouteSpec("product", "GET", "/product/{id}", "", 0, 1.0),
    RouteSpec("login", "POST", "/login", "", 0, 1.0),
    RouteSpec("search", "GET", "/search?q={id}", "", 0, 1.0),
)


def names(**told: str) -> Names:
    """Return names that the experiment tells some of."""
    return Names(ROUTES, told)


@pytest.mark.parametrize(
    ("method", "name", "route"),
    [
        ("GET", "/product/17", 0),
        ("GET", "/product/[id]", 0),
        ("GET", "/product/{id}", 0),
        ("GET", "/product/17?page=2", 0),
        ("GET", "http://127.0.0.1:8000/product/17?page=2", 0),
        ("GET", "product", 0),
        ("OWN", "login", 1),
        ("POST", "/login", 1),
        ("", "POST /login", 1),
        ("GET", "/search?q=shoes", 2),
        ("GET", "/search", 2),
        ("GET", "/product/17/reviews", None),
        ("GET", "/product/", None),
        ("POST", "/product/17", None),
        ("GET", "/login", None),
        ("GET", "/LOGIN", None),
        ("GET", "", None),
    ],
)
def test_a_request_stands_for_a_route_by_its_name_or_by_method_and_path(
    method: str, name: str, route: int | None
) -> None:
    """The one part of a path that a key fills may be anything, as people write it."""
    index, new = names().find(method, name)
    assert (index, new is None) == (len(ROUTES) if route is None else route, route is not None)


def test_what_the_experiment_says_comes_first() -> None:
    """Even of a name that would stand for another route."""
    assert Names(ROUTES, {"/login": "product", "log in again": "login"}).find("POST", "/login") == (0, None)
    assert Names(ROUTES, {"log in again": "login"}).find("POST", "log in again") == (1, None)


def test_other_names_get_indices_in_the_order_of_their_first_appearance() -> None:
    """Each is new once; the method is part of the name."""
    found = names()
    assert found.find("GET", "/basket") == (3, "GET /basket")
    assert found.find("POST", "/basket") == (4, "POST /basket")
    assert found.find("GET", "/basket") == (3, None)


def test_a_file_with_ids_in_its_names_has_a_bounded_number_of_them() -> None:
    """The rest is one name."""
    found = names()
    for number in range(3 * MOST_NAMES):
        index, _ = found.find("GET", f"/basket/{number}")
    assert index == len(ROUTES) + MOST_NAMES
    assert found.find("GET", "/basket/one more") == (index, None)
    assert found.find("GET", "/basket/0") == (len(ROUTES), None)
    fresh = names()
    told = [new for number in range(MOST_NAMES + 5) if (new := fresh.find("GET", f"/{number}")[1])]
    assert told[-1] == MANY
    assert len(told) == MOST_NAMES + 1
