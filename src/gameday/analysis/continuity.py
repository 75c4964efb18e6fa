"""
Say in which share of the fault phase the whole hypothesis held, second by second in bins.

A chaos monkey's visits overlap in what they cost, and what matters is not any one of them but how much of the time users were served
as they were promised. Bins are those of the recovery, held to the hypothesis itself.
"""

from __future__ import annotations

import numpy as np

from gameday.analysis.case import Case
from gameday.analysis.findings import judged
from gameday.analysis.model import Analysis, Finding, Status
from gameday.analysis.recovery import bins, look
from gameday.analysis.statistics import decide, resamples, share, share_interval
from gameday.analysis.wording import bound
from gameday.experiment.samples import BIN_S

_ID = "continuity.held"
_MOST_TOLD = 8


def continuity(case: Case) -> tuple[Finding, ...]:
    """Judge the share of bins in which every probe held; nothing when the experiment does not ask for it."""
    expected = case.plan.experiment.expect.continuity
    if expected is None:
        return ()
    phase, last_s = case.plan.phase("fault"), case.windows.observed.end_s
    laid = tuple(bins(phase.start_s, min(phase.end_s, last_s)))
    title = f"the steady state holds for more than {bound(expected.held.bound, 'ratio')} of the time"
    probes = case.plan.experiment.steady_state_hypothesis.probes
    seen, _ = look(case, probes, laid)
    off = np.array([each.out is not None for each in seen], dtype=np.bool_)
    perhaps = np.array([not each.holds(surely=True) for each in seen], dtype=np.bool_)
    weights = resamples(case.plan.seed, _ID, max(1, len(laid)))
    estimate = share(off, perhaps, np.arange(len(laid)), weights)
    told = tuple(
        f"{window.start_s:.0f} to {window.end_s:.0f} s: {each.out or each.doubt}"
        for window, each in zip(laid, seen, strict=True)
        if not each.holds(surely=True)
    )
    more = (f"… and {len(told) - _MOST_TOLD} more bins",) if len(told) > _MOST_TOLD else ()
    return (
        judged(
            case,
            id=_ID,
            title=title,
            estimate=estimate.complement() if estimate else None,
            threshold=expected.held,
            what=f"bins of {BIN_S:g} s in which every probe held",
            single=False,
            of_time=True,
            evidence=(*told[:_MOST_TOLD], *more),
        ),
    )


def deciding_length_s(analysis: Analysis, *, most_s: float) -> float | None:
    """
    Return for how long the fault phase would decide, if as much of the time held again; at most ``most_s``.

    Args:
        analysis: Of a run in which the share of time was undecided.
        most_s: The longest phase, in seconds.

    Returns:
        Seconds, a multiple of a bin; None when it was decided, was not asked, or is so near the limit that no such phase decides.

    Source:
        The interval of ``statistics.share`` without the scatter of whole seconds, which only widens it.
    """
    finding = next((each for each in analysis.checks if each.id == _ID), None)
    if finding is None or finding.status is not Status.INCONCLUSIVE or finding.value is None or not finding.n:
        return None
    if finding.op is None or finding.bound is None:
        return None
    for n in range(finding.n + 1, int(most_s // BIN_S) + 1):
        held = round(finding.value * n)
        about = (
            share_interval(min(max(k, 0), n), n) for k in (held - 1, held, held + 1)
        )  # a bin more or less is chance
        if all(decide(*each, finding.op, finding.bound) is not Status.INCONCLUSIVE for each in about):
            return n * BIN_S
    return None
