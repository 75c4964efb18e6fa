"""The stampede verdict on rows written by hand."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest

from gameday.analysis.judge import judge
from gameday.analysis.model import Finding, Status
from gameday.experiment.plan import Plan
from gameday.record.folder import RunData
from gameday.record.metrics import Metrics
from gameday.record.requests import UNKNOWN
from simulator.systems import flushed
from simulator.world import run_of, shipped


@functools.cache
def run(*, single_flight: bool) -> tuple[Plan, RunData]:
    """Simulate one stampede."""
    plan = shipped("cache-stampede", 21, variant="hardened" if single_flight else "naive")
    return plan, run_of(plan, flushed(plan, single_flight=single_flight))


def found(data: RunData, id_: str = "stampede.duplicates") -> Finding:
    """Judge a run and return one of its checks."""
    return next(each for each in judge(data).checks if each.id == id_)


def forgetting(data: RunData, share: float) -> RunData:
    """Let a share of the answers not say how often they asked the origin."""
    rows = data.rows.copy()
    refill = (rows["route"] == 0) & (rows["scheduled_s"] >= 22.0) & (rows["scheduled_s"] < 26.0)
    every = round(1 / share)
    index = np.flatnonzero(refill)[::every]
    rows["origin"][index] = UNKNOWN
    return replace(data, rows=rows)


def test_one_query_per_key_is_the_ideal() -> None:
    """Single-flight: as many queries as keys."""
    assert found(run(single_flight=True)[1]).value == pytest.approx(1.0)


def test_too_many_unknown_answers_leave_a_good_value_undecided() -> None:
    """A fifth of the refill unseen could hide anything."""
    check = found(forgetting(run(single_flight=True)[1], 0.2))
    assert check.status is Status.INCONCLUSIVE
    assert "did not say" in check.reason


def test_a_few_unknown_answers_do_no_harm() -> None:
    """One in a hundred."""
    assert found(forgetting(run(single_flight=True)[1], 0.01)).status is Status.PASS


def test_known_duplicates_fail_however_much_is_unknown() -> None:
    """What is known already exceeds the bound."""
    assert found(forgetting(run(single_flight=False)[1], 0.2)).status is Status.FAIL


def test_predictions_are_not_compared_with_what_was_not_seen() -> None:
    """None instead of a number that would be too small."""
    analysis = judge(forgetting(run(single_flight=True)[1], 0.2))
    assert {each.measured for each in analysis.predictions} == {None}


def test_a_cache_that_was_never_asked_for_again_proves_nothing() -> None:
    """No query at all: nothing was refilled."""
    data = run(single_flight=True)[1]
    rows = data.rows.copy()
    rows["origin"] = np.where(rows["route"] == 0, 0, rows["origin"])
    assert found(replace(data, rows=rows)).status is Status.INCONCLUSIVE


def test_the_origins_own_count_stands_beside_the_answers() -> None:
    """Counted by the database, over the whole load."""
    data = run(single_flight=True)[1]
    named = int(data.rows["origin"][(data.rows["route"] == 0) & (data.rows["origin"] != UNKNOWN)].sum())
    points = ((-1.0, 40.0), (30.0, 40.0 + named / 2), (58.0, 40.0 + named))
    counted = replace(data, metrics=Metrics({("database", "database_origin_queries_total"): points}))
    check = found(counted, "stampede.origin-queries")
    assert check.status is Status.SHOWN
    assert check.value == named
    assert "0 % apart" in check.reason


def test_an_origin_melts_when_its_pool_is_full_it_is_slow_and_users_notice() -> None:
    """All three for three seconds in a row; a full pool alone is stress."""
    plan, data = run(single_flight=True)
    seconds = [float(second) for second in range(int(plan.duration_s) + 1)]
    melting = [22 <= second <= 30 for second in seconds]
    pool = {
        ("web", 'pool_in_flight{pool="database"}'): [10.0 if hot else 2.0 for hot in melting],
        ("web", 'pool_limit{pool="database"}'): [10.0] * len(seconds),
    }
    took, asked = np.cumsum([10.0 if hot else 0.5 for hot in melting]), np.cumsum([10.0] * len(seconds))
    slow = {
        ("web", 'dependency_request_duration_seconds_sum{dependency="database",outcome="ok"}'): took.tolist(),
        ("web", 'dependency_request_duration_seconds_count{dependency="database",outcome="ok"}'): asked.tolist(),
    }
    rows = data.rows.copy()
    rows["outcome"] = np.where((rows["scheduled_s"] >= 22) & (rows["scheduled_s"] < 31), 4, rows["outcome"])

    def pages(values: dict[tuple[str, str], list[float]]) -> Metrics:
        return Metrics({key: tuple(zip(seconds, series, strict=True)) for key, series in values.items()})

    stressed = found(replace(data, metrics=pages(pool)), "stampede.origin")
    melted = found(replace(data, metrics=pages(pool | slow), rows=rows), "stampede.origin")
    assert stressed.title == "database stressed"
    assert melted.title == "database melted"
    assert "no caller published how long it took to answer" in stressed.reason
    assert "3 times slower for 8," in melted.reason


def test_an_origin_that_publishes_other_counters_than_the_system_file_names_is_told() -> None:
    """Its pages were read, so that is known; nothing was counted, which is not none."""
    data = run(single_flight=True)[1]
    points = ((-1.0, 1.0), (30.0, 2.0), (58.0, 3.0))
    other = {("database", "pg_up"): points, ("web", "slots"): points}
    analysis = replace(data, metrics=Metrics(other))
    counted = found(analysis, "stampede.origin-queries")
    assert counted.value is None
    assert counted.reason.startswith("database publishes no database_origin_queries_total; it publishes: pg_up; ")
    assert found(analysis, "stampede.origin").reason == (
        "no service published a pool that leads to database; web publishes no pool_in_flight; it publishes: slots; "
        "web publishes no pool_limit; it publishes: slots"
    )


def named(data: RunData) -> int:
    """Count the queries that the answers name."""
    rows = data.rows
    return int(rows["origin"][(rows["route"] == 0) & (rows["origin"] != UNKNOWN)].sum())


def counting(data: RunData, *, more: int = 0, in_refill: int = 0, of: float = 1.0) -> RunData:
    """Let the database count a share of what the answers name, sampled once a second, and more: at the load's end, or in the refill."""
    rows = data.rows
    asked = rows[(rows["route"] == 0) & (rows["origin"] != UNKNOWN)]
    points = []
    for second in range(-1, 58):
        t_s = float(second)
        extra = (more if t_s > 50 else 0) + (in_refill if t_s > 23 else 0)
        seen = int(asked["origin"][asked["scheduled_s"] + asked["lag_s"] < t_s].sum())
        points.append((t_s, float(round(of * seen) + extra)))
    return replace(data, metrics=Metrics({("database", "database_origin_queries_total"): tuple(points)}))


def test_a_pass_that_the_origin_itself_confirms_is_a_pass() -> None:
    """Both count the same; a handful at the edges is no disagreement."""
    data = run(single_flight=True)[1]
    assert found(counting(data)).status is Status.PASS
    assert found(counting(data, more=4)).status is Status.PASS


def test_a_pass_that_the_origins_own_count_contradicts_is_undecided() -> None:
    """A fifth more than the answers name, at whatever time: the answers do not tell everything."""
    data = run(single_flight=True)[1]
    check = found(counting(data, more=named(data) // 5))
    assert check.status is Status.INCONCLUSIVE
    assert "apart" in check.reason
    fewer = found(counting(data, of=0.8))
    assert fewer.status is Status.INCONCLUSIVE


def test_duplicates_that_only_the_origin_counted_fail() -> None:
    """The answers name one query per key, the database was asked three times for each in the refill."""
    data = run(single_flight=True)[1]
    check = found(counting(data, in_refill=150))
    assert check.status is Status.FAIL
    assert "database itself counted" in check.reason


def test_duplicates_that_the_answers_name_fail_whatever_the_origin_counted() -> None:
    """Disagreement takes a pass away, never a failure."""
    data = run(single_flight=False)[1]
    assert found(counting(data, of=0.3)).status is Status.FAIL


def test_a_real_origin_without_a_count_confirms_nothing() -> None:
    """Only a simulated run, which has no database, does without."""
    data = run(single_flight=True)[1]
    check = found(replace(data, plan=replace(data.plan, target="local")))
    assert check.status is Status.INCONCLUSIVE
    assert "database published no count" in check.reason
