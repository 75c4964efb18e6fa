"""Decide, once a second, whether a protected route burns its error budget so fast that the run must end. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gameday.experiment.model import Abort
from gameday.experiment.samples import BURN_S, LEAST_BAD
from gameday.record.requests import Outcome, Rows

SHORT_S = 2.0
"""Both windows must burn, so that neither a blip nor an old outage ends a run (SRE workbook, ch. 5: multi-window alerts)."""
GOOD = (Outcome.OK, Outcome.DEGRADED)


@dataclass(frozen=True, slots=True)
class Burn:
    """How many times faster than sustainable the error budget of a route burns, over two windows, and the bad requests behind it."""

    long: float
    short: float
    bad: int

    def exceeds(self, abort: Abort) -> bool:
        """Return whether this ends a run."""
        return self.bad >= LEAST_BAD and min(self.long, self.short) >= abort.burn_rate.bound


def burn(rows: Rows, times_s: Sequence[float], *, now_s: float, settled_s: float, abort: Abort) -> Burn:
    """
    Measure the burn of one route, over windows that end ``settled_s`` ago.

    Args:
        rows: The route's rows so far.
        times_s: Its scheduled starts, ascending.
        now_s: On the load's clock.
        settled_s: How long after its scheduled start a request that has no row cannot be good any more: the route's deadline, and the time
            that a row takes to the disk.
        abort: The route's objective.
    """
    scheduled = np.asarray(times_s)
    good_at = rows["scheduled_s"][np.isin(rows["outcome"], GOOD)]
    end_s = now_s - settled_s

    def ratio(window_s: float) -> tuple[float, int]:
        n, good = (int(((at >= end_s - window_s) & (at < end_s)).sum()) for at in (scheduled, good_at))
        return (n - good) / max(n, 1), n - good

    (long, bad), (short, _) = ratio(BURN_S), ratio(SHORT_S)
    budget = 1 - abort.slo
    return Burn(long=long / budget, short=short / budget, bad=bad)
