"""
The verdict over several runs of the same experiment with different seeds. The run is the unit of replication.

Seconds of one run resemble each other, runs do not. So what each run measured is one value, and the interval of their
mean is Student's.

Source:
    Georges, Buytaert & Eeckhout (2007); Kalibera & Jones (2013).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gameday.analysis.model import Analysis, Finding, Interval, Status, Verdict
from gameday.analysis.statistics import LEVEL, Floats, decide, student
from gameday.analysis.wording import between, bound, quantity

LEAST_RUNS = 3
"""Of fewer runs the interval decides nothing: with two it is sixty-four times as wide as what they differ by."""

SMALLEST = 1e-9
"""A ratio of nothing has no logarithm."""

_WORDS = {
    Verdict.PASS: "passed",
    Verdict.FAIL: "failed",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.INVALID: "invalid",
}


@dataclass(frozen=True, slots=True)
class Repeated:
    """
    What several runs say together.

    Attributes:
        verdict: Pass, fail, inconclusive; invalid when every run is.
        reason: One sentence with the counts.
        flaky: Whether the runs contradict each other: some passed and some failed.
        checks: Every check, with the mean over all valid runs, its interval, and their number as ``n``; none of fewer
            than ``LEAST_RUNS``.
    """

    verdict: Verdict
    reason: str
    flaky: bool
    checks: tuple[Finding, ...] = ()


def repeated(runs: Sequence[Analysis], *, asked: int) -> Repeated:
    """
    Judge the runs together.

    Args:
        runs: Those that were made, in any order.
        asked: How many were to be made, at least one; with fewer made, for whatever reason, nothing passes.
    """
    counts = Counter(run.verdict for run in runs)
    told = ", ".join(f"{counts[each]} {_WORDS[each]}" for each in Verdict if counts[each]) or "none was made"
    told = f"{len(runs)} of {asked} runs: {told}" if len(runs) != asked else f"{asked} runs: {told}"
    checks, flaky = pooled(runs), bool(counts[Verdict.PASS] and counts[Verdict.FAIL])
    mixed = "; flaky: some runs pass and some fail" if flaky else ""
    beyond = next((check for check in checks if check.status is Status.FAIL), None)
    valid = len(runs) - counts[Verdict.INVALID]
    if counts[Verdict.FAIL] == valid and counts[Verdict.FAIL] >= min(LEAST_RUNS - 1, asked):
        return Repeated(Verdict.FAIL, told, flaky=False, checks=checks)
    if beyond is not None:
        return Repeated(Verdict.FAIL, f"{told}{mixed}; {beyond.id}: {beyond.reason}", flaky, checks)
    if len(runs) < asked:
        return Repeated(Verdict.INCONCLUSIVE, f"{told}; what was not run proves nothing", flaky, checks)
    whole = counts[Verdict.PASS] + counts[Verdict.INCONCLUSIVE] == asked and not any(map(_barred, runs))
    if whole and checks and all(check.status is Status.PASS for check in checks):
        return Repeated(Verdict.PASS, f"{told}; every check passes over all runs", flaky, checks)
    if len(counts) == 1:
        return Repeated(runs[0].verdict, told, flaky=False, checks=checks)
    return Repeated(Verdict.INCONCLUSIVE, f"{told}{mixed}", flaky, checks)


def _barred(run: Analysis) -> bool:
    """Return whether a gate takes any pass away from a run."""
    return any(gate.forbids == "pass" and gate.status not in {Status.PASS, Status.SHOWN} for gate in run.gates)


def pooled(runs: Sequence[Analysis]) -> tuple[Finding, ...]:
    """Return every check, judged by the interval of its mean over all valid runs."""
    valid = [run for run in runs if run.verdict is not Verdict.INVALID]
    return tuple(_pooled(valid)) if len(valid) >= LEAST_RUNS else ()


def _pooled(runs: Sequence[Analysis]) -> Iterator[Finding]:
    """Yield them in the order of the runs; a check that a run could not measure is inconclusive over all."""
    by_id: dict[str, list[Finding]] = {}
    for run in runs:
        for check in run.checks:
            if check.status is not Status.SHOWN:
                by_id.setdefault(check.id, []).append(check)
    for checks in by_id.values():
        values = np.array([check.value for check in checks if check.value is not None and math.isfinite(check.value)])
        first = checks[0]
        if len(values) < len(runs) or first.op is None or first.bound is None:
            reason = f"measured in {len(values)} of {len(runs)} runs"
            yield replace(first, status=Status.INCONCLUSIVE, interval=None, n=len(values), reason=reason, evidence=())
        else:
            yield _kept(_mean(checks, values, first.op, first.bound), checks)


def _kept(found: Finding, of_runs: Sequence[Finding]) -> Finding:
    """
    Return a mean whose status does not contradict its runs'.

    A check may pass by more than its value, as a small rise does; and what kept a run from deciding for another reason
    than its sample, such as a baseline that warms up, is in the mean as well.
    """
    statuses = {check.status for check in of_runs}
    if statuses == {Status.PASS}:
        return replace(found, status=Status.PASS)
    biased = any(check.status is Status.INCONCLUSIVE and not check.by_sample for check in of_runs)
    if biased or (found.status is Status.FAIL and Status.PASS in statuses):
        return replace(found, status=Status.INCONCLUSIVE)
    return found


def _mean(of_runs: Sequence[Finding], values: Floats, op: str, most: float) -> Finding:
    """
    Return the mean of a check's values over the runs; of ratios that of their logarithms.

    Its interval is that of what the runs differ by, and never narrower than their own make it: runs that saw nothing
    bad do not differ.
    """
    first, ratios = of_runs[0], of_runs[0].unit == "times" and bool(np.all(values > 0))
    scaled = np.log(values) if ratios else values
    mean, root = float(scaled.mean()), math.sqrt(len(values))
    half = student(len(values) - 1) * float(scaled.std(ddof=1)) / root
    below, above = half, half
    spans = [check.interval for check in of_runs if check.interval is not None]
    if len(spans) == len(values):
        ends = np.array([(span.lo, span.hi) for span in spans])
        ends = np.log(np.maximum(ends, SMALLEST)) if ratios else ends
        below, above = (
            max(half, float(each))
            for each in (np.mean(scaled - ends[:, 0]) / root, np.mean(ends[:, 1] - scaled) / root)
        )
    value, lo, hi = (float(np.exp(each)) if ratios else each for each in (mean, mean - below, mean + above))
    return Finding(
        id=first.id,
        title=first.title,
        status=decide(lo, hi, "<" if op == "<" else ">", most),
        value=value,
        unit=first.unit,
        interval=Interval(lo, hi, LEVEL),
        op="<" if op == "<" else ">",
        bound=most,
        n=len(values),
        reason=f"{quantity(value, first.unit)} {between(lo, hi, first.unit)} at 99 % over {len(values)} runs;"
        f" accepted is {'at most' if op == '<' else 'at least'} {bound(most, first.unit)}",
        of_time=first.of_time,
    )
