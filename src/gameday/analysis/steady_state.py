"""Hold routes to the steady-state hypothesis: as a gate in the baseline, as checks during the fault and in the recovery."""

from __future__ import annotations

from dataclasses import replace

from gameday.analysis.case import Case
from gameday.analysis.findings import judged, undecided
from gameday.analysis.model import Finding, Status
from gameday.analysis.statistics import minimum_samples
from gameday.analysis.windows import Window
from gameday.analysis.wording import bound, quantity
from gameday.experiment.model import RouteProbe
from gameday.experiment.samples import QUANTILES
from gameday.experiment.units import Threshold


def steady_state(case: Case, recovered_s: float | None) -> tuple[Finding, ...]:
    """
    Judge the hypothesis's probes wherever the plan names a check for them.

    Args:
        case: The run.
        recovered_s: When the steady state was back, None if it never was. The recovery's window begins there, so that time
            that ``recovery.time`` allows is not counted against the system twice. Where it allows nothing, because the experiment
            expects no recovery, the window is the whole phase from the undo on.
    """
    recovery = case.windows.recovery
    if case.plan.experiment.expect.recovery is None:
        recovery = replace(recovery, start_s=max(case.plan.phase("recovery").start_s, case.windows.ended_s))
    elif recovered_s is not None:
        recovery = replace(recovery, start_s=max(recovery.start_s, recovered_s))
    phases = {"fault": case.windows.steady, "recovery": recovery}
    planned = set(case.plan.checks)
    return tuple(
        judge_probe(case, id_, probe, part, window, single=case.single_event and phase == "fault")
        for probe in case.plan.experiment.steady_state_hypothesis.probes
        for part in parts(probe)
        for phase, window in phases.items()
        if (id_ := f"steady-state.{probe.route}.{part}.{phase}") in planned
    )


def parts(probe: RouteProbe) -> tuple[str, ...]:
    """Return which quantities a probe bounds."""
    return tuple(part for part in ("p50", "p95", "good") if getattr(probe, part) is not None)


def bound_of(probe: RouteProbe, part: str) -> Threshold:
    """Return the accepted range of one of a probe's quantities."""
    found: Threshold = getattr(probe, part)
    return found


def judge_probe(
    case: Case,
    id: str,  # noqa: A002 - the finding's own word
    probe: RouteProbe,
    part: str,
    window: Window,
    *,
    single: bool,
) -> Finding:
    """Judge one quantity of one probe in one window."""
    threshold = bound_of(probe, part)
    title = f"{probe.route} keeps its {part} in the {window.label if window.label != 'steady' else 'fault'} phase"
    if part == "good":
        of_sent = window.label == case.windows.baseline.label
        good = (case.good_share_of_sent if of_sent else case.good_share)(probe.route, window)
        return judged(
            case,
            id=id,
            title=title,
            estimate=good,
            threshold=threshold,
            what="good answers in time",
            single=single,
        )
    q = QUANTILES[part]
    found = case.quantile(probe.route, window, q)
    if found is None:
        n = case.sent(probe.route, window)
        reason = f"{part} needs {minimum_samples(q)} requests; there were {n}"
        return undecided(id, title, unit="s", threshold=threshold, n=n, reason=reason)
    finding = judged(
        case,
        id=id,
        title=title,
        estimate=found[0],
        threshold=threshold,
        unit="s",
        what=f"{part} of the response time",
        single=single,
        of_time=True,
    )
    return replace(finding, compares=("fault" if window.label == "steady" else window.label,))


def baseline_findings(case: Case) -> tuple[Finding, ...]:
    """
    Judge every probe in the baseline.

    Quantiles hold by their value: what the gate asks is whether the system was in its declared state, not how well this window
    could have shown it. Shares hold by their interval, and count what was sent: undelivered load has a gate of its own.
    """
    return tuple(
        judge_probe(
            case,
            f"baseline.{probe.route}.{part}",
            probe,
            part,
            case.windows.baseline,
            single=part != "good",
        )
        for probe in case.plan.experiment.steady_state_hypothesis.probes
        for part in parts(probe)
    )


def describe(finding: Finding) -> str:
    """Write a finding of the baseline in one sentence."""
    _, route, part = finding.id.split(".")
    if finding.value is None:
        return f"{route} {part}: {finding.reason}"
    limit = bound(finding.bound or 0.0, finding.unit)
    word = {Status.PASS: "holds", Status.FAIL: "does not hold"}.get(finding.status, "cannot be decided")
    measured = quantity(finding.value, finding.unit)
    return f"{route} {part} {measured} {word} against {finding.op} {limit} (n={finding.n})"
