"""Conventions of common servers, as entries of ``services.NAME.counters``: data, no code."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

Preset = Mapping[str, str | bool]

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        # Go, prometheus/client_golang 1.x: promhttp.InstrumentHandlerDuration on a histogram http_request_duration_seconds that is
        # curried with a label handler for each route; it writes methods in small letters.
        "promhttp": {
            "requests": "http_request_duration_seconds_count",
            "request-time": "http_request_duration_seconds",
            "route-label": "handler",
            "method-label": "method",
        },
        # Spring Boot 3 with Micrometer 1.10 or later. Clients need management.metrics.distribution.percentiles-histogram.http.client.requests.
        "micrometer": {
            "requests": "http_server_requests_seconds_count",
            "request-time": "http_server_requests_seconds",
            "route-label": "uri",
            "method-label": "method",
            "calls": "http_client_requests_seconds_count",
            "failures": 'http_client_requests_seconds_count{outcome!="SUCCESS"}',
            "call-time": 'http_client_requests_seconds{outcome="SUCCESS"}',
            "dependency-label": "client_name",
        },
        # Envoy 1.2x, /stats/prometheus: what it sends to clusters; its times are in milliseconds, and those of 5xx answers are among them.
        "envoy": {
            "calls": "envoy_cluster_upstream_rq_total",
            "failures": 'envoy_cluster_upstream_rq_xx{envoy_response_code_class="5"}',
            "failures-timed": True,
            "call-time": "envoy_cluster_upstream_rq_time",
            "call-time-unit": "ms",
            "dependency-label": "envoy_cluster_name",
            "retries": "envoy_cluster_upstream_rq_retry",
            "in-flight": "envoy_cluster_upstream_rq_active",
            "pool-label": "envoy_cluster_name",
        },
        # oliver006/redis_exporter 1.x.
        "redis_exporter": {
            "cache-hits": "redis_keyspace_hits_total",
            "cache-misses": "redis_keyspace_misses_total",
            "keys": "redis_db_keys",
            "connections": "redis_connected_clients",
            "connections-limit": "redis_config_maxclients",
        },
        # prometheus-community/postgres_exporter 0.1x. What an origin query is, only the owner knows, such as
        # origin-queries: pg_stat_user_tables_idx_scan{relname="product"}.
        "postgres_exporter": {
            "connections": "pg_stat_activity_count",
            "connections-limit": "pg_settings_max_connections",
        },
        # HikariCP's MicrometerMetricsTracker, as Spring Boot 2 and 3 publish it.
        "hikaricp": {
            "in-flight": "hikaricp_connections_active",
            "limit": "hikaricp_connections_max",
            "pool-label": "pool",
        },
        # prometheus-community/pgbouncer_exporter 0.x; pools of several users of a database count as one.
        "pgbouncer": {
            "in-flight": "pgbouncer_pools_server_active_connections",
            "limit": "pgbouncer_databases_pool_size",
            "pool-label": "database",
        },
    }
)
"""By name; a value is what a system file would say."""

BEFORE_MAPPINGS: Mapping[str, Preset] = {
    "http": {
        "requests": "http_requests_total",
        "request-time": "http_request_duration_seconds",
        "route-label": "route",
        "calls": "dependency_requests_total",
        "failures": 'dependency_requests_total{outcome=~"error|timeout"}',
        "call-time": 'dependency_request_duration_seconds{outcome="ok"}',
        "dependency-label": "dependency",
        "in-flight": "pool_in_flight",
        "limit": "pool_limit",
        "pool-label": "pool",
        "cache-hits": "cache_hits_total",
        "cache-misses": "cache_misses_total",
        "breaker": "breaker_state",
    },
    "postgres": {
        "origin-queries": "database_origin_queries_total",
        "connections": "database_connections",
        "connections-limit": "database_connections_limit",
    },
    "redis": {"keys": "cache_keys"},
}
"""What was read of the demo's services, by their kind, when no system file mapped any counter: for runs recorded then."""
