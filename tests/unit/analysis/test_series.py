"""What the plots and tables of the report are drawn from."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from gameday.analysis.judge import judge
from gameday.analysis.model import Analysis
from gameday.record.folder import RunData
from gameday.record.metrics import Metrics
from gameday.record.requests import Outcome
from simulator.systems import flushed, hanging, healthy
from simulator.world import Answers, run_of, shipped


@functools.cache
def run() -> RunData:
    """Simulate a run in which part of checkout hangs."""
    plan = shipped("slow-recommendations", 31)
    return run_of(plan, hanging(plan, healthy(plan), "checkout", share=0.5))


@functools.cache
def analysis() -> Analysis:
    """Judge it."""
    return judge(run())


def test_every_request_is_in_exactly_one_bin_and_one_kind() -> None:
    """Good, rejected, bad and hung add up to the rows; degraded is part of good."""
    rows = run().rows
    for index, series in enumerate(analysis().routes):
        total = sum(map(sum, (series.good, series.rejected, series.bad, series.hung)))
        assert total == int(np.count_nonzero(rows["route"] == index))
        assert len(series.start_s) == len(series.p95_s) == len(series.in_flight) == 56


def test_hung_requests_count_as_the_hang_threshold_in_quantiles_and_stay_in_flight() -> None:
    """Half of checkout hangs for 3 s at 60/s: p95 shows 3 s, and about ninety are open."""
    checkout = analysis().routes[1]
    assert checkout.route == "checkout"
    assert checkout.p95_s[30] == pytest.approx(3.0, abs=0.01)
    assert 50 < checkout.in_flight[30] < 130
    assert max(checkout.in_flight[:20]) < 15


def test_only_what_was_open_for_the_hang_threshold_counts_as_hung_everywhere() -> None:
    """When the load ends without waiting, open requests of the last 3 s are cut young: bad in the plots, and told in the summary."""
    plan = shipped("none", 33)
    answers = healthy(plan)
    times_s = np.array(plan.arrivals("checkout").times_s)
    stuck = np.where(times_s > plan.duration_s - 6, np.inf, answers["checkout"].service_s)
    seen = judge(run_of(plan, {**answers, "checkout": Answers.of(stuck)}, gives_up=False))
    checkout = next(each for each in seen.routes if each.route == "checkout")
    last = next(each for each in seen.summaries if (each.route, each.phase) == ("checkout", "recovery"))
    old = int(np.count_nonzero((times_s > plan.duration_s - 6) & (times_s < plan.duration_s - 3.0005)))
    assert sum(checkout.hung) == old
    assert sum(checkout.bad[-3:]) == last.cut
    assert last.outcomes["censored"] - last.cut == old
    assert sum(map(sum, (checkout.good, checkout.rejected, checkout.bad, checkout.hung))) == len(times_s)


def test_a_bin_with_few_requests_has_no_quantile() -> None:
    """Below ten."""
    data = run()
    thinned = data.rows[(data.rows["scheduled_s"] < 10) | (data.rows["seq"] % 20 == 0)]
    series = judge(replace(data, rows=thinned)).routes[0]
    assert series.p95_s[5] is not None
    assert set(series.p95_s[20:]) == {None}


def test_a_phases_summary_counts_every_outcome_and_prints_only_quantiles_that_n_allows() -> None:
    """About 960 requests in a baseline of 16 s: p95 but no p99; no row is missing."""
    summaries = {(each.route, each.phase): each for each in analysis().summaries}
    fault = summaries["checkout", "fault"]
    assert Counter(fault.outcomes).total() == fault.scheduled
    assert set(fault.outcomes) == {outcome.name.lower() for outcome in Outcome}
    assert fault.outcomes["timeout"] > 0.4 * fault.scheduled
    warm = summaries["checkout", "warmup"]
    assert warm.p95_s is not None
    assert warm.p99_s is None
    assert {each.missing for each in analysis().summaries} == {0}


def test_the_signals_of_the_system_are_grouped_and_cut_to_the_load() -> None:
    """Pools with their limit, the database with its queries per second, the cache with its hit ratio."""
    plan = shipped("cache-stampede", 32)
    seconds = [float(second) for second in range(-3, 60)]
    pages = {
        ("web", 'pool_in_flight{pool="database"}'): [3.0] * 63,
        ("web", 'pool_limit{pool="database"}'): [10.0] * 63,
        ("web", "cache_hits_total"): [9.0 * second for second in seconds],
        ("web", "cache_misses_total"): [1.0 * second for second in seconds],
        ("database", "database_origin_queries_total"): [4.0 * second for second in seconds],
        ("database", "database_connections"): [12.0] * 63,
        ("database", "database_connections_limit"): [100.0] * 63,
        ("cache", "cache_keys"): [20.0] * 63,
    }
    metrics = Metrics({key: tuple(zip(seconds, values, strict=True)) for key, values in pages.items()})
    found = {
        each.title: each for each in judge(run_of(plan, flushed(plan, single_flight=True), metrics=metrics)).system
    }
    assert found["web: database"].limit == 10.0
    assert found["database: connections"].limit == 100.0
    assert set(found["database: origin queries"].values) == {4.0}
    assert set(found["web: hit ratio"].values) == {0.9}
    assert found["cache: keys"].group == "cache"
    assert min(found["cache: keys"].t_s) == 0.0


def test_the_timeline_names_the_fault_and_the_first_bad_second_in_order() -> None:
    """Machine and judgement on one list, ascending."""
    happenings = analysis().timeline
    texts = [each.text for each in happenings]
    assert [each.t_s for each in happenings] == sorted(each.t_s for each in happenings)
    assert any("latency: web -> recommendations injected" in text for text in texts)
    assert any(text.startswith("checkout failing, beyond doubt at") for text in texts)
    assert analysis().faulted[0][2] == "latency: web -> recommendations"
