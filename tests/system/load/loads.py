"""Run a whole load against a test's server and return what it left."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gameday.experiment.plan import Plan
from gameday.load.distributed import DistributedSession
from gameday.load.session import LoadDone, LoadLostError, LoadSession
from gameday.record.requests import Outcome, Rows, read_rows

LIMIT_S = 60.0
"""A bound against hangs, far above what any of these loads takes."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The rows of a load, and how it ended."""

    rows: Rows
    done: LoadDone

    def outcomes(self, route: int = 0) -> dict[Outcome, int]:
        """Count the outcomes of one route."""
        mine = self.rows[self.rows["route"] == route]
        return {Outcome(value): count for value, count in sorted(Counter(mine["outcome"].tolist()).items())}


def session(plan: Plan, folder: Path, url: str, *, max_in_flight: int | None = None) -> LoadSession:
    """Return a session that sends every route to one place, without secrets."""
    return LoadSession(
        plan,
        folder=folder,
        urls={load.route: url for load in plan.routes},
        secrets={},
        max_in_flight=max_in_flight,
    )


def started(load: LoadSession) -> LoadSession:
    """Start it and let it begin soon."""
    load.start(timeout_s=LIMIT_S)
    load.begin(time.monotonic() + 0.5)
    return load


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Poll until a condition holds; fail after a generous time."""
    deadline_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {LIMIT_S:g} s: {what}"
        time.sleep(0.02)


def run(plan: Plan, folder: Path, url: str, *, max_in_flight: int | None = None) -> Loaded:
    """Run a load to its end, polling as the runner does."""
    with session(plan, folder, url, max_in_flight=max_in_flight) as load:
        started(load)
        wait_until(lambda: load.poll() is None and load.finished, "the load ends")
        assert load.finished
        return Loaded(read_rows(folder), load.finished)


def loss(load: DistributedSession) -> str:
    """Say how the load was lost; empty while it is not."""
    try:
        load.poll()
    except LoadLostError as error:
        return str(error)
    return ""
