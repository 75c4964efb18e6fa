"""Who looks from outside: requests of its own at the door, and what the API server, the nodes and the store say."""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from two_tier.office import Office

PERIOD_S, TIMEOUT_S = 0.2, 2.5
ROUTES: Mapping[str, tuple[str, bytes]] = {
    "track": ("GET /track/7", b""),
    "parcels": ("POST /parcels", b'{"to": "Lea, 4 Harbour Street"}'),
    "label": ("GET /label/7", b""),
}
LATE_S = 0.8
"""An answer that comes so much later than the median before the run, is late."""
WAIT_S = 90.0


@dataclass(frozen=True)
class Sight:
    """
    One request.

    Attributes:
        at_s: When it was sent, on the monotonic clock.
        status: HTTP status, 0 without a whole answer.
        took_s: From the beginning of connecting to the end of the answer.
    """

    at_s: float
    status: int
    took_s: float


@dataclass(frozen=True)
class Spell:
    """
    When something was so, from the first sight of it to the last.

    Attributes:
        lasted_s: How long.
        share: The share of the sights in between that saw it.
        n: How many saw it.
    """

    lasted_s: float
    share: float
    n: int


class Client(threading.Thread):
    """Asks one route again and again, on a connection of its own each time, head and body apart."""

    def __init__(self, entrance: str, route: str) -> None:
        """Take where to ask, and what."""
        super().__init__(name=f"client of {route}", daemon=True)
        host, port = entrance.rsplit(":", 1)
        self._address = (host, int(port))
        self._line, self._body = ROUTES[route]
        self._ended = threading.Event()
        self.sights: list[Sight] = []

    def run(self) -> None:
        """Ask until it is enough."""
        while not self._ended.is_set():
            began_s = time.monotonic()
            self.sights.append(Sight(began_s, self._ask(), time.monotonic() - began_s))
            self._ended.wait(max(0.0, PERIOD_S - (time.monotonic() - began_s)))

    def end(self) -> None:
        """Ask no more."""
        self._ended.set()
        self.join()

    def _ask(self) -> int:
        head = (
            f"{self._line} HTTP/1.1\r\nHost: office\r\nConnection: close\r\nContent-Length: {len(self._body)}\r\n\r\n"
        )
        try:
            with socket.create_connection(self._address, timeout=TIMEOUT_S) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.sendall(head.encode())
                if self._body:
                    connection.sendall(self._body)
                answer = b""
                while piece := connection.recv(65536):
                    answer += piece
        except OSError:
            return 0
        return int(answer.split(None, 2)[1]) if answer.count(b"\r\n\r\n") and answer.endswith(b"}") else 0


class Stream:
    """The lines of a program that goes on, each with when it was read."""

    def __init__(self, *words: str, environment: Mapping[str, str]) -> None:
        """Start it."""
        self.lines: list[tuple[float, str]] = []
        self._program = subprocess.Popen(
            words, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def end(self) -> None:
        """End it."""
        self._program.kill()
        self._program.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._program.stdout is not None
        with self._program.stdout as lines:
            for line in lines:
                self.lines.append((time.monotonic(), line.rstrip("\n")))


def objects(stream: Stream) -> list[tuple[float, dict[str, Any]]]:
    """Return the states of objects that a watch of kubectl printed, with when."""
    return [(at_s, json.loads(line)["object"]) for at_s, line in list(stream.lines)]


@dataclass
class Observer:
    """
    Everything that is seen while one run goes on.

    Attributes:
        office: What is looked at.
        clients: Those who ask, by route.
        streams: What programs say, by the name of each.
        began_s: When the run was started; all before is how it is without one.
        ended_s: When it had ended.
    """

    office: Office
    clients: Mapping[str, Client]
    streams: Mapping[str, Stream]
    began_s: float = 0.0
    ended_s: float = 0.0
    before: dict[str, Any] = field(default_factory=dict)

    def sights(self, route: str) -> list[Sight]:
        """Return what was seen on a route."""
        return list(self.clients[route].sights)

    def usual_s(self, route: str) -> float:
        """Return the median of a route's good answers before the run."""
        return statistics.median(each.took_s for each in self.sights(route) if each.at_s < self.began_s)

    def late(self, route: str) -> Spell:
        """Return when answers of a route were late."""
        limit_s = self.usual_s(route) + LATE_S
        return self.spell(route, lambda each: each.took_s > limit_s)

    def status(self, route: str, *codes: int) -> Spell:
        """Return when answers of a route had one of these codes."""
        return self.spell(route, lambda each: each.status in codes)

    def spell(self, route: str, is_so: Callable[[Sight], bool]) -> Spell:
        """Return when it was so on a route, but for single sights that stand alone."""
        sights = self.sights(route)
        marks = [is_so(each) for each in sights]
        near = [i for i, mark in enumerate(marks) if mark and any(marks[max(0, i - 5) : i] + marks[i + 1 : i + 6])]
        if not near:
            return Spell(0.0, 0.0, 0)
        first, last = near[0], near[-1]
        within = marks[first : last + 1]
        return Spell(sights[last].at_s - sights[first].at_s, sum(within) / len(within), sum(within))

    def states(self, watch: str, name: str | None = None) -> list[tuple[float, dict[str, Any]]]:
        """Return the states of all watched objects of a kind, or of one of them, in the order of time."""
        return [each for each in objects(self.streams[watch]) if name in (None, each[1]["metadata"]["name"])]

    def crossed(self, watch: str, name: str, is_so: Callable[[dict[str, Any]], bool]) -> float:
        """Return for how long a watched object was so, from its first such state to the next other one; 0 for never."""
        since_s: float | None = None
        for at_s, state in self.states(watch, name):
            if since_s is None and is_so(state):
                since_s = at_s
            elif since_s is not None and not is_so(state):
                return at_s - since_s
        return 0.0 if since_s is None else float("inf")


@contextmanager
def observing(office: Office, service: str, more: Mapping[str, tuple[str, ...]]) -> Iterator[Observer]:
    """Look at an office until the end, at the door of a service and by these programs besides."""
    watch = ("--watch", "--output-watch-events", "--output", "json")
    kinds = {kind: office.words("get", kind, *watch) for kind in ("pods", "deployments", "statefulsets", "nodes")}
    with ExitStack() as stack:
        streams = {name: Stream(*words, environment=office.environment) for name, words in {**kinds, **more}.items()}
        for stream in streams.values():
            stack.callback(stream.end)
        entrance = office.entrance(service)
        clients = {route: Client(entrance, route) for route in ROUTES}
        for client in clients.values():
            client.start()
            stack.callback(client.end)
        observer = Observer(office, clients, streams)
        wait_for(observer, 15)
        yield observer


def wait_for(observer: Observer, n: int) -> None:
    """Wait until every client has seen n answers more."""
    wanted = {route: len(client.sights) + n for route, client in observer.clients.items()}
    until_s = time.monotonic() + WAIT_S
    while any(len(observer.clients[route].sights) < n for route, n in wanted.items()):
        assert time.monotonic() < until_s, "the observer's own clients see nothing"
        observer.clients["label"].join(0.05)
