"""What every checker reads: the run on one clock, split by route, with its windows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from gameday.analysis.episodes import Episode, episodes
from gameday.analysis.model import Status
from gameday.analysis.routes import Requests, by_route, sound
from gameday.analysis.statistics import (
    Bools,
    Counts,
    Estimate,
    Floats,
    decide,
    few,
    minimum_samples,
    quantile_estimate,
    resamples,
    share,
    widening,
)
from gameday.analysis.windows import Window, Windows, windows
from gameday.experiment.plan import Plan
from gameday.experiment.units import Threshold
from gameday.record.folder import RunData
from gameday.record.history import Record
from gameday.record.metrics import Metrics

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """
    A run as the checkers see it.

    Attributes:
        times_s: When each route's requests were scheduled, ascending; nothing of a closed load.
        others: Names of requests that stand for no route, with their number.
        spoilt: What is wrong with what was recorded: records that the history lacks, and what rows say that no request can have done, with how
            many say so; those rows are in no route.
    """

    plan: Plan
    times_s: Mapping[str, Floats]
    routes: Mapping[str, Requests]
    history: tuple[Record, ...]
    metrics: Metrics
    episodes: tuple[Episode, ...]
    windows: Windows
    others: tuple[tuple[str, int], ...] = ()
    spoilt: tuple[str, ...] = ()
    _known: dict[tuple[object, ...], Any] = field(default_factory=dict)

    def once(self, key: tuple[object, ...], compute: Callable[[], T]) -> T:
        """Return what ``compute`` returns, computed once for each key: several checkers need the same numbers of many rows."""
        if key not in self._known:
            self._known[key] = compute()
        found: T = self._known[key]
        return found

    def scheduled(self, route: str, window: Window) -> int:
        """Return how many arrivals of a route the plan has in a window; of a closed load, how many were sent."""
        if self.plan.closed:
            return len(self.routes[route].within(window))
        first, end = np.searchsorted(self.times_s[route], (window.start_s, window.end_s))
        return max(0, int(end - first))

    def weights(self, window: Window) -> Counts:
        """Return the resamples of a window's seconds, the same for every route."""
        return resamples(self.plan.seed, window.label, window.seconds)

    def quantile(
        self, route: str, window: Window, q: float, least: int | None = None
    ) -> tuple[Estimate, Floats] | None:
        """
        Estimate a quantile of a route's response times in a window, and return that of each resample too.

        None below ``least`` requests, by default as many as it needs. Both are kept: the control route is compared with
        every other.
        """
        return self.once(
            ("quantile", route, window, q, least),
            lambda: quantile_estimate(self.routes[route].sample(window, self.weights(window)), q, least),
        )

    def inside(self, route: str, window: Window) -> Requests:
        """
        Return a route's requests of a window.

        Bad ones of the baseline that were open at the injection belong to what was injected, not to the baseline.
        """
        inside = self.routes[route].within(window)
        if window.label != self.windows.baseline.label:
            return inside
        victims = self._open(inside)
        return inside.where(~victims) if victims.any() else inside

    def victims(self, route: str) -> Requests:
        """Return the baseline's requests that were open at the injection and got no good answer."""
        inside = self.routes[route].within(self.windows.baseline)
        return inside.where(self._open(inside))

    def _open(self, inside: Requests) -> Bools:
        return np.asarray(inside.bad & (inside.ended_s >= self.windows.baseline.end_s), bool)

    def sent(self, route: str, window: Window) -> int:
        """Return how many requests of a window were sent."""
        return int(np.count_nonzero(~self.routes[route].within(window).dropped))

    def share(
        self, inside: Requests, window: Window, sure: Bools, possible: Bools, wide: float | None = None
    ) -> Estimate | None:
        """Estimate a share of requests inside a window; the interval is ``wide`` times that of its resamples."""
        if wide is None:
            wide = few(window.seconds) * self._alike(inside.route)
        return share(sure, possible, window.second(inside.scheduled_s), self.weights(window), wide)

    def _alike(self, route: str) -> float:
        """Return by how much intervals are wider because bad answers of the baseline come in spells of seconds."""

        def computed() -> float:
            baseline = self.windows.baseline
            inside = self.inside(route, baseline)
            bad_s = baseline.second(inside.scheduled_s[inside.bad])
            return widening(np.bincount(bad_s, minlength=baseline.seconds).astype(float))

        return self.once(("alike", route), computed)

    def bad_share(self, route: str, window: Window) -> Estimate | None:
        """
        Estimate the share of requests without a good answer in time.

        What the generator did not send, or made late by its own lag, counts as bad for a pass and not for a failure: it says
        nothing about the system. So does what was young when the load ended.
        """

        def estimated() -> Estimate | None:
            inside = self.inside(route, window)
            return self.share(inside, window, inside.bad, ~inside.good)

        return self.once(("bad share", route, window), estimated)

    def good_share(self, route: str, window: Window) -> Estimate | None:
        """Estimate the share of requests with a good answer in time; see ``bad_share``."""
        bad = self.bad_share(route, window)
        return bad.complement() if bad else None

    def good_share_of_sent(self, route: str, window: Window) -> Estimate | None:
        """Estimate the share of good answers among what was sent: the state of the system, whatever the generator did."""
        inside = self.inside(route, window)
        sent = inside.where(~inside.dropped)
        bad = self.share(sent, window, sent.bad, sent.bad, wide=1.0)
        return bad.complement() if bad else None

    def hung_share(self, route: str, window: Window) -> Estimate | None:
        """Estimate the share of hung requests; those that perhaps hung count for a failure not, for a pass they do."""
        inside = self.inside(route, window)
        return self.share(inside, window, inside.hung, inside.perhaps_hung)

    @property
    def single_event(self) -> bool:
        """Return whether the fault is one event, which has a value but, within one run, no interval."""
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
    sent = np.bincount(rows["route"], minlength=1 + max(data.names, default=0))
    return Case(
        plan=plan,
        times_s={load.route: np.array(plan.arrivals(load.route).times_s, float) for load in plan.routes},
        routes=by_route(
            rows,
            {load.route: plan.system.routes[load.route].deadline_s for load in plan.routes},
            plan.experiment.load.hang_s,
        ),
        history=data.history,
        metrics=data.metrics,
        episodes=found,
        windows=windows(plan, data.history, found),
        others=tuple((name, int(sent[index])) for index, name in data.names.items()),
        spoilt=(*data.lost, *spoilt),
    )
