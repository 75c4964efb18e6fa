"""
The precondition that client and server tell the same story: requests counted, and time spent in them.

Gauges sampled once a second would fail half of all healthy baselines; sums over the baseline do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gameday.analysis.case import Case
from gameday.analysis.model import Gate, Status
from gameday.analysis.pools import at, total
from gameday.analysis.routes import Requests
from gameday.analysis.statistics import Bools
from gameday.analysis.windows import Window
from gameday.analysis.wording import percent, seconds
from gameday.record.metrics import Series
from gameday.record.requests import Outcome

TIME_APART = 0.1
PER_REQUEST_S = 0.002
"""What client, proxy and loop may add to each request outside of the server's own measurement."""
EDGE_S = 0.25
"""How far a page's counters may be from the time at which they were sampled."""
SIMULATED = "simulated"
"""The target of runs that a simulator made: they have no server whose counters could be compared."""


@dataclass(frozen=True, slots=True)
class Account:
    """One route's baseline between two samples of its server's page: both sides' counts and times, and what is allowed between."""

    route: str
    server: float
    client_least: int
    client_most: int
    server_s: float
    client_s: float
    allowed_s: float

    @property
    def used(self) -> float:
        """Return how much of the accepted difference in time there is."""
        return abs(self.server_s - self.client_s) / max(self.allowed_s, 1e-9)

    @property
    def told(self) -> str:
        """Return both sides in one sentence."""
        return (
            f"{self.route}: {self.server:.0f} requests by the server, {self.client_least} to {self.client_most} by the rows;"
            f" {seconds(self.server_s)} against {seconds(self.client_s)}, {seconds(self.allowed_s)} apart is accepted"
        )

    @property
    def miscounted(self) -> str | None:
        """Return what does not fit in the number of requests, None when it does."""
        if not self.client_least <= self.server <= self.client_most:
            return f"{self.route}: the server counted {self.server:.0f} requests, the rows say {self.client_least} to {self.client_most}"
        return None

    @property
    def problem(self) -> str | None:
        """Return what does not fit, None when all does."""
        if told := self.miscounted:
            return told
        if self.used > 1:
            return (
                f"{self.route}: the server spent {seconds(self.server_s)} in requests, clients waited {seconds(self.client_s)};"
                f" at most {seconds(self.allowed_s)} apart is accepted"
            )
        return None


def accounting(case: Case) -> Gate:
    """
    Ask that in the baseline the server's counters of requests and of time equal what the rows say of them.

    A system of somebody's own, which need not publish such counters, is held to those that it does publish. Of a closed
    load only the requests count: its clients' own work is in their times. And only if each of its requests stands for a
    route, because what the others came to is not known.
    """
    closed, routes = case.plan.closed, [load.route for load in case.plan.routes]
    before = Window("before", 0.0, case.windows.baseline.end_s)  # what came later could be counted only later
    found = [_account(case, route) for route in routes]
    accounts = [account for account in found if account is not None]
    silent = [
        route for route, account in zip(routes, found, strict=True) if account is None and case.scheduled(route, before)
    ]
    problems = [problem for each in accounts if (problem := each.miscounted if closed else each.problem)]
    if not _foreign(case):
        problems += [f"{route}: its server published no counters in the baseline" for route in silent]
    nothing = _foreign(case) and not accounts
    simulated = case.plan.target == SIMULATED and not accounts
    unknown = closed and case.others and problems
    return Gate(
        id="gate.accounting",
        title="client and server count the same",
        status=Status.SHOWN if simulated or unknown or nothing else Status.FAIL if problems else Status.PASS,
        forbids="verdict",
        value=None if closed else max((account.used for account in accounts), default=None),
        unit="of the accepted difference",
        op="<",
        bound=1.0,
        n=sum(account.client_most for account in accounts),
        reason="simulated rows have no server to compare with"
        if simulated
        else "its servers publish no counters of the demo's kind, so only the rows say what happened"
        if nothing
        else f"{problems[0]}; that may be requests whose names stand for no route of the system"
        if unknown
        else problems[0]
        if problems
        else "requests equal but for those at the edges"
        if closed
        else f"requests equal but for those at the edges, times within {percent(TIME_APART)} and {seconds(PER_REQUEST_S)} a request",
        evidence=(*problems[1:], *(account.told for account in accounts)),
    )


def _foreign(case: Case) -> bool:
    """Tell whether what ran was no demo of gameday's, of which it is known what its servers publish."""
    targets, name = case.plan.system.targets, case.plan.target
    return name in targets.names() and targets.demo(name) is None


def _account(case: Case, route: str) -> Account | None:
    entry = case.plan.system.routes[route].entry
    counts, sums = (
        total(case.metrics, entry, name, lambda found: found.get("route") == route)
        for name in ("http_requests_total", "http_request_duration_seconds_sum")
    )
    window = case.windows.baseline
    inside = counts[0][(counts[0] >= window.start_s) & (counts[0] <= window.end_s)]
    if len(inside) < 2 or not len(sums[0]):
        return None
    start_s, end_s = float(inside[0]), float(inside[-1])
    requests = case.routes[route]
    surely = requests.where(~requests.being(Outcome.DROPPED, Outcome.CONNECTION, Outcome.TIMEOUT, Outcome.CENSORED))
    perhaps = requests.where(~requests.dropped)
    between = surely.where(_ended(surely, start_s, end_s))
    edges = surely.where(
        _ended(surely, start_s - EDGE_S, end_s + EDGE_S) & ~_ended(surely, start_s + EDGE_S, end_s - EDGE_S)
    )
    client_s = float(between.service_s.sum())
    return Account(
        route=route,
        server=_rise(counts, start_s, end_s),
        client_least=int(_ended(surely, start_s + EDGE_S, end_s - EDGE_S).sum()),
        client_most=int(_ended(perhaps, start_s - EDGE_S, end_s + EDGE_S).sum()),
        server_s=_rise(sums, start_s, end_s),
        client_s=client_s,
        allowed_s=TIME_APART * client_s + PER_REQUEST_S * len(between) + float(edges.service_s.sum()),
    )


def _ended(requests: Requests, start_s: float, end_s: float) -> Bools:
    return np.asarray((requests.ended_s > start_s) & (requests.ended_s <= end_s), bool)


def _rise(series: Series, start_s: float, end_s: float) -> float:
    return (at(series, end_s) or 0.0) - (at(series, start_s) or 0.0)
