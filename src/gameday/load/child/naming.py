"""Find the route of the system for which a request of a person's own locustfile stands. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from gameday.load.wire import RouteSpec

MOST_NAMES = 1000
"""How many names without a route are told apart; a file that puts ids into its names would have any number."""
MANY = "(further names)"


class Names:
    """
    Route indices by request name.

    A request stands for a route when, in this order, the experiment says so of its name, its name is the route's, or its method
    and name are the route's request line: ``POST`` and ``/login``, where ``{id}`` is any one part of a path. All other
    names get indices beyond the routes', in the order of their first appearance.
    """

    def __init__(self, routes: Sequence[RouteSpec], told: Mapping[str, str]) -> None:
        """Take the routes in the order of the plan, and request name -> route as the experiment tells it."""
        self._index = {route.name: index for index, route in enumerate(routes)}
        self._told = told
        self._lines = tuple((_pattern(route), index) for index, route in enumerate(routes))
        self._known: dict[tuple[str, str], int] = {}
        self._others: dict[str, int] = {}

    def find(self, method: str, name: str) -> tuple[int, str | None]:
        """Return the index of a request's route, and its name when that was seen for the first time and stands for none."""
        if (known := self._known.get((method, name))) is not None:
            return known, None
        index, new = self._looked_up(method, name), None
        if index is None:
            other = f"{method} {name}".strip()
            if other not in self._others and len(self._others) >= MOST_NAMES:
                other = MANY
            if other not in self._others:
                self._others[other], new = len(self._index) + len(self._others), other
            index = self._others[other]
        if len(self._known) < MOST_NAMES:
            self._known[method, name] = index
        return index, new

    def _looked_up(self, method: str, name: str) -> int | None:
        if name in self._told:
            return self._index[self._told[name]]
        if name in self._index:
            return self._index[name]
        path = urlsplit(name).path if name.startswith(("http://", "https://")) else name.partition("?")[0]
        for line, index in self._lines:
            if line.fullmatch(f"{method} {path}") or line.fullmatch(path):
                return index
        return None


def _pattern(route: RouteSpec) -> re.Pattern[str]:
    path = route.target.partition("?")[0]
    return re.compile("[^/]+".join(map(re.escape, f"{route.method} {path}".split("{id}"))))
