"""The watch ends a run whose protected route burns, on both kinds of load."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gameday.experiment.model import Load
from gameday.experiment.plan import Plan
from gameday.record.history import Event, History, read_history
from gameday.record.requests import Outcome, RowWriter
from gameday.runner.watch import Watch
from samples import planned

HANG_S = 4.0
BURNS_S = 24.0
"""From when on nothing is answered as it should be; the fault phase begins at 22 s."""


def plan(*, closed: bool) -> Plan:
    """Return a plan with an abort condition, on arrivals or on waiting users."""
    made = planned(safety={"abort": {"route": "checkout"}}, phases={"fault": "30s"})
    asked = {"locustfile": "shop.py"} if closed else {"routes": {"checkout": "60/s", "pulse": "60/s"}}
    load = Load.model_validate({**asked, "hang": f"{HANG_S:g}s"})
    return replace(made, experiment=made.experiment.model_copy(update={"load": load}))


def rows(kind: str) -> Iterator[tuple[float, float, Outcome]]:
    """Yield start, end and outcome of each request of twenty users who ask again half a second after each answer."""
    for user in range(20):
        t_s = user * 0.025
        while t_s < 50:
            ill = t_s >= BURNS_S and kind != "none"
            outcome = {"hang": Outcome.TIMEOUT, "error": Outcome.ERROR}[kind] if ill else Outcome.OK
            end_s = t_s + (HANG_S if outcome == Outcome.TIMEOUT else 0.02)
            yield t_s, end_s, outcome
            t_s = end_s + 0.5


def noticed_s(tmp_path: Path, kind: str, *, closed: bool) -> float | None:
    """Write rows as requests end, and return when the watch wants the run to end."""
    watched = plan(closed=closed)
    history = History(tmp_path, "supervisor", start_s=0.0)
    writer = RowWriter(tmp_path, worker=0, routes=("checkout", "pulse"), origin_monotonic_s=0.0)
    watch = Watch(watched, tmp_path, history)
    index = next(load.index for load in watched.routes if load.route == "checkout")
    if closed:
        waiting = sorted(rows(kind), key=lambda row: row[1])
    else:
        good = (t_s for t_s in watched.arrivals("checkout").times_s if t_s < BURNS_S or kind == "none")
        waiting = [(t_s, t_s + 0.02, Outcome.OK) for t_s in good]
    try:
        for now_s in range(1, 45):
            while waiting and waiting[0][1] < now_s:
                t_s, end_s, outcome = waiting.pop(0)
                writer.add((0, index, 0, outcome, 1, 200, 0, 0, t_s, 0.0, end_s - t_s, 0.0))
            writer.flush()
            if watch.must_end(now_s):
                return now_s
    finally:
        writer.close()
        history.close()
    return None


@pytest.mark.parametrize("closed", [False, True])
def test_a_healthy_load_never_ends_a_run(tmp_path: Path, *, closed: bool) -> None:
    """Whoever waits for an answer is no trouble yet."""
    assert noticed_s(tmp_path, "none", closed=closed) is None


@pytest.mark.parametrize(
    ("kind", "closed", "within_s"), [("hang", False, 7), ("hang", True, HANG_S + 7), ("error", True, 7)]
)
def test_a_burning_route_ends_the_run_within_seconds(
    tmp_path: Path, kind: str, within_s: float, *, closed: bool
) -> None:
    """Of users who wait nothing is known before the client gives up."""
    at_s = noticed_s(tmp_path, kind, closed=closed)
    assert at_s is not None
    assert BURNS_S < at_s <= BURNS_S + within_s
    assert [record.event for record in read_history(tmp_path)] == [Event.ABORT_NOTICED, Event.RUN_ABORTED]
