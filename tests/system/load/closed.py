"""Run a locustfile of the tests against a test's server, and return what it left."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import JsonValue

from gameday.experiment.plan import Plan, RouteLoad
from gameday.load.session import LoadDone, LoadSession
from gameday.record.names import read_names
from gameday.record.requests import Outcome, Rows, read_rows
from system.load.loads import LIMIT_S, wait_until
from system.load.plans import bare_plan

FILES = Path(__file__).parent / "locustfiles"
ROUTES = {
    "product": "GET /product/{id}",
    "login": "POST /login",
    "checkout": "POST /checkout",
    "one": "GET /one",
    "posted": "POST /one",
}


def closed_plan(
    locustfile: str, load: Mapping[str, JsonValue] | None = None, *, duration_s: float = 2.0, hang: str = "3s"
) -> Plan:
    """Return a plan whose load is a locustfile; ``load`` are further keys of its section."""
    bare = bare_plan(
        {name: {"request": request} for name, request in ROUTES.items()},
        {"locustfile": locustfile, "hang": hang, **(load or {})},
        duration_s=duration_s,
    )
    return replace(bare, routes=tuple(RouteLoad(index, name, 0.0, 0) for index, name in enumerate(ROUTES)))


@dataclass(frozen=True, slots=True)
class Left:
    """The rows of a closed load, the names of those that stand for no route, and how it ended."""

    rows: Rows
    names: Mapping[int, str]
    done: LoadDone

    def outcomes(self, name: str) -> dict[Outcome, int]:
        """Count the outcomes of a route, or of requests of another name."""
        index = next(index for index, each in (*enumerate(ROUTES), *self.names.items()) if each == name)
        mine = self.rows[self.rows["route"] == index]
        return {Outcome(value): count for value, count in sorted(Counter(mine["outcome"].tolist()).items())}


def closed_session(plan: Plan, folder: Path, url: str) -> LoadSession:
    """Return a session that runs the plan's locustfile against one place."""
    return LoadSession(
        plan,
        folder=folder,
        urls=dict.fromkeys(ROUTES, url),
        secrets={},
        locustfile=FILES / (plan.experiment.load.locustfile or ""),
    )


def run_closed(plan: Plan, folder: Path, url: str) -> Left:
    """Run it to its end, polling as the runner does."""
    with closed_session(plan, folder, url) as load:
        load.start(timeout_s=LIMIT_S)
        load.begin(time.monotonic() + 0.5)
        wait_until(lambda: load.poll() is None and load.finished, "the load ends")
        assert load.finished
        return Left(read_rows(folder), read_names(folder), load.finished)
