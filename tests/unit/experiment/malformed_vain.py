"""Settings that are well-formed and could never show anything, as a table: what never triggers, what compares with itself, what switches nothing."""

from __future__ import annotations

from unit.experiment.small_files import EXPERIMENT, Case, experiment, system

SLOW = EXPERIMENT.replace("    pulse: 100/s", "    pulse: 1/s")
"""The control is asked too rarely for its p95."""

VAIN: dict[str, tuple[Case, ...]] = {
    "what could never trigger": (
        experiment(
            'burn-rate: "> 10"', 'burn-rate: "> 100"', "25 safety.abort.burn-rate: a budget of 1% never burns this fast"
        ),
        experiment(
            'burn-rate: "> 10"', 'burn-rate: "> 10", slo: 85%', "25 safety.abort.burn-rate: a budget of 15% never burns"
        ),
        experiment(
            EXPERIMENT,
            SLOW.replace("abort: {route: buy", "abort: {route: pulse"),
            "21 expect.bulkhead.isolated: the planned sample cannot decide the p95 of the control route",
            "25 safety.abort.route: a burn is believed from 20 bad requests within 10s on, and pulse has fewer",
        ),
        experiment("hang: 3s", "hang: 20s", "11 load.hang: the fault ends after 20s, so no request would be held long"),
        experiment("hang: 3s", "hang: 2h", "11 load.hang: the fault ends after 20s, so no request would be held long"),
    ),
    "what could never fail": (
        experiment(
            "{isolated: [buy]}",
            '{isolated: [buy], errors: "< 100%"}',
            "21 expect.bulkhead.errors: nothing could ever fail this",
        ),
        experiment(
            "{isolated: [buy]}",
            '{isolated: [buy], goodput: "> 0%", hung: "< 100%"}',
            "21 expect.bulkhead.goodput: nothing could ever fail this",
            "21 expect.bulkhead.hung: nothing could ever fail this",
        ),
        experiment(
            "routes: [look]",
            'routes: [look], fast-or-good: "> 0%"',
            "22 expect.backpressure.fast-or-good: nothing could ever fail this",
        ),
        experiment(
            'good: "> 97%"}\nmethod',
            'good: "> 0%"}\nmethod',
            "17 steady-state-hypothesis.probes[1].good: nothing could ever fail this",
        ),
    ),
    "what a bulkhead compares": (
        system(
            "{request: GET /pulse, hard: [pulse]",
            "{request: GET /pulse, hard: [web]",
            "28 routes.pulse.hard[0]: the control route pulse shares web with look",
        ),
        experiment(
            "edge: web -> stock",
            "service: pulse",
            "19 method[0].latency: latency acts on pulse, which the control route pulse needs",
            "22 expect.backpressure.routes[0]: no fault can touch look",
        ),
        experiment(
            "    pulse: 100/s",
            "    pulse: 1/s",
            "21 expect.bulkhead.isolated: the planned sample cannot decide the p95 of the control route",
        ),
        experiment(
            "latency: {edge: web -> stock, delay: 2s}",
            "none: {}",
            "22 expect.backpressure.routes[0]: no fault can touch look: none injects nothing",
        ),
        experiment(
            "edge: web -> stock",
            "edge: web -> database",
            "21 expect.bulkhead.isolated[0]: buy cannot do without database, on which latency acts",
        ),
        experiment(
            "latency: {edge: web -> stock, delay: 2s}",
            "kill: {service: database, down: 18s}",
            "21 expect.bulkhead.isolated[0]: buy cannot do without database, on which kill acts",
        ),
        experiment("routes: [look]", "routes: [look, buy]", "22 expect.backpressure.routes[1]: buy is isolated: what"),
    ),
    "switches of the demo": (
        system(
            "naive: {breaker: false}", "naive: {braker: false}", "5 variants.naive.braker: there is no switch braker"
        ),
        system(
            "hardened: {breaker: true}",
            "hardened: {breaker: true, single_flight: true}",
            "6 variants.hardened.single_flight: there is no switch single_flight",
        ),
        system(
            "naive: {breaker: false}",
            "naive: {breaker: false, deadlines: true}",
            "6 variants.hardened: hardened leaves",
        ),
        system(
            "  naive: {breaker: false}\n  hardened: {breaker: true}",
            "  naive: {brakes: false}\n  hardened: {brakes: true}",
            "5 variants.naive.brakes: there is no switch brakes",
            "6 variants.hardened.brakes: there is no switch brakes",
            "30 origins.database.single-flight: no variant has a switch breaker",
        ),
    ),
}
