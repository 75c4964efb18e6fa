"""
Measure how long after the fault's end the steady state was back, and stayed.

Bins are 3 s wide: with 1 s at 20 to 40 requests a second, a system without any fault looks broken in a third of the runs. Entering
the steady state asks for the hypothesis itself, staying in it for a little less (a Schmitt trigger), so that noise at the threshold
does not toggle it. What was not reached is right-censored: ``> 14 s``, never dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gameday.analysis.case import Case
from gameday.analysis.kills import kills, sentences
from gameday.analysis.model import Finding, Interval, Status
from gameday.analysis.routes import Requests
from gameday.analysis.statistics import LEVEL, Bools, Floats, Ints, share_interval
from gameday.analysis.steady_state import bound_of, parts
from gameday.analysis.windows import Window
from gameday.analysis.wording import seconds
from gameday.experiment.model import RouteProbe
from gameday.experiment.samples import BIN_S, LEAST_PER_BIN, QUANTILES

STEP_S = 1.0
STEPS = int(BIN_S / STEP_S)
"""So many steps make a bin."""
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
        """Return whether it held, with certainty or at best."""
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
    bins_of = _Bins(case, probes, start_s, end_s)
    at_best_s, after_s = bins_of.first_s(surely=False), bins_of.first_s(surely=True)
    last_s = end_s if after_s is None else start_s + after_s
    misses = tuple(_misses(case, probes, start_s, last_s))
    return Recovered(
        ended_s=start_s,
        after_s=after_s,
        at_best_s=at_best_s,
        observed_s=length_s,
        misses=tuple(text for text, _ in misses),
        doubts=tuple(text for text, doubted in misses if doubted),
        thin=bins_of.thin,
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


class _Bins:
    """
    The bins from each candidate on: the first few as for entering the steady state, all of them as for staying in it.

    Candidates and bins are numbered by the step at which they begin. Bins of candidates that are a bin apart are the same but for the first,
    so each is looked at once.
    """

    def __init__(self, case: Case, probes: tuple[RouteProbe, ...], start_s: float, end_s: float) -> None:
        """Look at the bins of every candidate from ``start_s`` to ``end_s``."""
        count = int((end_s - start_s - BIN_S) // STEP_S) + 1 if end_s - start_s >= BIN_S else 0
        self.candidates = range(count)
        firsts = (next(iter(bins(start_s + step * STEP_S, end_s)), None) for step in range(count + STEPS))
        laid = [window for window in firsts if window is not None]
        self._entered, self._stayed = look(case, probes, laid)
        self._kept = {surely: [each.holds(surely=surely) for each in self._stayed] for surely in (False, True)}
        for kept in self._kept.values():
            for step in reversed(range(len(laid) - STEPS)):
                kept[step] = kept[step] and kept[step + STEPS]

    @property
    def thin(self) -> bool:
        """Return whether in any bin from the first candidate on nothing could be judged."""
        return any(each.doubt == THIN for each in self._stayed[::STEPS])

    def hold(self, step: int, *, surely: bool) -> bool:
        """Return whether the steady state was entered at a candidate, and kept to the end."""
        if not self._kept[surely][step]:
            return False
        entered = [each.holds(surely=surely) for each in self._entered[step::STEPS][:OF_FIRST]]
        return entered[0] and sum(entered) >= max(len(entered) - 1, min(len(entered), OF_FIRST - 1))

    def first_s(self, *, surely: bool) -> float | None:
        """Return how many seconds after the start the first candidate is that holds; None when none does."""
        return next((step * STEP_S for step in self.candidates if self.hold(step, surely=surely)), None)


def look(case: Case, probes: tuple[RouteProbe, ...], windows: Sequence[Window]) -> tuple[list[Seen], list[Seen]]:
    """
    Compare every part of every probe with each bin, as for entering the steady state and as for staying in it.

    A bin in which no part of any probe can be judged is undecided; of what was out of bounds, and of what may have been, the first is kept.
    What the worst bin of the baseline had as well may be how the system is: it is undecided.
    """
    judged = np.zeros(len(windows), bool)
    seen = {slack: [Seen()] * len(windows) for slack in (False, True)}
    for probe in probes:
        sent = _sent(case, probe.route)
        for part in parts(probe):
            measured = _measured(sent, part, windows)
            judged |= measured.judged
            usual, bound = _usual(case, probe.route, part), bound_of(probe, part).bound
            for slack, of_bins in seen.items():
                factor = SLACK[part] if slack else 1.0
                limit = (1 - bound) * factor + 1e-12 if part == "good" else bound * factor
                _compare(of_bins, measured, probe.route, limit, usual * factor)
    entered, stayed = (
        [each if enough else Seen(doubt=THIN) for each, enough in zip(of_bins, judged.tolist(), strict=True)]
        for of_bins in seen.values()
    )
    return entered, stayed


@dataclass(frozen=True, slots=True, eq=False)
class _Sent:
    """What was sent of a route; ``bad_before[i]`` of the first ``i`` requests were bad, ``perhaps_before[i]`` not good."""

    requests: Requests
    bad_before: Ints
    perhaps_before: Ints


def _sent(case: Case, route: str) -> _Sent:
    def counted() -> _Sent:
        requests = case.routes[route]
        if np.any(dropped := requests.dropped):
            requests = requests.where(~dropped)
        bad, perhaps = (np.concatenate([[0], np.cumsum(mask)]) for mask in (requests.bad, ~requests.good))
        return _Sent(requests, bad, perhaps)

    return case.once(("sent", route), counted)


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """
    One part of a probe in each bin: the quantile, or the share of bad requests.

    Attributes:
        judged: Whether the bin held enough requests.
        n: How many requests it held.
        surely: The quantity without what the generator's own lag may have done; ``seen`` with it.
    """

    part: str
    judged: Bools
    n: Ints
    surely: Floats
    seen: Floats


def _measured(sent: _Sent, part: str, windows: Sequence[Window], *, at_most: bool = False) -> _Measured:
    """Measure one part of a probe among the sent requests of every bin; ``at_most`` takes the upper end of a quantile's interval instead of it."""
    edges = np.array([(window.start_s, window.end_s) for window in windows]).reshape(-1, 2)
    first, end = np.searchsorted(sent.requests.scheduled_s, edges).T
    n = end - first
    if part == "good":
        bad, perhaps = (
            (before[end] - before[first]) / np.maximum(n, 1) for before in (sent.bad_before, sent.perhaps_before)
        )
        return _Measured(part, n > 0, n, bad, perhaps)
    surely_s, seen_s = np.zeros(len(n)), np.zeros(len(n))
    requests, judged = sent.requests, n >= LEAST_PER_BIN
    took_s = np.where(requests.hung, requests.response_s, requests.service_s)
    for index in np.flatnonzero(judged):
        inside = slice(first[index], end[index])
        share = QUANTILES[part]
        if at_most:
            share = share_interval(round(share * int(n[index])), int(n[index]))[1]
        for values, quantiles in ((took_s, surely_s), (requests.response_s, seen_s)):
            quantiles[index] = np.quantile(values[inside], share, method="inverted_cdf")
    return _Measured(part, judged, n, surely_s, seen_s)


def _usual(case: Case, route: str, part: str) -> float:
    """
    Return the worst that a bin of the baseline may have had, wherever it begins: what lies in one bin of the recovery may lie in two of the baseline.

    Of quantiles that is the upper end of the interval: a few requests more in a pause as long, and it is as large.

    What comes after the last one is none of it if it has requests that the event met.
    """

    def worst() -> float:
        baseline = case.windows.baseline
        end_s = baseline.end_s - (BIN_S if len(case.victims(route)) else 0.0)
        before = _measured(_sent(case, route), part, _anywhere(baseline.start_s, end_s), at_most=True)
        return float(np.max(before.surely[before.judged], initial=0.0))

    return case.once(("worst bin before", route, part), worst)


def _anywhere(start_s: float, end_s: float) -> list[Window]:
    """Lay a bin over every step at which one can begin."""
    count = int((end_s - start_s - BIN_S + 1e-6) // STEP_S) + 1 if end_s - start_s >= BIN_S else 0
    begins_s = (start_s + index * STEP_S for index in range(count))
    return [Window("bin", first_s, first_s + BIN_S) for first_s in begins_s]


def _compare(of_bins: list[Seen], measured: _Measured, route: str, limit: float, usual: float) -> None:
    """
    Write into the bins what was out of the limit in them, or may have been, where nothing is known yet.

    ``usual`` the baseline had too.
    """
    for index in np.flatnonzero(measured.judged & (np.maximum(measured.surely, measured.seen) > limit)).tolist():
        known, surely = of_bins[index], float(measured.surely[index])
        if surely > max(limit, usual) and known.out is None:
            of_bins[index] = replace(known, out=_text(measured, index, route))
        elif surely <= max(limit, usual) and known.doubt is None:
            why = _text(measured, index, route)
            why = f"{why}, as the baseline had" if surely > limit else _text(measured, index, route, doubted=True)
            of_bins[index] = replace(known, doubt=why)


def _text(measured: _Measured, index: int, route: str, *, doubted: bool = False) -> str:
    surely, seen, n, part = (
        float(measured.surely[index]),
        float(measured.seen[index]),
        int(measured.n[index]),
        measured.part,
    )
    if part == "good":
        bad, perhaps = round(surely * n), round(seen * n)
        late = f"{route} had {perhaps - bad} late of {n}, perhaps through the generator's own lag"
        return late if doubted else f"{route} had {bad} bad of {n}"
    slow = f"{route} had {part} {seconds(seen)}"
    return f"{slow}, {seconds(surely)} of it without the generator's own lag" if doubted else slow


def _misses(case: Case, probes: tuple[RouteProbe, ...], start_s: float, end_s: float) -> Iterable[tuple[str, bool]]:
    """Return what did not hold, the last bins first, and whether that is undecided."""
    laid = list(bins(start_s, max(end_s, start_s + BIN_S)))
    for window, seen in reversed(list(zip(laid, look(case, probes, laid)[0], strict=True))):
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
            of_time=True,
            compares=("recovery", *(("fault",) if case.single_event else ())),
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
