"""Predict what an emptied cache will cost its origin, before a run, and what a kill will cost its callers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gameday.experiment.arrivals import Arrivals
from gameday.experiment.catalogue import PlannedFault
from gameday.experiment.model import Experiment, Origin, System

KILL_FORMULA = "rate x killed share x (last failure - kill) + in flight x killed share"
REFILL_S = 3.0
"""How long after the emptying refills are counted: a hundred requests a second ask for each of twenty keys by then."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A value expected by theory: ``name`` (such as ``stampede.duplicates``), its unit, and the formula it comes from."""

    name: str
    value: float
    unit: str
    formula: str


def predict_stampede(
    experiment: Experiment,
    system: System,
    faults: tuple[PlannedFault, ...],
    drawn: Mapping[str, Arrivals],
    *,
    baseline_s: tuple[float, float],
    emptied_s: float,
    single_flight: Mapping[str, bool],
) -> tuple[Prediction, ...]:
    """
    Predict duplicates and origin amplification after an impulse that empties a cache; nothing without such a fault.

    The origin is taken to be unsaturated, so that every query takes ``query_s``, and every key but the cold ones to be cached
    when the cache is emptied.

    Source:
        verdicts.md section 3 and amendment 7: a key that is asked for at rate l while its query takes d costs 1 + l*d queries
        without single-flight; while the cache is gone the origin sees 1/(1-h) times its usual rate.
    """
    emptied = {service for fault in faults if fault.fault == "empty-cache" for service in fault.services}
    expect = experiment.expect.stampede
    if expect is None:
        return ()
    found = next(
        (
            (name, origin)
            for name, origin in system.origins.items()
            if name == expect.origin and origin.cache in emptied
        ),
        None,
    )
    if found is None or found[1].route not in drawn:
        return ()
    name, origin = found
    asked, flights = drawn[origin.route], single_flight[name]
    count = keys.count if (keys := system.routes[origin.route].keys) else 0
    times = _query_times(asked, origin, count, emptied_s, single_flight=flights)
    refill = [(t, key) for t, key in times if emptied_s <= t < emptied_s + REFILL_S]
    first = sum(1 for t, _ in times if emptied_s <= t < emptied_s + origin.query_s)
    usual_per_s = sum(1 for t, _ in times if baseline_s[0] <= t < baseline_s[1]) / (baseline_s[1] - baseline_s[0])
    usual_per_s = max(usual_per_s, 1 / (baseline_s[1] - baseline_s[0]))
    return (
        Prediction(
            "stampede.duplicates",
            len(refill) / max(1, len({key for _, key in refill})),
            "queries per key",
            "one query per key" if flights else "sum over keys of (1 + arrivals while its first query runs) / keys",
        ),
        Prediction(
            "stampede.amplification",
            first / origin.query_s / usual_per_s,
            "times",
            "distinct keys asked for / usual queries" if flights else "1 / (1 - hit ratio), while the cache is gone",
        ),
    )


def _query_times(
    asked: Arrivals, origin: Origin, count: int, emptied_s: float, *, single_flight: bool
) -> list[tuple[float, int]]:
    """Return (time, key) of every query to the origin, ascending, if hot keys are cached but for the emptying."""
    cached_from_s: dict[int, float] = {}
    queries = []
    for t_s, key in zip(asked.times_s, asked.keys, strict=True):
        if t_s < emptied_s and key <= count:
            continue
        filled_s = cached_from_s.setdefault(key, t_s + origin.query_s)
        starts_it = filled_s == t_s + origin.query_s
        if starts_it or (t_s < filled_s and not single_flight):
            queries.append((t_s, key))
    return queries


def kill_errors(*, rate_per_s: float, share: float, lasted_s: float, in_flight: float) -> float:
    """
    Predict how many requests fail when a share of a service's replicas is killed.

    Args:
        rate_per_s: Requests offered to all of its replicas.
        share: Killed replicas of all, in 0..1.
        lasted_s: How long requests are still led to the killed ones.
        in_flight: Requests open at all of its replicas, on average.

    Source:
        verdicts.md section 4: those led to the dead replica, and those that were open on it.
    """
    return share * (rate_per_s * lasted_s + in_flight)
