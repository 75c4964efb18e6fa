"""
Say in which share of the fault phase the whole hypothesis held, second by second in bins.

A chaos monkey's visits overlap in what they cost, and what matters is not any one of them but how much of the time users were served
as they were promised. Bins are those of the recovery, held to the hypothesis itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gameday.analysis.case import Case
from gameday.analysis.findings import judged, undecided
from gameday.analysis.kills import MONKEY
from gameday.analysis.model import Finding
from gameday.analysis.recovery import bins, look
from gameday.analysis.statistics import resamples, share
from gameday.analysis.wording import percent
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
    title = f"the steady state holds for more than {percent(expected.held.bound)} of the time"
    if nobody := _nobody(case):
        return (undecided(_ID, title, unit="ratio", threshold=expected.held, n=len(laid), reason=nobody),)
    probes = case.plan.experiment.steady_state_hypothesis.probes
    seen = [look(case, probes, window, "enter") for window in laid]
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
            evidence=(*told[:_MOST_TOLD], *more),
        ),
    )


def _nobody(case: Case) -> str:
    """Say that a monkey came in vain every time: then nothing was borne; empty where it was not so, or none was asked for."""
    visits = [each for each in case.episodes if each.planned is not None and each.planned.fault == MONKEY]
    killed = [each.proof.get("measured") for each in visits if isinstance(each.proof, Mapping)]
    if not visits or any(killed):
        return ""
    why = next((str(each.proof.get("text")) for each in visits if isinstance(each.proof, Mapping)), "it never came")
    return f"the monkey killed nobody in {len(visits)} visits: {why}"
