"""
Pages as common servers write them, in their own order of labels, and what the presets read from them.

The texts follow the exporters' own documentation; the values that are expected are added up by hand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from gameday.analysis.pools import increase, mapped, pools, total
from gameday.experiment.counters import Counters, Labels, of_route
from gameday.experiment.model import System
from gameday.record.metrics import Metrics, Series
from gameday.targets.pages import calls_to, parse_page, service_page
from gameday.targets.protocol import Calls, Uncounted

GO = """\
# HELP http_request_duration_seconds Duration of HTTP requests in seconds.
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{code="200",handler="/product/{id}",method="get",le="0.005"} 12
http_request_duration_seconds_bucket{code="200",handler="/product/{id}",method="get",le="+Inf"} 41
http_request_duration_seconds_sum{code="200",handler="/product/{id}",method="get"} 1.25
http_request_duration_seconds_count{code="200",handler="/product/{id}",method="get"} 41
http_request_duration_seconds_sum{code="500",handler="/product/{id}",method="get"} 0.5
http_request_duration_seconds_count{code="500",handler="/product/{id}",method="get"} 2
http_request_duration_seconds_sum{code="200",handler="/cart",method="post"} 3
http_request_duration_seconds_count{code="200",handler="/cart",method="post"} 7
http_request_duration_seconds_sum{code="200",handler="/cart",method="get"} 4
http_request_duration_seconds_count{code="200",handler="/cart",method="get"} 9
# HELP go_memstats_alloc_bytes Number of bytes allocated and still in use.
# TYPE go_memstats_alloc_bytes gauge
go_memstats_alloc_bytes 2.371456e+06
"""
SPRING = """\
# HELP http_server_requests_seconds
# TYPE http_server_requests_seconds summary
http_server_requests_seconds_count{error="none",exception="none",method="GET",outcome="SUCCESS",status="200",uri="/product/{sku}",} 120
http_server_requests_seconds_sum{error="none",exception="none",method="GET",outcome="SUCCESS",status="200",uri="/product/{sku}",} 2.5
http_server_requests_seconds_count{error="none",exception="none",method="GET",outcome="SERVER_ERROR",status="503",uri="/product/{sku}",} 5
http_server_requests_seconds_sum{error="none",exception="none",method="GET",outcome="SERVER_ERROR",status="503",uri="/product/{sku}",} 0.25
http_server_requests_seconds_count{error="none",exception="none",method="POST",outcome="SUCCESS",status="200",uri="/cart",} 7
http_server_requests_seconds_sum{error="none",exception="none",method="POST",outcome="SUCCESS",status="200",uri="/cart",} 1
http_server_requests_seconds_count{error="none",exception="none",method="GET",outcome="SUCCESS",status="200",uri="/actuator/prometheus",} 900
http_server_requests_seconds_max{error="none",exception="none",method="GET",outcome="SUCCESS",status="200",uri="/cart",} NaN
# TYPE http_client_requests_seconds histogram
http_client_requests_seconds_bucket{client_name="payments",error="none",method="POST",outcome="SUCCESS",status="200",uri="/pay",le="0.1"} 30
http_client_requests_seconds_bucket{client_name="payments",error="none",method="POST",outcome="SUCCESS",status="200",uri="/pay",le="+Inf"} 40
http_client_requests_seconds_count{client_name="payments",error="none",method="POST",outcome="SUCCESS",status="200",uri="/pay"} 40
http_client_requests_seconds_bucket{client_name="payments",error="none",method="POST",outcome="SERVER_ERROR",status="503",uri="/pay",le="+Inf"} 3
http_client_requests_seconds_count{client_name="payments",error="none",method="POST",outcome="SERVER_ERROR",status="503",uri="/pay"} 3
http_client_requests_seconds_count{client_name="payments",error="ReadTimeout",method="POST",outcome="UNKNOWN",status="IO_ERROR",uri="/pay"} 4
http_client_requests_seconds_bucket{client_name="stock",error="none",method="GET",outcome="SUCCESS",status="200",uri="/stock",le="+Inf"} 500
http_client_requests_seconds_count{client_name="stock",error="none",method="GET",outcome="SUCCESS",status="200",uri="/stock"} 500
# HELP hikaricp_connections_max Max connections
# TYPE hikaricp_connections_max gauge
hikaricp_connections_max{pool="HikariPool-1",} 10.0
hikaricp_connections_active{pool="HikariPool-1",} 8.0
hikaricp_connections_pending{pool="HikariPool-1",} 3.0
"""
ENVOY = """\
# TYPE envoy_cluster_upstream_rq_total counter
envoy_cluster_upstream_rq_total{envoy_cluster_name="payments"} 50
envoy_cluster_upstream_rq_total{envoy_cluster_name="xds"} 9
# TYPE envoy_cluster_upstream_rq_retry counter
envoy_cluster_upstream_rq_retry{envoy_cluster_name="payments"} 6
# TYPE envoy_cluster_upstream_rq_xx counter
envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="payments"} 44
envoy_cluster_upstream_rq_xx{envoy_response_code_class="5",envoy_cluster_name="payments"} 6
# TYPE envoy_cluster_upstream_rq_active gauge
envoy_cluster_upstream_rq_active{envoy_cluster_name="payments"} 2
# TYPE envoy_cluster_upstream_rq_time histogram
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="payments",le="0.5"} 0
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="payments",le="250"} 45
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="payments",le="+Inf"} 50
envoy_cluster_upstream_rq_time_sum{envoy_cluster_name="payments"} 4321
envoy_cluster_upstream_rq_time_count{envoy_cluster_name="payments"} 50
"""
REDIS = """\
# HELP redis_keyspace_hits_total keyspace_hits_total metric
# TYPE redis_keyspace_hits_total counter
redis_keyspace_hits_total 900
# TYPE redis_keyspace_misses_total counter
redis_keyspace_misses_total 100
redis_db_keys{db="db0"} 20
redis_db_keys{db="db1"} 0
redis_connected_clients 12
redis_config_maxclients 10000
redis_instance_info{maxmemory_policy="noeviction",os="Linux 6.1 x86_64",role="master"} 1
"""
POSTGRES = """\
# TYPE pg_stat_activity_count gauge
pg_stat_activity_count{application_name="",datname="shop",server="localhost:5432",state="active",usename="web"} 3
pg_stat_activity_count{application_name="",datname="shop",server="localhost:5432",state="idle",usename="web"} 5
# TYPE pg_settings_max_connections gauge
pg_settings_max_connections{server="localhost:5432"} 100
# TYPE pg_stat_user_tables_idx_scan counter
pg_stat_user_tables_idx_scan{datname="shop",relname="product",schemaname="public",server="localhost:5432"} 77
pg_stat_user_tables_idx_scan{datname="shop",relname="account",schemaname="public",server="localhost:5432"} 500
"""
PGBOUNCER = """\
pgbouncer_pools_server_active_connections{database="shop",user="web"} 15
pgbouncer_pools_server_active_connections{database="shop",user="batch"} 3
pgbouncer_pools_server_active_connections{database="pgbouncer",user="pgbouncer"} 0
pgbouncer_databases_pool_size{database="shop",force_user="",host="db",name="shop",pool_mode="transaction",port="5432"} 20
pgbouncer_databases_pool_size{database="pgbouncer",force_user="pgbouncer",host="",name="pgbouncer",pool_mode="statement",port="6543"} 2
"""


@dataclass(frozen=True)
class Shop:
    """A system whose web writes a page, and what was read of it twice, a second apart."""

    system: System
    metrics: Metrics

    @property
    def counters(self) -> Counters:
        """Return web's mapping."""
        return mapped(self.system, "web")

    def route(self, name: str, metric: str | None, suffix: str = "") -> float:
        """Return what web counts of a route."""
        return last(
            total(
                self.metrics,
                "web",
                metric,
                of_route(self.counters, name, self.system.routes[name].request),
                suffix=suffix,
            )
        )


def shop(counters: Mapping[str, object], *texts: str) -> Shop:
    """Read pages of web by a mapping, a second apart; without a label, web calls payments only."""
    system = System.model_validate(
        {
            "name": "market",
            "targets": {},
            "services": {"web": {"metrics": "/metrics", "counters": counters}, "payments": {}, "stock": {}},
            "dependencies": ["web -> payments", "web -> stock"],
            "routes": {
                "product": {"request": "GET /product/{id}", "hard": ["web"]},
                "fill": {"request": "POST /cart", "hard": ["web"]},
            },
        }
    )
    service = service_page(system.services["web"].counters)
    samples: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for second, text in enumerate(texts):
        for key, value in service.merged({("web-1", 1): parse_page(text)}).items():
            samples.setdefault(("web", key), []).append((float(second), value))
    return Shop(system, Metrics({key: tuple(points) for key, points in samples.items()}))


def last(series: Series) -> float:
    """Return a series' last value; nothing of one that is not there."""
    return float(series[1][-1])


def calls(text: str, counters: Mapping[str, object]) -> Calls | Uncounted | None:
    """Read what web counts of its calls to payments."""
    return calls_to(["payments"], "web", parse_page(text), Counters.model_validate(counters), ["payments", "stock"])


def test_go() -> None:
    """Of whatever code, but by the method."""
    read = shop({"preset": "promhttp"}, GO)
    assert read.route("product", read.counters.requests) == 41 + 2
    assert read.route("product", read.counters.request_time, "_sum") == 1.25 + 0.5
    assert read.route("fill", read.counters.requests) == 7
    assert read.route("fill", read.counters.request_time, "_sum") == 3


def test_micrometer_with_hikaricp() -> None:
    """Old versions write a comma behind the last label; what is drawn has the framework's name; NaN is no number."""
    read = shop({"preset": ["micrometer", "hikaricp"]}, SPRING)
    assert read.route("product", read.counters.requests) == 125
    assert read.route("product", read.counters.request_time, "_sum") == 2.75
    assert read.route("fill", read.counters.requests) == 7
    assert calls(SPRING, {"preset": "micrometer"}) == Calls({0.1: 30, math.inf: 40}, failed=3 + 4)
    [pool] = pools(read.metrics, read.system)
    assert (pool.name, pool.in_flight.tolist(), pool.limit, pool.peak(0, 1)) == ("HikariPool-1", [8.0], 10.0, 0.8)


def test_micrometer_without_buckets_counts_no_quick_answer() -> None:
    """They must be switched on; until then the proof is told that there are none."""
    found = calls("\n".join(line for line in SPRING.splitlines() if "_bucket" not in line), {"preset": "micrometer"})
    assert isinstance(found, Uncounted)
    assert found.reason == (
        "web publishes no http_client_requests_seconds_bucket; it publishes: hikaricp_connections_active, "
        "hikaricp_connections_max, hikaricp_connections_pending, http_client_requests_seconds_count, "
        "http_server_requests_seconds_count, http_server_requests_seconds_sum"
    )


def test_envoy() -> None:
    """Milliseconds become seconds; a call that failed with an answer is one call, though its time is counted too."""
    found = calls(ENVOY, {"preset": "envoy"})
    assert found == Calls({0.0005: 0, 0.25: 45, math.inf: 50}, failed=6, timed=True)
    assert isinstance(found, Calls)
    assert found.called == 50
    later = ENVOY.replace('rq_retry{envoy_cluster_name="payments"} 6', 'rq_retry{envoy_cluster_name="payments"} 16')
    read = shop({"preset": "envoy"}, ENVOY, later, "")
    assert increase(total(read.metrics, "web", read.counters.retries), 0, 1) == 10
    assert last(total(read.metrics, "web", read.counters.retries)) == 16, (
        "a counter stays, though its name ends in no _total"
    )
    [pool] = pools(read.metrics, read.system)
    assert (pool.name, pool.in_flight.tolist(), pool.limit) == ("payments", [2.0, 2.0], None)


def test_redis_exporter() -> None:
    """Keys of all databases."""
    read = shop({"preset": "redis_exporter"}, REDIS)
    counters = read.counters
    found = [
        counters.cache_hits,
        counters.cache_misses,
        counters.keys,
        counters.connections,
        counters.connections_limit,
    ]
    assert [last(total(read.metrics, "web", each)) for each in found] == [900, 100, 20, 12, 10000]


def test_postgres_exporter() -> None:
    """The owner says which scans are the origin's queries."""
    read = shop(
        {"preset": "postgres_exporter", "origin-queries": 'pg_stat_user_tables_idx_scan{relname="product"}'}, POSTGRES
    )
    counters = read.counters
    found = [counters.connections, counters.connections_limit, counters.origin_queries]
    assert [last(total(read.metrics, "web", each)) for each in found] == [8, 100, 77]


def test_pgbouncer() -> None:
    """A database's pools are one, whoever uses them."""
    read = shop({"preset": "pgbouncer"}, PGBOUNCER)
    found = {pool.name: (pool.in_flight.tolist(), pool.limit) for pool in pools(read.metrics, read.system)}
    assert found == {"shop": ([18.0], 20.0), "pgbouncer": ([0.0], 2.0)}


@pytest.mark.parametrize(
    ("counters", "reason"),
    [
        (
            {"preset": "micrometer", "dependency-label": "host"},
            'web publishes no http_client_requests_seconds{outcome="SUCCESS"} whose host is payments',
        ),
        (
            {"preset": "micrometer", "dependency-label": None},
            'web publishes no http_client_requests_seconds{outcome="SUCCESS"} of one callee (no dependency-label)',
        ),
        (
            {"preset": "micrometer", "failures": 'http_client_requests_seconds_count{outcom!="SUCCESS"}'},
            'web publishes no http_client_requests_seconds_count{outcom!="SUCCESS"} whose client_name is payments',
        ),
    ],
    ids=["another label", "no label", "a matcher of no label"],
)
def test_what_is_mapped_wrongly_is_told_and_not_counted(counters: Mapping[str, object], reason: str) -> None:
    """No failures would be a lie where nobody knows."""
    assert calls(SPRING, counters) == Uncounted(reason)


@pytest.mark.parametrize("label", ["name", "service", "self"])
def test_labels_may_have_any_name(label: str) -> None:
    """Also those that the code uses for something else."""
    read = shop({"requests": "answers_total", "route-label": label}, f'answers_total{{{label}="product"}} 3')
    assert read.route("product", read.counters.requests) == 3


@pytest.mark.parametrize(
    ("line", "page"),
    [
        ('a_total{b="2",a="1"} 3', {'a_total{a="1",b="2"}': 3.0}),
        ('a_total{ a = "1" , } 3 1700000000000', {'a_total{a="1"}': 3.0}),
        ('a_total{a="} # x"} 3.5e2 # {trace_id="7"} 1', {'a_total{a="} # x"}': 350.0}),
        ("a_total{} +Inf", {}),
        ('{"a.total",b="1"} 3\na_total 4', {"a_total": 4.0}),
        ('a_total{b="\u2028"} 3', {'a_total{b="\u2028"}': 3.0}),
        ("a_total\t4", {"a_total": 4.0}),
        ("a_total NaN", {}),
    ],
)
def test_a_page_is_read_as_prometheus_reads_it(line: str, page: Mapping[str, float]) -> None:
    """Labels in any order, timestamps, exemplars."""
    assert parse_page(line) == page


@pytest.mark.parametrize("line", ["<html>", "a_total", "a_total{a=1 3", 'a_total{a="1"} three'])
def test_what_is_no_page_is_refused(line: str) -> None:
    """It is not read as one that has nothing."""
    with pytest.raises(ValueError, match=r"sample of a metrics page|could not convert"):
        parse_page(line)


def test_labels_are_read_as_they_were_meant() -> None:
    """Backslashes in a page are no part of a value."""
    read = shop({"requests": "answers_total", "route-label": "route"}, 'answers_total{route="pro\\\\duct",x="a\\"b"} 3')
    assert total(read.metrics, "web", 'answers_total{x="a\\"b"}')[1].tolist() == [3.0]

    def escaped(labels: Labels) -> bool:
        return labels["route"] == "pro\\duct"

    assert total(read.metrics, "web", "answers_total", escaped)[1].tolist() == [3.0]
