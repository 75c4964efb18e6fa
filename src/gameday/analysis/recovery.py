"""
Measure how long after the fault's end the steady state was back, and stayed.

Bins are 3 s wide: with 1 s at 20 to 40 requests a second, a system without any fault looks broken in a third of the runs. Entering
the steady state asks for the hypothesis itself, staying in it for a little less (a Schmitt trigger), so that noise at the threshold
does not toggle it. What was not reached is right-censored: ``> 14 s``, never dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gameday.analysis.case import Case
from gameday.analysis.model import Finding, Interval, Status
from gameday.analysis.routes import Requests
from gameday.analysis.statistics import LEVEL
from gameday.analysis.steady_state import QUANTILES, bound_of, parts
from gameday.analysis.windows import Window
from gameday.analysis.wording import seconds
from gameday.experiment.model import RouteProbe

BIN_S = 3.0
STEP_S = 1.0
QUANTILE_N = 100
SLACK = {"p50": 1.25, "p95": 1.25, "good": 2.0}
"""
How far a quantity may go beyond its bound without leaving the steady state: quantiles 1.5/1.2, the bad share 2 %/1 %.

Source: the ratios of the usual exit and entry thresholds, applied to the declared bounds.
"""

OF_FIRST = 5
"""Of the first five bins one may miss the entry threshold."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """
    When the steady state was back.

    Attributes:
        ended_s: The fault's end, from which it counts.
        after_s: Seconds until the steady state was back for good; None when it was not.
        observed_s: How long it was watched.
        misses: What was out of bounds and when, the last ones first.
    """

    ended_s: float
    after_s: float | None
    observed_s: float
    misses: tuple[str, ...]
    n: int

    @property
    def at_s(self) -> float | None:
        """Return when it was back on the load's clock."""
        return None if self.after_s is None else self.ended_s + self.after_s


def measure(case: Case) -> Recovered:
    """
    Find the least whole number of seconds from which on the hypothesis held until the end.

    Bins are laid from each candidate on; a remainder at the end belongs to the last bin. At least one whole bin must be left.
    """
    start_s, end_s = case.windows.ended_s, case.windows.observed.end_s
    probes = case.plan.experiment.steady_state_hypothesis.probes
    length_s = max(0.0, end_s - start_s)
    n = sum(len(case.routes[probe.route].within(Window("recovery", start_s, end_s))) for probe in probes)
    found = None
    for candidate in range(int((length_s - BIN_S) // STEP_S) + 1 if length_s >= BIN_S else 0):
        after_s = candidate * STEP_S
        if _holds_from(case, probes, start_s + after_s, end_s):
            found = after_s
            break
    last = end_s if found is None else start_s + found
    return Recovered(start_s, found, length_s, tuple(_misses(case, probes, start_s, last)), n)


def _bins(start_s: float, end_s: float) -> Iterable[Window]:
    count = int((end_s - start_s + 1e-6) // BIN_S)
    for index in range(count):
        first = start_s + index * BIN_S
        yield Window("bin", first, end_s if index == count - 1 else first + BIN_S)


def _holds_from(case: Case, probes: Iterable[RouteProbe], start_s: float, end_s: float) -> bool:
    bins = list(_bins(start_s, end_s))
    entered = [all(_out(case, probe, window, "enter") is None for probe in probes) for window in bins[:OF_FIRST]]
    if not entered or not entered[0] or sum(entered) < max(len(entered) - 1, min(len(entered), OF_FIRST - 1)):
        return False
    return all(_out(case, probe, window, "stay") is None for window in bins for probe in probes)


def _out(case: Case, probe: RouteProbe, window: Window, how: Literal["enter", "stay"]) -> str | None:
    """Return what is out of bounds in a bin, None when all of a probe holds; a bin without requests shows nothing good."""
    inside = case.routes[probe.route].within(window)
    if not len(inside):
        return f"{probe.route} had no requests"
    for part in parts(probe):
        bound, slack = bound_of(probe, part).bound, SLACK[part] if how == "stay" else 1.0
        if part == "good":
            bad = int(np.count_nonzero(~inside.good))
            if bad / len(inside) > (1 - bound) * slack + 1e-12:
                return f"{probe.route} had {bad} bad of {len(inside)}"
        elif (value_s := _quantile(inside, QUANTILES[part])) is not None and value_s > bound * slack:
            return f"{probe.route} had {part} {seconds(value_s)}"
    return None


def _quantile(inside: Requests, q: float) -> float | None:
    sent = inside.response_s[~inside.dropped]
    return float(np.quantile(sent, q, method="inverted_cdf")) if len(sent) >= QUANTILE_N else None


def _misses(case: Case, probes: tuple[RouteProbe, ...], start_s: float, end_s: float) -> Iterable[str]:
    for window in reversed(list(_bins(start_s, max(end_s, start_s + BIN_S)))):
        for probe in probes:
            if (out := _out(case, probe, window, "enter")) is not None:
                yield f"{window.start_s:.0f} to {window.end_s:.0f} s: {out}"


def recovery(case: Case, measured: Recovered) -> tuple[Finding, ...]:
    """Judge the time to the steady state; nothing when the experiment expects none."""
    expected = case.plan.experiment.expect.recovery
    if expected is None:
        return ()
    value, within_s = measured.after_s, expected.within_s
    watched = f"> {seconds(measured.observed_s)}"
    if measured.observed_s < BIN_S:
        status, reason = Status.INCONCLUSIVE, f"only {seconds(measured.observed_s)} were seen after the fault's end"
    elif value is not None:
        status = Status.PASS if value <= within_s else Status.FAIL
        since = "the impulse" if case.single_event else "the fault's end"
        reason = f"the steady state was back for good {value:.0f} s after {since}; accepted is {seconds(within_s)}"
    elif measured.observed_s - BIN_S >= within_s:
        status, reason = Status.FAIL, f"the steady state was not reached: {watched}; accepted is {seconds(within_s)}"
    else:
        status, reason = Status.INCONCLUSIVE, f"not reached while it was watched: {watched}, too short to decide"
    return (
        Finding(
            id="recovery.time",
            title=f"the steady state is back within {within_s:g} s",
            status=status,
            value=measured.observed_s if value is None else value,
            unit="s",
            interval=Interval(measured.observed_s, float("inf"), LEVEL) if value is None else None,
            op="<",
            bound=within_s,
            n=measured.n,
            reason=reason,
            evidence=measured.misses[:5],
        ),
    )
