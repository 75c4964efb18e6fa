"""Make findings in one shape, so that each carries value, interval, bound, n and a reason that can be checked."""

from __future__ import annotations

from gameday.analysis.case import Case
from gameday.analysis.model import Finding, Status
from gameday.analysis.statistics import Estimate, minimum_samples
from gameday.analysis.wording import between, bound, quantity
from gameday.experiment.units import Threshold

ONE_EVENT = "this is what one event did in this run: it has no interval, and repeats would give one"

_WORDS = {Status.PASS: "within", Status.FAIL: "beyond", Status.INCONCLUSIVE: "not clearly on either side of"}


def judged(
    case: Case,
    *,
    id: str,  # noqa: A002 - the finding's own word
    title: str,
    estimate: Estimate | None,
    threshold: Threshold,
    unit: str = "ratio",
    what: str,
    evidence: tuple[str, ...] = (),
    single: bool | None = None,
    of_time: bool = False,
) -> Finding:
    """
    Judge an estimate against an accepted range.

    Args:
        case: The run, which knows whether its fault is a single event.
        id: The check.
        title: What the finding says when it passes.
        estimate: None when there was nothing to estimate from; then the finding is inconclusive.
        threshold: The accepted range.
        unit: Of the estimate and the bound.
        what: The quantity in words, which begins the reason: ``requests that hung``.
        evidence: Further sentences.
        single: Whether to judge the value instead of the interval; by default as the run's fault is.
        of_time: Whether the quantity is about time.
    """
    if estimate is None:
        return undecided(
            id, title, unit=unit, threshold=threshold, n=0, reason=f"there were no requests to measure {what}"
        )
    if single is None:
        single = case.single_event
    status = case.decide(estimate, threshold, single=single)
    sign = "at most" if threshold.op == "<" else "at least"
    least = minimum_samples(0.95)
    few = (
        f"; a single event needs {least} requests"
        if single and status is Status.INCONCLUSIVE and estimate.n < least
        else ""
    )
    spread = "" if single else f" {between(estimate.lo, estimate.hi, unit)} at 99 %"
    return Finding(
        id=id,
        title=title,
        status=status,
        value=estimate.value,
        unit=unit,
        interval=None if single else estimate.interval(),
        op=threshold.op,
        bound=threshold.bound,
        n=estimate.n,
        reason=f"{what}: {quantity(estimate.value, unit)}{spread}, {_WORDS[status]} the accepted"
        f" {sign} {bound(threshold.bound, unit)} (n={estimate.n}{few})",
        evidence=(*evidence, *((ONE_EVENT,) if single else ())),
        of_time=of_time,
        by_sample=status is Status.INCONCLUSIVE and not single,
    )


def undecided(
    id: str,  # noqa: A002 - the finding's own word
    title: str,
    *,
    unit: str,
    threshold: Threshold | None,
    n: int,
    reason: str,
    evidence: tuple[str, ...] = (),
) -> Finding:
    """Make the finding of a check that had not enough to judge from."""
    return Finding(
        id=id,
        title=title,
        status=Status.INCONCLUSIVE,
        value=None,
        unit=unit,
        interval=None,
        op=threshold.op if threshold else None,
        bound=threshold.bound if threshold else None,
        n=n,
        reason=reason,
        evidence=evidence,
    )


def shown(
    id: str,  # noqa: A002 - the finding's own word
    title: str,
    value: float | None,
    *,
    unit: str,
    n: int,
    reason: str,
    evidence: tuple[str, ...] = (),
) -> Finding:
    """Make a finding that is printed and never judged."""
    return Finding(id, title, Status.SHOWN, value, unit, None, None, None, n, reason, evidence)
