"""
Judge one run: every gate, every planned check, the verdict.

Pure and deterministic: all resampling is seeded by the plan's seed. A checker that raises gives an inconclusive finding with its
traceback, any other part that raises an empty result and a gate that forbids a pass: never a crash and never a pass.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace

from gameday.analysis import delivery, gates
from gameday.analysis.accounting import accounting
from gameday.analysis.backpressure import backpressure
from gameday.analysis.bulkhead import bulkhead
from gameday.analysis.case import Case, case
from gameday.analysis.cause import cause
from gameday.analysis.closed import limit, users
from gameday.analysis.continuity import continuity
from gameday.analysis.episodes import Episode
from gameday.analysis.findings import undecided
from gameday.analysis.guarding import Guard
from gameday.analysis.kills import compared_kills, killed, kills
from gameday.analysis.model import Analysis, Finding, Gate, Status, Verdict
from gameday.analysis.others import others
from gameday.analysis.outage import outage
from gameday.analysis.recovery import Recovered, measure, recovery, unmeasured
from gameday.analysis.series import route_series, summaries
from gameday.analysis.signals import system_series
from gameday.analysis.stampede import compared, stampede
from gameday.analysis.steady_state import steady_state
from gameday.analysis.timeline import timeline
from gameday.analysis.wording import percent, times
from gameday.analysis.workers import workers
from gameday.experiment.plan import Plan
from gameday.record.folder import RunData

Checker = Callable[[Case, Recovered], tuple[Finding, ...]]
Gater = Callable[[Case], Gate]

CHECKERS: tuple[tuple[str, Checker], ...] = (
    ("bulkhead", lambda run, _: bulkhead(run)),
    ("backpressure", lambda run, _: backpressure(run)),
    ("stampede", lambda run, _: stampede(run)),
    ("outage", lambda run, _: outage(run)),
    ("kill", lambda run, _: killed(run)),
    ("continuity", lambda run, _: continuity(run)),
    ("recovery", recovery),
    ("steady-state", lambda run, measured: (*steady_state(run, measured.at_s), *others(run))),
)

GATES: tuple[tuple[str, Gater], ...] = (
    ("gate.complete", gates.complete),
    ("gate.own-resources", gates.own_resources),
    ("gate.rows", delivery.rows),
    ("gate.undisturbed", gates.undisturbed),
    ("gate.reverted", gates.reverted),
    ("gate.baseline", gates.baseline),
    ("gate.fault-proven", gates.fault_proven),
    ("gate.delivered", delivery.delivered),
    ("gate.on-time", delivery.on_time),
    ("gate.accounting", accounting),
)
"""In the order in which they are given as a reason: what explains the others comes first."""
OF_SEVERAL: tuple[tuple[str, Gater], ...] = (("gate.workers", workers),)
"""What must hold of a load of several workers, before all others: it names the worker."""

OF_USERS: tuple[tuple[str, Gater], ...] = (("gate.users", users),)
"""What must hold of a locustfile's load, before all others: it names the exception."""


def judge(data: RunData) -> Analysis:
    """Judge a run from what it left; the same bytes give the same analysis in any process. Raises nothing for a run that was read."""
    guard = Guard()
    run = guard.attempt("preparing the run", lambda: case(data), None)
    return _unprepared(data.plan, guard) if run is None else _judge(run, guard)


def _judge(run: Case, guard: Guard) -> Analysis:
    plan = run.plan
    measured = guard.attempt("measuring the recovery", lambda: measure(run), unmeasured(run))
    analysis = Analysis(
        verdict=Verdict.INCONCLUSIVE,
        reason="",
        decided_by=None,
        gates=(),
        checks=(),
        predictions=guard.attempt("comparing the predictions", lambda: (*compared(run), *compared_kills(run)), ()),
        phases=plan.phases,
        faulted=guard.attempt("finding when faults were on", lambda: _faulted(run), ()),
        routes=guard.attempt("the routes' series", lambda: route_series(run), ()),
        summaries=guard.attempt("the routes' summaries", lambda: summaries(run), ()),
        system=guard.attempt("the system's series", lambda: system_series(run), ()),
        timeline=guard.attempt("the timeline", lambda: timeline(run, measured), ()),
        cause=guard.attempt("finding the cause", lambda: cause(run), None),
        kills=guard.attempt("timing the kills", lambda: kills(run), ()),
        spans=guard.attempt("finding when which fault was on", lambda: _spans(run), ()),
    )
    aborted = guard.attempt("reading why it was aborted", lambda: gates.aborted_for(run), None)
    gaters = (
        *(OF_USERS if plan.closed else ()),
        *(OF_SEVERAL if plan.experiment.load.workers > 1 else ()),
        *GATES,
    )
    held = (*(_gate(run, id_, gater) for id_, gater in gaters), *guard.gates())
    found = [finding for room, checker in CHECKERS for finding in _check(run, measured, room, checker)]
    checks = tuple(limit(run, allow(finding, held)) for finding in _as_planned(plan, found))
    early = guard.attempt("reading what ended it early", lambda: gates.cause(run), None)
    verdict, reason, decided_by = conclude(plan, held, checks, aborted, early)
    return replace(analysis, verdict=verdict, reason=reason, decided_by=decided_by, gates=held, checks=checks)


def _unprepared(plan: Plan, guard: Guard) -> Analysis:
    """Return that nothing could be judged, because the run itself could not be laid out."""
    held = tuple(replace(gate, forbids="verdict") for gate in guard.gates())
    checks = tuple(_as_planned(plan, [], because=held[0].reason))
    verdict, reason, decided_by = conclude(plan, held, checks, None)
    return Analysis(
        verdict=verdict,
        reason=reason,
        decided_by=decided_by,
        gates=held,
        checks=checks,
        predictions=(),
        phases=plan.phases,
        faulted=(),
        routes=(),
        summaries=(),
        system=(),
        timeline=(),
    )


def _gate(run: Case, id_: str, gater: Gater) -> Gate:
    try:
        return gater(run)
    except Exception as error:  # noqa: BLE001 - a checker's mistake must neither crash the report nor pass
        return Gate(
            id=id_,
            title=f"{id_} could not be evaluated",
            status=Status.INCONCLUSIVE,
            forbids="verdict",
            value=None,
            unit="",
            op=None,
            bound=None,
            n=0,
            reason=f"the gate itself failed: {error!r}",
            evidence=(traceback.format_exc(),),
        )


def _check(run: Case, measured: Recovered, room: str, checker: Checker) -> tuple[Finding, ...]:
    try:
        return checker(run, measured)
    except Exception as error:  # noqa: BLE001 - a checker's mistake must neither crash the report nor pass
        told = f"the checker itself failed: {error!r}"
        trace = (traceback.format_exc(),)
        return tuple(
            undecided(name, name, unit="", threshold=None, n=0, reason=told, evidence=trace)
            for name in run.plan.checks
            if name.split(".", 1)[0] == room
        )


def _as_planned(
    plan: Plan, found: list[Finding], because: str = "no checker of this version judges this"
) -> Iterator[Finding]:
    """Return one finding per planned check in the plan's order, then those that are only shown."""
    by_id = {finding.id: finding for finding in found}
    for name in plan.checks:
        yield by_id.get(name) or undecided(name, name, unit="", threshold=None, n=0, reason=because)
    planned = set(plan.checks)
    yield from (finding for finding in found if finding.id not in planned and finding.status is Status.SHOWN)


def failed(gate: Gate) -> bool:
    """Return whether a gate takes something away; one that could not be decided does too."""
    return gate.status not in {Status.PASS, Status.SHOWN}


def allow(finding: Finding, held: tuple[Gate, ...]) -> Finding:
    """
    Take from a finding what the gates forbid; the measured value stays.

    The asymmetry is deliberate: load that was not delivered cannot prove that a system copes, but what failed under less load
    failed; a late generator inflates latencies, but what was fast all the same was fast.
    """
    if finding.status not in {Status.PASS, Status.FAIL}:
        late = any(gate.forbids == "latency-fail" and failed(gate) and gate.spoils(finding.compares) for gate in held)
        return replace(finding, by_sample=False) if finding.of_time and late else finding
    for gate in held:
        forbidden = gate.forbids == "verdict" or (
            finding.status is Status.PASS
            if gate.forbids == "pass"
            else finding.status is Status.FAIL and finding.of_time and gate.spoils(finding.compares)
        )
        if failed(gate) and forbidden:
            was = "passed" if finding.status is Status.PASS else "failed"
            return replace(
                finding,
                status=Status.INCONCLUSIVE,
                reason=f"{finding.reason}; would have {was}, but {gate.id}: {gate.reason}",
            )
    return finding


def conclude(
    plan: Plan,
    held: tuple[Gate, ...],
    checks: tuple[Finding, ...],
    aborted: str | None,
    cause: str | None = None,
) -> tuple[Verdict, str, str | None]:
    """
    Return the verdict, its reason, and the gate or check that decided it.

    Fail if any valid check fails, else invalid or inconclusive if any is, else pass. A gate that forbids any verdict comes before
    all checks; an abort that protected a route is a failure whatever else holds. What ended a run early (``cause``) stands before
    what follows from it.
    """
    if aborted is not None:
        return Verdict.FAIL, aborted, "gate.complete"
    forbidding = [gate for gate in held if gate.forbids == "verdict" and failed(gate)]
    if forbidding:
        return Verdict.INVALID, *_invalid(held, forbidding, cause)
    early = next((gate for gate in held if gate.forbids == "pass" and failed(gate)), None)
    decides = plan.experiment.decides
    judged = sorted(
        (finding for finding in checks if finding.status is not Status.SHOWN), key=lambda finding: finding.id != decides
    )
    for status, verdict in ((Status.FAIL, Verdict.FAIL), (Status.INCONCLUSIVE, Verdict.INCONCLUSIVE)):
        of = [finding for finding in judged if finding.status is status]
        if of and early is not None and verdict is Verdict.INCONCLUSIVE:
            return verdict, early.reason, early.id
        if of:
            more = f" (and {len(of) - 1} more of {len(judged)} checks)" if len(of) > 1 else ""
            return verdict, f"{of[0].id}: {of[0].reason}{more}", of[0].id
    if not judged:
        return Verdict.INCONCLUSIVE, "the experiment asks for no check, so nothing was shown", None
    return Verdict.PASS, f"all {len(judged)} checks passed, and no gate forbids it{_visible(checks)}", None


def _visible(checks: tuple[Finding, ...]) -> str:
    """Return what a run that passed would have seen, of the least watched route; empty where that is not known."""
    least = {
        unit: max((finding.visible for finding in checks if finding.visible and finding.unit == unit), default=None)
        for unit in ("times", "ratio")
    }
    told = [
        *((f"a slowdown of {times(least['times'])}",) if least["times"] else ()),
        *((f"{percent(least['ratio'])} of bad answers",) if least["ratio"] else ()),
    ]
    return f"; it can see {' and '.join(told)} with a probability of 95 %" if told else ""


def _invalid(held: tuple[Gate, ...], forbidding: list[Gate], cause: str | None) -> tuple[str, str]:
    """Return why nothing can be judged, and the gate that says so: what ended the run early, if that is it, before what follows from it."""
    if cause is not None:
        follows = forbidding[0].reason
        then = "" if forbidding[0].id == "gate.complete" or follows in cause else f"; {follows}"
        return f"{cause}{then}", "gate.complete"
    ended = next((f" ({gate.reason})" for gate in held if gate.id == "gate.complete" and failed(gate)), "")
    return f"{forbidding[0].reason}{ended}", forbidding[0].id


def _faulted(run: Case) -> tuple[tuple[float, float, str], ...]:
    """Return when each fault was on."""
    spans = ((_span(run, episode), episode.label) for episode in run.episodes)
    return tuple((*span, label) for span, label in spans if span is not None)


def _spans(run: Case) -> tuple[tuple[float, float] | None, ...]:
    """Return the same of each fault of the plan, in its order."""
    return tuple(_span(run, episode) for episode in run.episodes if episode.planned is not None)


def _span(run: Case, episode: Episode) -> tuple[float, float] | None:
    """Return when a fault was on; an impulse has no length, one without an undo lasts to the end of what was seen."""
    if episode.injected_s is None or not episode.asked:
        return None
    if episode.planned and episode.planned.shape == "impulse":
        return episode.injected_s, episode.injected_s
    return episode.injected_s, episode.undone_s or run.windows.observed.end_s
