"""Faults that are well-formed and are on at a time, or for too short a time, that shows nothing, as a table: classes of mistakes, four or more of each."""

from __future__ import annotations

from unit.experiment.small_files import Case, experiment

TIMING: dict[str, tuple[Case, ...]] = {
    "when and how a fault is on": (
        experiment("delay: 2s}\n", "delay: 2s}\n    at: 99s\n", "20 method[0].at: the fault phase is over by then"),
        experiment(
            "delay: 2s}\n", "delay: 2s}\n    for: 99s\n", "20 method[0].for: it would last beyond the fault phase"
        ),
        experiment("delay: 2s}\n", "delay: 2s}\n    ramp: 99s\n", "20 method[0].ramp: the full dose would never be on"),
        experiment("delay: 2s}\n", "delay: 2s}\n    pulse: {full: 1ms, rest: 1s}\n", "20 method[0].pulse.full: full"),
        experiment("delay: 2s}\n", "delay: 2s}\n    pulse: {full: 1s}\n", "20 method[0].pulse.rest: rest is missing"),
        experiment(
            "delay: 2s}\n",
            "delay: 2s}\n    ramp: 2s\n    pulse: {full: 1s, rest: 1s}\n",
            "19 method[0]: when and how the fault is on does not fit together",
        ),
        experiment(
            "latency: {edge: web -> stock, delay: 2s}\n",
            "blackhole: {edge: web -> stock}\n    ramp: 2s\n",
            "20 method[0].ramp: blackhole has no dose to vary",
        ),
        experiment(
            "latency: {edge: web -> stock, delay: 2s}\n",
            "kill: {service: stock, down: 99s}\n",
            "19 method[0].kill: it would last beyond the fault phase",
        ),
        experiment(
            "latency: {edge: web -> stock, delay: 2s}\n",
            "kill: {service: stock, down: 18s}\n    for: 18s\n",
            "20 method[0].for: this kill says itself how long it lasts",
        ),
    ),
    "faults that cannot be judged together": (
        experiment(
            "expect:\n",
            "  - empty-cache: {service: cache}\nexpect:\n",
            "20 method[1].empty-cache: latency lasts and empty-cache is over at once",
        ),
        experiment(
            "  - latency: {edge",
            "  - empty-cache: {service: cache}\n  - latency: {edge",
            "20 method[1].latency: empty-cache is over at once and latency lasts",
        ),
        experiment(
            "expect:\n",
            "  - none\n  - empty-cache: {service: cache}\nexpect:\n",
            "21 method[2].empty-cache: latency lasts",
        ),
        experiment(
            "expect:\n",
            "  - empty-cache: {service: cache}\n  - latency: {edge: web -> database, delay: 1s}\nexpect:\n",
            "20 method[1].empty-cache: latency lasts",
            "23 expect.bulkhead.isolated[0]: buy cannot do without database",
        ),
    ),
    "delays that cannot be proven": (
        experiment(
            "delay: 2s",
            "delay: 19s",
            "19 method[0].latency.delay: a fault phase of 20s is too short to prove this delay",
        ),
        experiment(
            "delay: 2s", "delay: 18s, jitter: 1s", "19 method[0].latency.delay: a fault phase of 20s is too short"
        ),
        experiment(
            "edge: web -> stock, delay: 2s",
            "service: stock, delay: 5m",
            "19 method[0].latency.delay: a fault phase of 20s is too short",
        ),
        experiment("delay: 2s", "delay: 1ms", "19 method[0].latency: the parameters of latency do not fit together"),
        experiment(
            "delay: 2s",
            "delay: 2s, jitter: 1999ms",
            "19 method[0].latency: the parameters of latency do not fit together",
        ),
    ),
    "faults that are too short to be proven": (
        experiment(
            "latency: {edge: web -> stock, delay: 2s}\n",
            "blackhole: {edge: web -> stock}\n    for: 4s\n",
            "12 phases.fault: the fault is too short to compare",
            "19 method[0].blackhole: a time of 4s is too short to prove this blackhole",
        ),
        experiment(
            "latency: {edge: web -> stock, delay: 2s}\n",
            "pause: {service: stock}\n    at: 19s\n",
            "12 phases.fault: the fault is too short to compare",
            "19 method[0].pause: a time of 1s is too short to prove this pause",
        ),
        experiment(
            "latency: {edge: web -> stock, delay: 2s}\n",
            "kill: {service: stock, down: 500ms}\n",
            "12 phases.fault: the fault is too short to compare",
            "19 method[0].kill: a time of 500ms is too short to prove this kill",
        ),
        experiment("delay: 2s}\n", "delay: 2s}\n    for: 0s\n", "20 method[0].for: it would never be on"),
        experiment(
            "latency: {edge: web -> stock, delay: 2s}\n",
            "errors: {edge: web -> stock}\n    ramp: 19s\n",
            "19 method[0].errors: a full dose of 1s is too short to prove this errors",
        ),
    ),
}
