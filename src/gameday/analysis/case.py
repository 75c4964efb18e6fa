"""What every checker reads: the run on one clock, split by route, with its windows."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gameday.analysis.episodes import Episode, episodes
from gameday.analysis.model import Status
from gameday.analysis.routes import Requests, by_route, sound
from gameday.analysis.statistics import (
    Bools,
    Estimate,
    Ints,
    Sample,
    decide,
    minimum_samples,
    resamples,
    share,
)
from gameday.analysis.windows import Window, Windows, windows
from gameday.experiment.arrivals import Arrivals
from gameday.experiment.plan import Plan
from gameday.experiment.units import Threshold
from gameday.record.folder import RunData
from gameday.record.history import Record
from gameday.record.metrics import Metrics


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """
    A run as the checkers see it.

    Attributes:
        others: Names of requests that stand for no route, with their number.
        spoilt: What is wrong with what was recorded: records that the history lacks, and what rows say that no request can have done, with how
            many say so; those rows are in no route.
    """

    plan: Plan
    arrivals: Mapping[str, Arrivals]
    routes: Mapping[str, Requests]
    history: tuple[Record, ...]
    metrics: Metrics
    episodes: tuple[Episode, ...]
    windows: Windows
    others: tuple[tuple[str, int], ...] = ()
    spoilt: tuple[str, ...] = ()

    def scheduled(self, route: str, window: Window) -> int:
        """Return how many arrivals of a route the plan has in a window; of a closed load, how many were sent."""
        if self.plan.closed:
            return len(self.routes[route].within(window))
        times_s = self.arrivals[route].times_s
        return max(0, bisect.bisect_left(times_s, window.end_s) - bisect.bisect_left(times_s, window.start_s))

    def weights(self, window: Window) -> Ints:
        """Return the resamples of a window's seconds, the same for every route."""
        return resamples(self.plan.seed, window.label, window.seconds)

    def sample(self, route: str, window: Window) -> Sample:
        """Return a route's response times in a window, for quantiles."""
        return self.routes[route].sample(window, self.weights(window))

    def share(self, inside: Requests, window: Window, sure: Bools, possible: Bools) -> Estimate | None:
        """Estimate a share of the requests inside a window."""
        return share(sure, possible, window.second(inside.scheduled_s), self.weights(window))

    def bad_share(self, route: str, window: Window) -> Estimate | None:
        """
        Estimate the share of requests without a good answer in time.

        What the generator did not send, or made late by its own lag, counts as bad for a pass and not for a failure: it says
        nothing about the system. So does what was young when the load ended.
        """
        inside = self.routes[route].within(window)
        return self.share(inside, window, inside.bad, ~inside.good)

    def good_share(self, route: str, window: Window) -> Estimate | None:
        """Estimate the share of requests with a good answer in time; see ``bad_share``."""
        bad = self.bad_share(route, window)
        return bad.complement() if bad else None

    def good_share_of_sent(self, route: str, window: Window) -> Estimate | None:
        """Estimate the share of good answers among what was sent: the state of the system, whatever the generator did."""
        inside = self.routes[route].within(window)
        sent = inside.where(~inside.dropped)
        bad = self.share(sent, window, sent.bad, sent.bad)
        return bad.complement() if bad else None

    def hung_share(self, route: str, window: Window) -> Estimate | None:
        """Estimate the share of hung requests; those that perhaps hung count for a failure not, for a pass they do."""
        inside = self.routes[route].within(window)
        return self.share(inside, window, inside.hung, inside.perhaps_hung)

    @property
    def single_event(self) -> bool:
        """Tell whether the fault is one event, which has a value but, within one run, no interval."""
        return self.windows.shape == "impulse"

    def decide(self, estimate: Estimate, threshold: Threshold, *, single: bool) -> Status:
        """
        Judge by the interval; a single event by its value, which passes only if enough requests could have shown it.

        What is unknown of a single event must not matter: it fails if no way to count it holds, and passes if every way does.
        """
        if single:
            holds = {threshold.holds(value) for value in estimate.known}
            if holds == {False}:
                return Status.FAIL
            enough = estimate.n >= minimum_samples(0.95)
            return Status.PASS if holds == {True} and enough else Status.INCONCLUSIVE
        return decide(estimate.lo, estimate.hi, threshold.op, threshold.bound)


def case(data: RunData) -> Case:
    """Prepare a run for the checkers. Raises nothing on runs that stopped early or never began."""
    plan = data.plan
    found = episodes(plan, data.history)
    rows, spoilt = sound(
        data.rows, routes=[*(load.index for load in plan.routes), *(data.names if plan.closed else ())]
    )
    return Case(
        plan=plan,
        arrivals={load.route: plan.arrivals(load.route) for load in plan.routes},
        routes=by_route(
            rows,
            {load.route: plan.system.routes[load.route].deadline_s for load in plan.routes},
            plan.experiment.load.hang_s,
        ),
        history=data.history,
        metrics=data.metrics,
        episodes=found,
        windows=windows(plan, data.history, found),
        others=tuple((name, int(np.count_nonzero(rows["route"] == index))) for index, name in data.names.items()),
        spoilt=(*data.lost, *spoilt),
    )
