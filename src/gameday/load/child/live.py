"""Count what the live view shows. Pure; the rows are the truth, this is for the eye."""

from __future__ import annotations

import math
from collections import Counter, deque

from gameday.load.wire import TICK_S, RouteTick
from gameday.record.requests import Outcome

_SLOTS = round(5 / TICK_S)
_BINS_PER_E = 20.5  # bins are exp(1 / 20.5), five percent wide
_SMALLEST_S = 1e-5


class RouteLive:
    """One route's counts since the start, and the response times of the last five seconds in bins five percent wide."""

    def __init__(self, route: str) -> None:
        """Start at nothing."""
        self._route = route
        self._offered = 0
        self._outcomes: Counter[Outcome] = Counter()
        self._slots: deque[Counter[int]] = deque([Counter()], maxlen=_SLOTS)

    def offer(self) -> None:
        """Count an arrival that is due."""
        self._offered += 1

    def end(self, outcome: Outcome, response_s: float) -> None:
        """Count how it ended; only what was sent and was not cut off has a response time."""
        self._outcomes[outcome] += 1
        if outcome < Outcome.CENSORED:
            self._slots[-1][int(math.log(max(response_s, _SMALLEST_S) / _SMALLEST_S) * _BINS_PER_E)] += 1

    def tick(self) -> RouteTick:
        """Return the counts and begin the next slot of the moving window."""
        seen = self._outcomes
        good = seen[Outcome.OK] + seen[Outcome.DEGRADED]
        rejected, hung = seen[Outcome.REJECTED], seen[Outcome.TIMEOUT]
        value = RouteTick(
            route=self._route,
            offered=self._offered,
            good=good,
            degraded=seen[Outcome.DEGRADED],
            rejected=rejected,
            bad=seen.total() - good - rejected - hung,
            hung=hung,
            p95_s=self._p95_s(),
        )
        self._slots.append(Counter())
        return value

    def _p95_s(self) -> float | None:
        bins: Counter[int] = Counter()
        for slot in self._slots:
            bins.update(slot)
        rank = math.ceil(0.95 * bins.total())
        for index in sorted(bins):
            rank -= bins[index]
            if rank <= 0:
                return _SMALLEST_S * math.exp((index + 1) / _BINS_PER_E)
        return None
