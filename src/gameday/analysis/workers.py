"""
Ask that the workers of one load sent the same load and saw the same system.

Each worker sends every ``n``-th arrival, so all of them see the same seconds of the same system: what one of them sees
differently is its own doing, and numbers of different clients must not be merged.

Source:
    verdicts.md section 10.3, after Zhang et al., Treadmill (ISCA 2016): a worker that is off by more than a fifth is an artefact
    of the client.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gameday.analysis.case import Case
from gameday.analysis.model import Gate, Status
from gameday.analysis.routes import Requests
from gameday.analysis.statistics import (
    Bools,
    Ints,
    Sample,
    minimum_samples,
    percentile_interval,
    quantile,
    quantile_resampled,
)
from gameday.analysis.windows import STOPS, Window
from gameday.analysis.wording import percent, seconds
from gameday.experiment.samples import MATERIAL_S
from gameday.record.history import Event

FIFTH = 0.2
STOP_SLACK_S = 0.5
"""What was scheduled this shortly before a run was stopped may not have reached the files."""
MATTERS_S = 0.002
"""A smaller difference may be the way from one machine or another to the system (an estimate: it was not measured)."""
NAMES = ((0.5, "p50"), (0.95, "p95"))


@dataclass(frozen=True, slots=True)
class _Compared:
    """One number (``what``) of one worker beside that of the others: how far apart, 0 by chance, and whether that is a problem."""

    what: str
    apart: float
    n: int
    problem: str | None


def workers(case: Case) -> Gate:
    """Compare each worker with the others: what it sent, how late it was, and how long the same route took it."""
    count = case.plan.experiment.load.workers
    turns = _turns(case, count)
    found = [
        *(each for worker in range(count) for each in _sent(case, turns, worker)),
        *(each for worker in range(count) for each in _seen(case, turns, worker)),
    ]
    problems = (*_lost(case), *_worst(found), *_clocks(case))
    worst = max((each.apart for each in found), default=0.0)
    return Gate(
        id="gate.workers",
        title="the load's workers agree",
        status=Status.FAIL if problems else Status.PASS,
        forbids="verdict",
        value=worst,
        unit="ratio",
        op="<",
        bound=FIFTH,
        n=sum(len(requests) for requests in case.routes.values()),
        reason=problems[0]
        if problems
        else f"no number of {count} workers differs from the others' by more than {percent(FIFTH)} and chance",
        evidence=problems[1:],
    )


def _worst(found: list[_Compared]) -> Iterator[str]:
    """Yield of each number the problem of the worker that is furthest off: beside it the others look off too."""
    worst: dict[str, _Compared] = {}
    for each in found:
        if each.problem is not None and (each.what not in worst or each.apart > worst[each.what].apart):
            worst[each.what] = each
    yield from (each.problem for each in worst.values() if each.problem is not None)


def _turns(case: Case, count: int) -> dict[str, Ints]:
    """Return for every route which worker's turn each arrival is: the plan's arrivals in the order of their times, in turn."""
    times_s = [case.times_s[load.route] for load in case.plan.routes]
    order = np.argsort(np.concatenate([np.empty(0), *times_s]), kind="stable")
    turn = np.empty(len(order), np.int64)
    turn[order] = np.arange(len(order)) % count
    ends = np.cumsum([len(each) for each in times_s])
    return {load.route: part for load, part in zip(case.plan.routes, np.split(turn, ends[:-1]), strict=True)}


def _sent(case: Case, turns: dict[str, Ints], worker: int) -> Iterator[_Compared]:
    """Compare the shares of a worker's schedule that left a row, that were sent, and that were late through the worker itself."""
    ends_s = [record.t_s for record in case.history if record.event in {*STOPS, Event.LOAD_LOST}]
    last_s = min(ends_s, default=np.inf) - STOP_SLACK_S
    counts = np.zeros((2, 4), np.int64)  # the worker's, the others': due, rows, sent, late
    for route, turn in turns.items():
        due = case.times_s[route] < last_s
        requests = case.routes[route]
        known = requests.where((requests.seq < len(due)) & (requests.scheduled_s < last_s))
        own: Bools = turn[known.seq] == worker
        late: Bools = known.lag_s > MATERIAL_S
        for index, (scheduled, mask) in enumerate(((turn == worker, own), (turn != worker, ~own))):
            sent = mask & ~known.dropped
            counts[index] += (
                int(np.count_nonzero(due & scheduled)),
                len(np.unique(known.seq[mask])),
                int(np.count_nonzero(sent)),
                int(np.count_nonzero(sent & late)),
            )
    (due_n, rows, sent_n, late_n), (others_due, _, others_sent, others_late) = counts.tolist()
    if not due_n:
        return
    missing = due_n - rows
    told = f"load worker {worker}: {missing} of {due_n} scheduled requests left no row" if missing > 0 else None
    yield _Compared("rows", max(0, missing) / due_n, due_n, told)
    for name, value, other in (
        ("sent", sent_n / due_n, others_sent / max(others_due, 1)),
        ("were late by more than 20 ms", late_n / max(sent_n, 1), others_late / max(others_sent, 1)),
    ):
        apart = abs(value - other)
        problem = f"load worker {worker}: {percent(value)} of its requests {name}, of the others' {percent(other)}"
        yield _Compared(name, apart, due_n, problem if apart > FIFTH else None)


def _seen(case: Case, turns: dict[str, Ints], worker: int) -> Iterator[_Compared]:
    """Compare the response times of every route; too few requests say nothing."""
    window = Window("workers", case.windows.observed.start_s, case.windows.observed.end_s)
    for route, turn in turns.items():
        requests = case.routes[route]
        inside = requests.where(requests.seq < len(turn)).within(window)
        inside = inside.where(~inside.dropped)
        own: Bools = turn[inside.seq] == worker
        for q, name in NAMES:
            if min(np.count_nonzero(own), np.count_nonzero(~own)) >= minimum_samples(q):
                yield _quantiles(case, window, inside, own, worker=worker, q=q, name=f"{route}'s {name}")


def _quantiles(
    case: Case, window: Window, inside: Requests, own: Bools, *, worker: int, q: float, name: str
) -> _Compared:
    """
    Compare one quantile; the same seconds are drawn for both, so what the system did cancels out.

    It is a problem if it differs by more than a fifth and ``MATTERS_S``, and not by chance: the interval of the ratio does not contain
    one.
    """
    weights = case.weights(window)
    mine, others = (
        Sample.of(part.response_s, window.second(part.scheduled_s), weights)
        for part in (inside.where(own), inside.where(~own))
    )
    value_s, other_s = quantile(mine, q), quantile(others, q)
    apart = abs(value_s / max(other_s, 1e-9) - 1)
    problem = None
    if apart > FIFTH and abs(value_s - other_s) > MATTERS_S:
        drawn = quantile_resampled(mine, q) / np.maximum(quantile_resampled(others, q), 1e-9)
        lo, hi = percentile_interval(drawn)
        if lo > 1 or hi < 1:
            problem = f"load worker {worker}: {name} is {seconds(value_s)}, the others' {seconds(other_s)}"
    by_chance = apart > FIFTH and problem is None
    return _Compared(name, 0.0 if by_chance else apart, len(mine.values), problem)


def _lost(case: Case) -> Iterator[str]:
    """Say what the run itself said of a worker that it lost."""
    yield from (str(record.data.get("reason")) for record in case.history if record.event == Event.LOAD_LOST)


def _clocks(case: Case) -> Iterator[str]:
    """Tell of every worker whose clock is not known well enough."""
    told = next((record.data.get("workers") for record in case.history if record.event == Event.LOAD_WORKERS), None)
    for each in told if isinstance(told, list) else ():
        uncertain_s = each.get("uncertain_s") if isinstance(each, dict) else None
        if isinstance(each, dict) and isinstance(uncertain_s, int | float) and uncertain_s > MATERIAL_S:
            yield (
                f"load worker {each.get('worker')}: its clock is known to {seconds(uncertain_s)} only,"
                f" {seconds(MATERIAL_S)} are accepted"
            )
