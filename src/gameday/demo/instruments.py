"""What the services publish for Prometheus. The names are a contract with those who judge the runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gameday.demo.breaker import Breaker
from gameday.demo.pool import Pool

WORST = ("breaker_state",)
"""Gauges of which the largest of all replicas counts: one open breaker is an open breaker."""
_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)


class RequestInstruments:
    """Counts what a service answers: rate, errors, duration and how much is in flight, per route."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register on a registry without the process's own collectors: a scrape must stay cheap."""
        requests = Counter("http_requests", "Answered requests.", ("code", "route"), registry=registry)
        self._duration = Histogram(
            "http_request_duration_seconds", "Until sent.", ("route",), registry=registry, buckets=_BUCKETS_S
        )
        self._in_flight = Gauge("http_requests_in_flight", "Being served.", ("route",), registry=registry)
        self._rejected = Counter("rejected", "Refused on purpose.", ("reason", "route"), registry=registry)
        self._requests = cache(requests.labels)

    def route(self, route: str) -> tuple[Gauge, Histogram]:
        """Return a route's in-flight gauge and duration histogram."""
        return self._in_flight.labels(route), self._duration.labels(route)

    def count(self, route: str, code: int) -> None:
        """Count one request as answered."""
        self._requests(code, route).inc()

    def reject(self, route: str, reason: str) -> None:
        """Count one request as refused on purpose."""
        self._rejected.labels(reason, route).inc()


class CallInstruments:
    """Counts what a service asks of its dependencies."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register."""
        calls = Counter("dependency_requests", "Calls.", ("dependency", "outcome"), registry=registry)
        duration = Histogram(
            "dependency_request_duration_seconds",
            "From the call to its answer; waiting for a slot is no part of it.",
            ("dependency", "outcome"),
            registry=registry,
            buckets=_BUCKETS_S,
        )
        self._calls = cache(calls.labels)
        self._duration = cache(duration.labels)

    def declare(self, dependency: str) -> None:
        """Publish a dependency's series before the first call, so that a scrape never has to guess what nothing means."""
        for outcome in ("ok", "error", "timeout"):
            self._calls(dependency, outcome)
            self._duration(dependency, outcome)
        self._calls(dependency, "refused")

    def called(self, dependency: str, outcome: str, duration_s: float) -> None:
        """Count a call that was made; its outcome is ok, error or timeout."""
        self._calls(dependency, outcome).inc()
        self._duration(dependency, outcome).observe(duration_s)

    def refused(self, dependency: str) -> None:
        """Count a call that was not made: a breaker was open or a queue full."""
        self._calls(dependency, "refused").inc()


class CatalogueInstruments:
    """Counts what the cache spares the database."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register."""
        self.hits = Counter("cache_hits", "Products found in the cache.", registry=registry)
        self.misses = Counter("cache_misses", "Products not found in the cache.", registry=registry)
        self.shared = Counter("cache_shared", "Misses that somebody else's query served.", registry=registry)
        self._queries = Counter("origin_queries", "Queries for a product that ended.", registry=registry)
        self._in_flight = Gauge("origin_in_flight", "Queries for a product that run now.", registry=registry)

    @contextmanager
    def query(self) -> Iterator[None]:
        """Count a query for a product: while it runs, and when it has ended, which is when the database counts it too."""
        self._in_flight.inc()
        try:
            yield
        finally:
            self._in_flight.dec()
            self._queries.inc()


class StateCollector(Collector):
    """Reads pools and breakers when it is scraped."""

    def __init__(self, pools: Callable[[], Sequence[Pool]], breakers: Sequence[tuple[str, Breaker]]) -> None:
        """Read the pools that are in use at the moment of a scrape."""
        self._pools = pools
        self._breakers = breakers

    def collect(self) -> Iterable[Metric]:
        """Return the gauges."""
        in_flight = GaugeMetricFamily("pool_in_flight", "Slots taken.", labels=("pool",))
        limit = GaugeMetricFamily("pool_limit", "Slots.", labels=("pool",))
        waiting = GaugeMetricFamily("pool_waiting", "Who waits for a slot.", labels=("pool",))
        for pool in self._pools():
            in_flight.add_metric((pool.name,), pool.in_flight)
            limit.add_metric((pool.name,), pool.limit)
            waiting.add_metric((pool.name,), pool.waiting)
        state = GaugeMetricFamily("breaker_state", "0 closed, 1 half-open, 2 open.", labels=("dependency",))
        for dependency, breaker in self._breakers:
            state.add_metric((dependency,), breaker.state)
        return (in_flight, limit, waiting, state)


def cache_page(keys: int) -> dict[str, int]:
    """Return what is published of the cache, which has no page of its own."""
    return {"cache_keys": keys}


def database_page(origin_queries: int, connections: int, connections_limit: int) -> dict[str, int]:
    """Return what is published of the database where no exporter stands beside it, by the same names."""
    return {
        "database_origin_queries_total": origin_queries,
        "database_connections": connections,
        "database_connections_limit": connections_limit,
    }
