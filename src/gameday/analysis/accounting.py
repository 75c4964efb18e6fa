"""
The precondition that client and server tell the same story: requests counted, and time spent in them.

Gauges sampled once a second would fail half of all healthy baselines; sums over the baseline do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gameday.analysis.case import Case
from gameday.analysis.model import Gate, Status
from gameday.analysis.pools import at, mapped, missing, total
from gameday.analysis.routes import Requests
from gameday.analysis.statistics import Bools
from gameday.analysis.windows import Window
from gameday.analysis.wording import bound, seconds
from gameday.experiment.counters import in_seconds, of_route, selector, unlabelled, unmatched
from gameday.experiment.model import System
from gameday.experiment.samples import MATERIAL_S
from gameday.record.metrics import Series
from gameday.record.requests import Outcome

TIME_APART = 0.1
PER_REQUEST_S = 0.002
"""What client, proxy and loop may add to each request outside of the server's own measurement."""
LEAST_S = 5.0
"""So much of a baseline must be on time for times to be compared there alone; else all of it is."""
EDGE_S = 0.25
"""How far a page's counters may be from the time at which they were sampled."""
SIMULATED = "simulated"
"""The target of runs that a simulator made: they have no server whose counters could be compared."""


@dataclass(frozen=True, slots=True)
class Account:
    """
    One route's baseline between two samples of its server's page: both sides' counts and times, and what is allowed between.

    Attributes:
        compared_s: How much of the baseline the times are of.
    """

    route: str
    server: float
    client_least: int
    client_most: int
    server_s: float
    client_s: float
    allowed_s: float
    compared_s: float

    @property
    def used(self) -> float:
        """Return how much of the accepted difference in time there is."""
        return abs(self.server_s - self.client_s) / max(self.allowed_s, 1e-9)

    @property
    def told(self) -> str:
        """Return both sides in one sentence."""
        return (
            f"{self.route}: {self.server:.0f} requests by the server, {self.client_least} to {self.client_most} by the rows;"
            f" {seconds(self.server_s)} against {seconds(self.client_s)} in {seconds(self.compared_s)},"
            f" {seconds(self.allowed_s)} apart is accepted"
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
    Judge whether in the baseline the server's counters of requests and of time equal what the rows say of them.

    Times are compared between those samples between which the generator was on time: where the machine holds it up,
    requests and answers wait outside of the server, too, and that is nobody's account.

    Routes are compared whose entry has ``requests`` and ``request-time`` among the counters of the system file. Where its page has no metric
    of such a name, or no label that tells routes apart, that is told and not judged: then the file is wrong, not the system. Of a closed
    load only the requests count: its clients' own work is in their times. And only if each of its requests stands for a
    route, because what the others came to is not known.
    """
    closed, routes = case.plan.closed, [load.route for load in case.plan.routes]
    before = Window("before", 0.0, case.windows.baseline.end_s)  # what came later could be counted only later
    unmade = {route: why for route in routes if (why := _unmade(case, route)) is not None}
    found = {route: _account(case, route) for route in routes if route not in unmade}
    accounts = [account for account in found.values() if account is not None]
    silent = [route for route, account in found.items() if account is None and case.scheduled(route, before)]
    problems = [problem for each in accounts if (problem := each.miscounted if closed else each.problem)]
    problems += [_silence(case, route) for route in silent]
    reasons = tuple(dict.fromkeys(filter(None, unmade.values())))
    nothing = not found
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
        else f"{reasons[0] if reasons else 'no requests and times of its servers are named'}, so only the rows say what happened"
        if nothing
        else f"{problems[0]}; that may be requests whose names stand for no route of the system"
        if unknown
        else problems[0]
        if problems
        else "requests equal but for those at the edges"
        if closed
        else f"requests equal but for those at the edges, times within {bound(TIME_APART, 'ratio')} and {seconds(PER_REQUEST_S)} a request",
        evidence=(*problems[1:], *reasons[1 if nothing else 0 :], *(account.told for account in accounts)),
    )


def _unmade(case: Case, route: str) -> str | None:
    """Return why a route's account cannot be made: empty where the system file names no counters for it; None where it can."""
    system, entry = case.plan.system, case.plan.system.routes[route].entry
    counters = mapped(system, entry)
    if counters.requests is None or counters.request_time is None:
        return ""
    keys = [key for owner, key in case.metrics.samples if owner == entry]
    if not keys:
        return None
    if why := missing(case.metrics, entry, counters.requests) or missing(
        case.metrics, entry, counters.request_time, "_sum"
    ):
        return why
    if counters.route_label is None and _is_alone(system, route):
        return None
    names = (selector(counters.requests).name, f"{selector(counters.request_time).name}_sum")
    reasons = (unlabelled(entry, name, keys, counters.route_label, "route") for name in names)
    return next(filter(None, reasons), None)


def _silence(case: Case, route: str) -> str:
    """Return what is wrong with a route's counters, of which nothing was read in the baseline."""
    declared = case.plan.system.routes[route]
    counters = mapped(case.plan.system, declared.entry)
    keys = [key for owner, key in case.metrics.samples if owner == declared.entry]
    if not keys or counters.requests is None or counters.route_label is None:
        return f"{route}: its server published no counters in the baseline"
    why = unmatched(declared.entry, keys, counters, route, declared.request)
    return f"{route}: {why or 'its server published no counters in the baseline'}"


def _is_alone(system: System, route: str) -> bool:
    entry = system.routes[route].entry
    return [name for name, each in system.routes.items() if each.entry == entry] == [route]


def _account(case: Case, route: str) -> Account | None:
    system, declared = case.plan.system, case.plan.system.routes[route]
    entry, counters = declared.entry, mapped(case.plan.system, declared.entry)
    is_its = of_route(counters, route, declared.request)
    alone = counters.route_label is None and _is_alone(system, route)
    counts, sums = (
        total(case.metrics, entry, metric, lambda labels: alone or is_its(labels), suffix=suffix)
        for metric, suffix in ((counters.requests, ""), (counters.request_time, "_sum"))
    )
    sums = (sums[0], in_seconds(1.0, counters.request_time_unit) * sums[1])
    window = case.windows.baseline
    inside = counts[0][(counts[0] >= window.start_s) & (counts[0] <= window.end_s)]
    if len(inside) < 2 or not len(sums[0]):
        return None
    start_s, end_s = float(inside[0]), float(inside[-1])
    requests = case.routes[route]
    surely = requests.where(~requests.being(Outcome.DROPPED, Outcome.CONNECTION, Outcome.TIMEOUT, Outcome.CENSORED))
    perhaps = requests.where(~requests.dropped)
    server_s = client_s = allowed_s = compared_s = 0.0
    for first_s, last_s in _on_time(case, [float(at_s) for at_s in inside]):
        between = surely.where(_ended(surely, first_s, last_s))
        edges = surely.where(_near(surely, first_s, last_s))
        took_s = float(between.service_s.sum())
        server_s += _rise(sums, first_s, last_s)
        client_s += took_s
        allowed_s += TIME_APART * took_s + PER_REQUEST_S * len(between) + float(edges.service_s.sum())
        compared_s += last_s - first_s
    return Account(
        route=route,
        server=_rise(counts, start_s, end_s),
        client_least=int(_ended(surely, start_s + EDGE_S, end_s - EDGE_S).sum()),
        client_most=int(_ended(perhaps, start_s - EDGE_S, end_s + EDGE_S).sum()),
        server_s=server_s,
        client_s=client_s,
        allowed_s=allowed_s,
        compared_s=compared_s,
    )


def _on_time(case: Case, samples_s: list[float]) -> list[tuple[float, float]]:
    """Return the spans between samples in which no request was sent late; all in one where too little is left."""
    held = np.sort(np.concatenate([each.scheduled_s[each.lag_s > MATERIAL_S] for each in case.routes.values()]))
    spans: list[tuple[float, float]] = []
    for first_s, last_s in pairwise(samples_s):
        if np.searchsorted(held, first_s - EDGE_S) < np.searchsorted(held, last_s):
            continue
        begun_s = spans.pop()[0] if spans and spans[-1][1] == first_s else first_s
        spans.append((begun_s, last_s))
    left_s = sum(last_s - first_s for first_s, last_s in spans)
    return spans if left_s >= LEAST_S else [(samples_s[0], samples_s[-1])]


def _near(requests: Requests, start_s: float, end_s: float) -> Bools:
    """Return which ended so near to a sample that it may have counted them or not."""
    inner = _ended(requests, start_s + EDGE_S, end_s - EDGE_S)
    return np.asarray(_ended(requests, start_s - EDGE_S, end_s + EDGE_S) & ~inner, bool)


def _ended(requests: Requests, start_s: float, end_s: float) -> Bools:
    return np.asarray((requests.ended_s > start_s) & (requests.ended_s <= end_s), bool)


def _rise(series: Series, start_s: float, end_s: float) -> float:
    return (at(series, end_s) or 0.0) - (at(series, start_s) or 0.0)
