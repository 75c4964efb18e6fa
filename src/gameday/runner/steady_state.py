"""Measure the steady-state hypothesis on the rows of a window, as Chaos Toolkit's probe sees it while the run goes on."""

from __future__ import annotations

import bisect

import numpy as np
from pydantic import JsonValue

from gameday.experiment.model import RouteProbe
from gameday.experiment.plan import Plan
from gameday.experiment.samples import QUANTILES
from gameday.record.requests import Outcome, Rows


def measure(plan: Plan, rows: Rows, *, start_s: float, end_s: float) -> tuple[bool, dict[str, JsonValue]]:
    """
    Tell whether every probe holds for the requests scheduled in ``[start_s, end_s)``, and what was measured.

    A scheduled request without a row counts as not good and as slow as the hang threshold; of a closed load nothing is scheduled, and
    what was sent counts. The verdict is the analysis's, which knows
    how sure it can be; this one only decides whether the method is run at all.
    """
    met = True
    values: dict[str, JsonValue] = {}
    index = {load.route: load.index for load in plan.routes}
    inside = rows[(rows["scheduled_s"] >= start_s) & (rows["scheduled_s"] < end_s)]
    for probe in plan.experiment.steady_state_hypothesis.probes:
        mine = inside[inside["route"] == index[probe.route]]
        times = plan.arrivals(probe.route).times_s
        n = len(mine) if plan.closed else bisect.bisect_left(times, end_s) - bisect.bisect_left(times, start_s)
        for part, value in _measured(probe, mine, n, plan).items():
            values[f"{probe.route}.{part}"] = round(value, 6)
            met = met and getattr(probe, part).holds(value)
    return met, values


def _measured(probe: RouteProbe, rows: Rows, n: int, plan: Plan) -> dict[str, float]:
    took_s = np.full(max(n, len(rows), 1), plan.experiment.load.hang_s)
    took_s[: len(rows)] = rows["lag_s"].astype(float) + rows["service_s"]
    measured = {part: float(np.quantile(took_s, q)) for part, q in QUANTILES.items() if getattr(probe, part)}
    if probe.good:
        good = np.isin(rows["outcome"], (Outcome.OK, Outcome.DEGRADED)).sum()
        measured["good"] = float(good) / max(n, 1)
    return measured
