"""Decide, once a second, whether a protected route burns its error budget so fast that the run must end. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gameday.experiment.model import Abort
from gameday.record.requests import Outcome, Rows

LONG_S, SHORT_S = 10.0, 2.0
"""Both windows must burn, so that neither a blip nor an old outage ends a run (SRE workbook, ch. 5: multi-window alerts)."""
FLOOR = 20
"""Bad requests below which no burn rate is believed: at 60/s one error in two seconds is already a burn of 0.8."""
GOOD = (Outcome.OK, Outcome.DEGRADED)


@dataclass(frozen=True, slots=True)
class Burn:
    """How many times faster than sustainable the error budget of a route burns, over two windows, and the bad requests behind it."""

    long: float
    short: float
    bad: int

    def exceeds(self, abort: Abort) -> bool:
        """Tell whether this ends a run."""
        return self.bad >= FLOOR and min(self.long, self.short) >= abort.burn_rate.bound


def burn(rows: Rows, times_s: Sequence[float], *, now_s: float, hang_s: float, abort: Abort) -> Burn:
    """
    Measure the burn of one route.

    Args:
        rows: The route's rows so far.
        times_s: Its scheduled starts, ascending.
        now_s: On the load's clock. Requests scheduled less than ``hang_s`` ago may still be open and count by their rows only; an older one
            without a row counts as bad.
        hang_s: The client's timeout.
        abort: The route's objective.
    """
    scheduled = np.asarray(times_s)
    ended = rows["scheduled_s"]
    bad_at = ended[~np.isin(rows["outcome"], GOOD)]

    def ratio(window_s: float) -> tuple[float, int]:
        since_s = now_s - window_s
        n = int(((scheduled >= since_s) & (scheduled < now_s)).sum())
        old = int(((scheduled >= since_s) & (scheduled < now_s - hang_s - 1)).sum())
        missing = max(0, old - int(((ended >= since_s) & (ended < now_s - hang_s - 1)).sum()))
        bad = int(((bad_at >= since_s) & (bad_at < now_s)).sum()) + missing
        return bad / max(n, 1), bad

    long, bad = ratio(LONG_S)
    short, _ = ratio(SHORT_S + hang_s)
    budget = 1 - abort.slo
    return Burn(long=long / budget, short=short / budget, bad=bad)
