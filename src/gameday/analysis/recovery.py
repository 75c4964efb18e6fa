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
from gameday.analysis.kills import kills, sentences
from gameday.analysis.model import Finding, Interval, Status
from gameday.analysis.routes import Requests
from gameday.analysis.statistics import LEVEL, Floats
from gameday.analysis.steady_state import bound_of, parts
from gameday.analysis.windows import Window
from gameday.analysis.wording import seconds
from gameday.experiment.model import RouteProbe
from gameday.experiment.samples import BIN_S, LEAST_PER_BIN, QUANTILES

STEP_S = 1.0
SLACK = {"p50": 1.25, "p95": 1.25, "good": 2.0}
"""
How far a quantity may go beyond its bound without leaving the steady state: quantiles 1.5/1.2, the bad share 2 %/1 %.

Source: the ratios of the usual exit and entry thresholds, applied to the declared bounds.
"""

THIN = "too few requests to judge any probe"
OF_FIRST = 5
"""Of the first five bins one may miss the entry threshold."""
_KILLS_TOLD = 3
"""Of many only the last are told beside the recovery, which follows them; the timeline has all."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """
    When the steady state was back.

    Attributes:
        ended_s: The fault's end, from which it counts.
        after_s: Seconds until the steady state was certainly back for good; None when it was not.
        at_best_s: The same if all was well that could not be decided; never later.
        observed_s: How long it was watched.
        misses: What was out of bounds or undecided and when, the last ones first.
        doubts: What of these was undecided.
        thin: Whether in any bin nothing could be judged at all.
    """

    ended_s: float
    after_s: float | None
    at_best_s: float | None
    observed_s: float
    misses: tuple[str, ...]
    doubts: tuple[str, ...]
    thin: bool
    n: int

    @property
    def at_s(self) -> float | None:
        """Return when it was back on the load's clock, at best."""
        return None if self.at_best_s is None else self.ended_s + self.at_best_s


@dataclass(frozen=True, slots=True)
class Seen:
    """What was certainly out of bounds in a bin, and what may have been; both None when it held."""

    out: str | None = None
    doubt: str | None = None

    def holds(self, *, surely: bool) -> bool:
        """Tell whether it held, with certainty or at best."""
        return self.out is None and not (surely and self.doubt)


def measure(case: Case) -> Recovered:
    """
    Find the least whole number of seconds from which on the hypothesis held until the end.

    Bins are laid from each candidate on; a remainder at the end belongs to the last bin. At least one whole bin must be left.
    Requests that were never sent say nothing, and what the generator's own lag may have made bad is undecided.
    """
    start_s, end_s = case.windows.ended_s, case.windows.observed.end_s
    probes = case.plan.experiment.steady_state_hypothesis.probes
    length_s = max(0.0, end_s - start_s)
    n = sum(len(case.routes[probe.route].within(Window("recovery", start_s, end_s))) for probe in probes)
    at_best_s = after_s = None
    for candidate in range(int((length_s - BIN_S) // STEP_S) + 1 if length_s >= BIN_S else 0):
        later_s = candidate * STEP_S
        entered, stayed = _from(case, probes, start_s + later_s, end_s)
        if at_best_s is None and _holds(entered, stayed, surely=False):
            at_best_s = later_s
        if _holds(entered, stayed, surely=True):
            after_s = later_s
            break
    last_s = end_s if after_s is None else start_s + after_s
    misses = tuple(_misses(case, probes, start_s, last_s))
    return Recovered(
        ended_s=start_s,
        after_s=after_s,
        at_best_s=at_best_s,
        observed_s=length_s,
        misses=tuple(text for text, _ in misses),
        doubts=tuple(text for text, doubted in misses if doubted),
        thin=any(look(case, probes, window, "stay").doubt == THIN for window in bins(start_s, end_s)),
        n=n,
    )


def unmeasured(case: Case) -> Recovered:
    """Return what is known when ``measure`` itself failed: nothing."""
    return Recovered(case.windows.ended_s, None, None, 0.0, (), ("it could not be measured",), thin=True, n=0)


def bins(start_s: float, end_s: float) -> Iterable[Window]:
    """Lay bins over an interval; what is left at its end belongs to the last."""
    count = int((end_s - start_s + 1e-6) // BIN_S)
    for index in range(count):
        first = start_s + index * BIN_S
        yield Window("bin", first, end_s if index == count - 1 else first + BIN_S)


def _from(
    case: Case, probes: tuple[RouteProbe, ...], start_s: float, end_s: float
) -> tuple[tuple[Seen, ...], tuple[Seen, ...]]:
    """Look at the bins from a time on: the first few as for entering the steady state, all of them as for staying in it."""
    laid = tuple(bins(start_s, end_s))
    return (
        tuple(look(case, probes, window, "enter") for window in laid[:OF_FIRST]),
        tuple(look(case, probes, window, "stay") for window in laid),
    )


def _holds(entered: tuple[Seen, ...], stayed: tuple[Seen, ...], *, surely: bool) -> bool:
    held = [seen.holds(surely=surely) for seen in entered]
    if not held or not held[0] or sum(held) < max(len(held) - 1, min(len(held), OF_FIRST - 1)):
        return False
    return all(seen.holds(surely=surely) for seen in stayed)


def look(case: Case, probes: tuple[RouteProbe, ...], window: Window, how: Literal["enter", "stay"]) -> Seen:
    """Compare every part of every probe with a bin; one in which none of them can be judged is undecided."""
    found = [
        seen
        for probe in probes
        for part in parts(probe)
        if (seen := _compare(case.routes[probe.route].within(window), probe, part, how)) is not None
    ]
    if not found:
        return Seen(doubt=THIN)
    out = next((seen.out for seen in found if seen.out is not None), None)
    return Seen(out, next((seen.doubt for seen in found if seen.doubt is not None), None))


def _compare(inside: Requests, probe: RouteProbe, part: str, how: Literal["enter", "stay"]) -> Seen | None:
    """Compare one part with the sent requests of a bin; None when they are too few to judge it."""
    sent = inside.where(~inside.dropped)
    bound, slack = bound_of(probe, part).bound, SLACK[part] if how == "stay" else 1.0
    if part == "good":
        return _share(sent, probe.route, (1 - bound) * slack + 1e-12) if len(sent) else None
    if len(sent) < LEAST_PER_BIN:
        return None
    surely_s, seen_s = (
        float(np.quantile(values, QUANTILES[part], method="inverted_cdf"))
        for values in (_surely_took_s(sent), sent.response_s)
    )
    if surely_s > bound * slack:
        return Seen(out=f"{probe.route} had {part} {seconds(seen_s)}")
    if seen_s > bound * slack:
        return Seen(
            doubt=f"{probe.route} had {part} {seconds(seen_s)}, {seconds(surely_s)} of it without the generator's own lag"
        )
    return Seen()


def _share(sent: Requests, route: str, accepted: float) -> Seen:
    bad, perhaps = int(np.count_nonzero(sent.bad)), int(np.count_nonzero(~sent.good))
    if bad / len(sent) > accepted:
        return Seen(out=f"{route} had {bad} bad of {len(sent)}")
    if perhaps / len(sent) > accepted:
        return Seen(doubt=f"{route} had {perhaps - bad} late of {len(sent)}, perhaps through the generator's own lag")
    return Seen()


def _surely_took_s(sent: Requests) -> Floats:
    return np.where(sent.hung, sent.response_s, sent.service_s)


def _misses(case: Case, probes: tuple[RouteProbe, ...], start_s: float, end_s: float) -> Iterable[tuple[str, bool]]:
    """Tell what did not hold, the last bins first, and whether that is undecided."""
    for window in reversed(list(bins(start_s, max(end_s, start_s + BIN_S)))):
        seen = look(case, probes, window, "enter")
        for text in (seen.out, seen.doubt):
            if text is not None:
                yield f"{window.start_s:.0f} to {window.end_s:.0f} s: {text}", text is not seen.out


def recovery(case: Case, measured: Recovered) -> tuple[Finding, ...]:
    """Judge the time to the steady state; nothing when the experiment expects none."""
    expected = case.plan.experiment.expect.recovery
    if expected is None:
        return ()
    within_s = expected.within_s
    surely, at_best = (_status(measured, value, within_s) for value in (measured.after_s, measured.at_best_s))
    decided = surely is at_best and not (measured.thin and surely is Status.PASS)
    value = measured.after_s if decided else measured.at_best_s
    return (
        Finding(
            id="recovery.time",
            title=f"the steady state is back within {within_s:g} s",
            status=surely if decided else Status.INCONCLUSIVE,
            value=measured.observed_s if value is None else value,
            unit="s",
            interval=_interval(measured, value),
            op="<",
            bound=within_s,
            n=measured.n,
            reason=_reason(case, measured, within_s) if decided else _doubtful(measured, within_s),
            evidence=(*(told for kill in kills(case)[-_KILLS_TOLD:] for told in sentences(kill)), *measured.misses[:5]),
        ),
    )


def _status(measured: Recovered, value_s: float | None, within_s: float) -> Status:
    if measured.observed_s < BIN_S:
        return Status.INCONCLUSIVE
    if value_s is not None:
        return Status.PASS if value_s <= within_s else Status.FAIL
    return Status.FAIL if measured.observed_s - BIN_S >= within_s else Status.INCONCLUSIVE


def _interval(measured: Recovered, value_s: float | None) -> Interval | None:
    if measured.after_s is not None and measured.after_s == measured.at_best_s:
        return None
    end_s = float("inf") if measured.after_s is None else measured.after_s
    least_s = measured.observed_s if value_s is None else value_s
    return Interval(least_s if measured.at_best_s is None else measured.at_best_s, end_s, LEVEL)


def _reason(case: Case, measured: Recovered, within_s: float) -> str:
    watched = f"> {seconds(measured.observed_s)}"
    if not measured.n:
        return "nothing of it was measured"
    if measured.observed_s < BIN_S:
        return f"only {seconds(measured.observed_s)} were seen after the fault's end"
    if measured.after_s is not None:
        since = "the impulse" if case.single_event else "the fault's end"
        latest = "" if measured.after_s == measured.at_best_s else " at the latest"
        return f"the steady state was back for good {measured.after_s:.0f} s after {since}{latest}; accepted is {seconds(within_s)}"
    if measured.observed_s - BIN_S >= within_s:
        return f"the steady state was not reached: {watched}; accepted is {seconds(within_s)}"
    return f"not reached while it was watched: {watched}, too short to decide"


def _doubtful(measured: Recovered, within_s: float) -> str:
    latest = "not at all" if measured.after_s is None else f"after {measured.after_s:.0f} s"
    best = measured.observed_s if measured.at_best_s is None else measured.at_best_s
    why = measured.doubts[0] if measured.doubts else "nothing could be judged"
    return f"the steady state was back after {best:.0f} s at best, or {latest}; accepted is {seconds(within_s)}; undecided: {why}"
