"""One route's request rows as columns, with what censoring and deadlines make of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gameday.analysis.statistics import Bools, Counts, Floats, Ints, Sample
from gameday.analysis.windows import Window
from gameday.record.folder import LONGEST_S
from gameday.record.requests import Outcome, Rows

EARLY_S = 1.0
"""A time that is less than this before its zero is one of rounding, or of two clocks."""


@dataclass(frozen=True, slots=True, eq=False)
class Requests:
    """
    Requests of one route, ordered by their scheduled start and then by their number within the route.

    Attributes:
        response_s: From the scheduled start to the answer. A hung request counts as its age, at least the hang threshold:
            quantiles stay valid as lower bounds as long as they lie below the hung mass.
        origin: Queries to the origin that the answer named, ``UNKNOWN`` when it did not.

    What the generator's own lag may have caused is never certain: a deadline or a threshold was missed with certainty only if
    ``service_s``, the system's part of the response time, is beyond it alone.
    """

    route: str
    deadline_s: float
    hang_s: float
    seq: Ints
    scheduled_s: Floats
    lag_s: Floats
    service_s: Floats
    response_s: Floats
    outcome: npt.NDArray[np.uint8]
    origin: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.seq)

    def where(self, mask: Bools | slice) -> Requests:
        """Return those of a mask, or between two places."""
        return Requests(
            route=self.route,
            deadline_s=self.deadline_s,
            hang_s=self.hang_s,
            seq=self.seq[mask],
            scheduled_s=self.scheduled_s[mask],
            lag_s=self.lag_s[mask],
            service_s=self.service_s[mask],
            response_s=self.response_s[mask],
            outcome=self.outcome[mask],
            origin=self.origin[mask],
        )

    def within(self, window: Window) -> Requests:
        """Return those scheduled in ``[start_s, end_s)``, as a view."""
        first, end = np.searchsorted(self.scheduled_s, (window.start_s, window.end_s))
        return self.where(slice(int(first), max(int(first), int(end))))

    def sent_within(self, start_s: float, end_s: float) -> Requests:
        """Return those sent in ``[start_s, end_s)``; a dropped one never was."""
        return self.where((self.sent_s >= start_s) & (self.sent_s < end_s) & ~self.dropped)

    @property
    def sent_s(self) -> Floats:
        """Return when each was sent."""
        return self.scheduled_s + self.lag_s

    @property
    def ended_s(self) -> Floats:
        """Return when each ended, or was last seen open."""
        return self.scheduled_s + self.lag_s + self.service_s

    def being(self, *outcomes: Outcome) -> Bools:
        """Return which ended in one of these ways."""
        found = self.outcome == outcomes[0]
        for outcome in outcomes[1:]:
            found |= self.outcome == outcome
        return np.asarray(found, bool)

    @property
    def good(self) -> Bools:
        """Return which were answered well, degraded or not."""
        return self.being(Outcome.OK, Outcome.DEGRADED)

    @property
    def degraded(self) -> Bools:
        """Return which were answered well from a fallback."""
        return self.being(Outcome.DEGRADED)

    @property
    def dropped(self) -> Bools:
        """Return which the generator never sent."""
        return self.being(Outcome.DROPPED)

    @property
    def bad(self) -> Bools:
        """Return which the system certainly did not answer well in time."""
        excused = self.being(Outcome.LATE, Outcome.CENSORED) & (self.service_s <= self.deadline_s)
        return np.asarray(~self.good & ~self.dropped & ~excused, bool)

    @property
    def hung(self) -> Bools:
        """Return which certainly hung: given up on, or without an answer for the hang threshold since they were sent."""
        old = self.service_s >= self.hang_s
        return np.asarray(self.being(Outcome.TIMEOUT) | (old & ~self.dropped), bool)

    @property
    def cut(self) -> Bools:
        """Return which were still young when the load ended: whether they would have hung is not known."""
        return self.being(Outcome.CENSORED) & ~self.hung

    @property
    def perhaps_hung(self) -> Bools:
        """Return which may have hung: those cut young, and those that took this long only with the generator's lag."""
        return np.asarray(self.cut | ((self.response_s >= self.hang_s) & ~self.dropped), bool)

    def sample(self, window: Window, weights: Counts) -> Sample:
        """Return the response times of what was sent of a window, for quantiles."""
        inside = self.within(window)
        inside = inside.where(~inside.dropped)
        return Sample.of(inside.response_s, window.second(inside.scheduled_s), weights)


def sound(rows: Rows, *, routes: Collection[int]) -> tuple[Rows, tuple[str, ...]]:
    """
    Return the rows that can be read, and what the others say that no request can have done.

    Args:
        rows: Of all routes.
        routes: The indices that stand for a route, or for a name that a closed load gave.
    """
    with np.errstate(invalid="ignore"):  # what is no number is not within, either
        timed = [(rows[name] >= -EARLY_S) & (rows[name] <= LONGEST_S) for name in ("scheduled_s", "lag_s", "service_s")]
    spoilt = {
        "without a time": ~np.logical_and.reduce(timed),
        "with an outcome that there is not": rows["outcome"] > max(Outcome),
        "of a route that the plan does not have": ~np.isin(rows["route"], np.array(list(routes), np.int64)),
    }
    broken = np.logical_or.reduce(list(spoilt.values()))
    if not broken.any():
        return rows, ()
    told = ((int(np.count_nonzero(which)), what) for what, which in spoilt.items())
    return rows[~broken], tuple(f"{count} of {len(rows)} rows {what}" for count, what in told if count)


def by_route(rows: Rows, deadlines_s: Mapping[str, float], hang_s: float) -> dict[str, Requests]:
    """
    Split rows by route; the order of the rows and the worker that wrote them make no difference.

    Args:
        rows: Of all routes.
        deadlines_s: Every route's deadline, in the order of the plan's routes.
        hang_s: The hang threshold.
    """
    order = np.argsort(rows["route"], kind="stable")
    edges = np.searchsorted(rows["route"], np.arange(len(deadlines_s) + 1), sorter=order)
    return {
        name: _requests(_ordered(rows[order[edges[index] : edges[index + 1]]]), name, deadline_s, hang_s)
        for index, (name, deadline_s) in enumerate(deadlines_s.items())
    }


def _ordered(rows: Rows) -> Rows:
    """Return rows by scheduled start and number; those of a file that was read are already."""
    later, number = np.diff(rows["scheduled_s"]), np.diff(rows["seq"].astype(np.int64))
    if np.all((later > 0) | ((later == 0) & (number >= 0))):
        return rows
    return rows[np.lexsort((rows["seq"], rows["scheduled_s"]))]


def _requests(rows: Rows, route: str, deadline_s: float, hang_s: float) -> Requests:
    outcome = rows["outcome"]
    lag_s, service_s = rows["lag_s"].astype(float), rows["service_s"].astype(float)
    response_s = lag_s + service_s
    hung = (outcome == Outcome.TIMEOUT) | (outcome == Outcome.CENSORED)
    return Requests(
        route=route,
        deadline_s=deadline_s,
        hang_s=hang_s,
        seq=rows["seq"].astype(np.int64),
        scheduled_s=rows["scheduled_s"].astype(float),
        lag_s=lag_s,
        service_s=service_s,
        response_s=np.where(hung, np.maximum(response_s, hang_s), response_s),
        outcome=outcome.copy(),
        origin=rows["origin"].copy(),
    )
