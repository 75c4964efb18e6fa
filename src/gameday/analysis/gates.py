"""The preconditions that the history decides: proven, reverted, undisturbed, complete; and the baseline's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import JsonValue

from gameday.analysis.case import Case
from gameday.analysis.departures import departures, followed
from gameday.analysis.episodes import Episode, describe_numbers, describe_proof
from gameday.analysis.kills import MONKEY
from gameday.analysis.model import Gate, Status
from gameday.analysis.others import off_before
from gameday.analysis.steady_state import baseline_findings, describe
from gameday.record.history import Event, Record, outstanding

Forbids = Literal["verdict", "pass", "latency-fail"]

CLOCK_S = 0.001
"""What rounding may put between the load's clock and the history's."""


def counted(
    id: str,  # noqa: A002 - the gate's own word
    title: str,
    *,
    forbids: Forbids,
    problems: tuple[str, ...],
    n: int,
    fine: str,
    unit: str,
    evidence: tuple[str, ...] = (),
) -> Gate:
    """Make a gate that holds when there are no problems; the first problem is the reason, the rest is evidence."""
    return Gate(
        id=id,
        title=title,
        status=Status.FAIL if problems else Status.PASS,
        forbids=forbids,
        value=float(len(problems)),
        unit=unit,
        op="<",
        bound=0.0,
        n=n,
        reason=problems[0] if problems else fine,
        evidence=(*problems[1:], *evidence),
    )


def fault_proven(case: Case) -> Gate:
    """
    Judge of every fault with a dose that the target's own signals showed it: confirmed, and never inert or failed.

    A fault that lasts must have lasted: to the guard before its planned end, unless the run was stopped.
    """
    asked = tuple(episode for episode in case.episodes if episode.asked)
    in_vain = tuple(filter(None, (_nobody(asked),)))
    unproven = [(episode, problem) for episode in asked if (problem := _unproven(episode) or _withdrawn(case, episode))]
    unknown = all(not episode.provable and episode.injected_s is not None for episode, _ in unproven)
    return counted(
        "gate.fault-proven",
        "every fault took effect",
        # What nobody could look for may have taken effect all the same: then what failed, failed.
        forbids="pass" if unproven and unknown else "verdict",
        problems=(*(problem for _, problem in unproven), *in_vain),
        n=len(asked),
        fine="; ".join(f"{episode.label}: {describe_proof(episode.proof)}" for episode in asked)
        or "no fault was asked for: dose 0",
        unit="faults unproven",
        evidence=tuple(dict.fromkeys(_numbers(asked))),
    )


def _nobody(asked: tuple[Episode, ...]) -> str:
    """
    Return that a monkey killed nobody in all its visits, so that nothing was borne.

    Empty where it did, or never came.
    """
    visits = [each.proof for each in asked if each.planned is not None and each.planned.fault == MONKEY]
    if not visits or not all(isinstance(proof, Mapping) and proof.get("measured") == 0 for proof in visits):
        return ""
    many = "its one visit" if len(visits) == 1 else f"{len(visits)} visits"
    return f"the monkey killed nobody in {many}: {describe_proof(visits[0])}"


def _numbers(asked: tuple[Episode, ...]) -> Iterator[str]:
    """Give the numbers of those proofs that are told in words of their own."""
    for episode in asked:
        if isinstance(episode.proof, Mapping) and episode.proof.get("text"):
            yield f"{episode.label}: {describe_numbers(episode.proof)}"


def _withdrawn(case: Case, episode: Episode) -> str | None:
    """
    Tell of a lasting fault that it ended too early: by its undo, or at the latest when it was seen healed.

    One of which neither is recorded is outstanding, and has a gate of its own.
    """
    planned = episode.planned
    if planned is None or planned.shape != "step" or case.windows.stopped_s is not None:
        return None
    gone_s = episode.undone_s if episode.undone_s is not None else episode.verified_s
    end_s = planned.end_s
    if gone_s is None or gone_s >= end_s - case.plan.experiment.phases.guard_s - CLOCK_S:
        return None
    how = "was withdrawn at" if episode.undone_s is not None else "was seen healed, with no undo on record, at"
    return f"{episode.label} {how} {gone_s:.1f} s; it should have lasted to {end_s:g} s"


def _unproven(episode: Episode) -> str | None:
    if not episode.provable and episode.injected_s is not None:
        return f"{episode.label}: its effect is not proven ({describe_proof(episode.proof)})"
    if episode.failure:
        told = "" if episode.proof is None else f" ({describe_proof(episode.proof)})"
        return f"{episode.label}: {episode.failure}{told}"
    if episode.injected_s is None:
        return f"{episode.label} was never injected"
    if episode.confirmed_s is None:
        return f"{episode.label} was injected, but nothing of the target's own signals confirmed it"
    return None


def reverted(case: Case) -> Gate:
    """Judge whether the undo of every fault that was intended was verified."""
    left = outstanding(case.history)
    intended = sum(1 for record in case.history if record.event == Event.FAULT_INTENDED)
    return counted(
        "gate.reverted",
        "every fault was undone, and seen to be",
        forbids="verdict",
        problems=tuple(_left(case, record) for record in left),
        n=intended,
        fine=f"{intended} of {intended} undone and verified",
        unit="faults outstanding",
    )


def _left(case: Case, intended: Record) -> str:
    """Return a sentence about a fault that is outstanding: first why its last undo failed, if that is on record."""
    where = f"undo {intended.data.get('id')}"
    errors = [r.data.get("error") for r in case.history if r.event == Event.ERROR and r.data.get("where") == where]
    why = f"{errors[-1]}; so " if errors else ""
    return f"{why}{intended.data.get('fault')} was not verified as undone: gameday recover"


def undisturbed(case: Case) -> Gate:
    """
    Judge whether a process of the system died that nobody wanted to die.

    In a cluster, whether a replica left that no fault could have made leave.
    """
    died = tuple(
        f"{record.data.get('process')} exited with {record.data.get('code')} at {record.t_s:.1f} s, which no fault planned"
        for record in case.history
        if record.event == Event.PROCESS_EXITED and record.data.get("expected") is not True
    )
    started, replicas = sum(1 for record in case.history if record.event == Event.PROCESS_STARTED), followed(case)
    fine = f"none of {started} processes exited" + (f", none of {replicas} replicas left unplanned" if replicas else "")
    return counted(
        "gate.undisturbed",
        "nothing else happened to the system",
        forbids="verdict",
        problems=(*died, *departures(case)),
        n=started + replicas,
        fine=fine,
        unit="unexpected exits",
    )


def own_resources(case: Case) -> Gate:
    """
    Judge whether gameday itself had the files, ports and memory that it needed.

    What it broke for want of them is no failure of the system.
    """
    counts = Counter[tuple[str, str]]()
    for record in case.history:
        if record.event == Event.PROCESS_SHORT:
            counts[str(record.data.get("process")), str(record.data.get("what"))] += _count(record.data.get("count"))
        elif record.event == Event.LOAD_DONE and isinstance(told := record.data.get("shortages"), Mapping):
            counts.update({("load", str(what)): _count(count) for what, count in told.items()})
    return counted(
        "gate.own-resources",
        "gameday itself ran short of nothing",
        forbids="verdict",
        problems=tuple(_short(process, what, count) for (process, what), count in counts.items()),
        n=sum(counts.values()),
        fine="no process of gameday's ran out of files, ports, memory or room for connections",
        unit="shortages",
    )


def _count(value: JsonValue) -> int:
    """Read a count; what cannot be read was at least once."""
    return value if isinstance(value, int) else 1


def _short(process: str, what: str, count: int) -> str:
    lacked, _, effect = what.partition(": ")
    return f"gameday's own {process} ran out of {lacked}: {count} {effect}; the system is not to blame, so nothing is judged"


def complete(case: Case) -> Gate:
    """
    Judge whether the run went to its end: not refused, aborted or interrupted, no part of the runner lost, the load done.

    A run whose load never began measured nothing, so nothing can be judged then; what kept it from beginning is the reason.
    """
    problems = [*_causes(case), *(_ended(record) for record in case.history if record.event == Event.RUN_STOPPED)]
    if not problems and all(record.event != Event.LOAD_DONE for record in case.history):
        problems.append("the load never reported that it was done")
    if not problems and all(record.event != Event.RUN_FINISHED for record in case.history):
        problems.append("the run never recorded its end: it was killed in the clean-up, or could not write any more")
    return counted(
        "gate.complete",
        "the run went to its end",
        forbids="pass" if began(case) else "verdict",
        problems=tuple(problems),
        n=len(case.history),
        fine=f"all phases to {case.plan.duration_s:g} s",
        unit="early ends",
    )


def began(case: Case) -> bool:
    """Return whether the load was begun: without its origin on record no request was ever due."""
    return any(record.event == Event.LOAD_ORIGIN for record in case.history)


def cause(case: Case) -> str | None:
    """Return what ended a run early and so explains whatever else is missing; None where nothing did, or a gate of its own tells it."""
    return next(iter(_causes(case)), None)


_ENDS = {
    Event.RUN_ABORTED: "the run was aborted",
    Event.RUN_INTERRUPTED: "the run was interrupted",
    Event.RUN_STOPPED: "the run was stopped",
    Event.WORKER_LOST: "the worker was lost",
    Event.LOAD_LOST: "the load process was lost",
}
_OF_THE_RUN = frozenset({"run", "worker"})
"""Where an error keeps a run from going on; those of a renewal or an undo have records of their own."""


def _causes(case: Case) -> tuple[str, ...]:
    """Return what ended a run early, errors first: a part that is lost, or a load that was not begun, follows from them."""
    lost = {str(record.data.get("reason")) for record in case.history if record.event == Event.LOAD_LOST}
    errors = [
        str(record.data.get("error"))
        for record in case.history
        if record.event == Event.ERROR
        and record.data.get("where") in _OF_THE_RUN
        and str(record.data.get("error")) not in lost
    ]
    after = "" if began(case) else "; the load was not begun"
    ends = [record for record in case.history if record.event in _ENDS and record.event != Event.RUN_STOPPED]
    return (*(f"{error}{after}" for error in errors), *map(_ended, ends))


def _ended(record: Record) -> str:
    return f"{_ENDS[Event(record.event)]} at {record.t_s:.1f} s{_why(record)}"


def _why(record: Record) -> str:
    why = next((record.data[key] for key in ("reason", "signal", "code") if key in record.data), None)
    return "" if why is None else f": {why}"


def aborted_for(case: Case) -> str | None:
    """Return why a run was aborted if it was because a protected route suffered; None otherwise."""
    noticed = [r for r in case.history if r.event == Event.ABORT_NOTICED and r.data.get("mode") == "enforce"]
    aborted = [r for r in case.history if r.event == Event.RUN_ABORTED]
    if not noticed or not aborted:
        return None
    first = noticed[0]
    return (
        f"aborted at {aborted[0].t_s:.1f} s because {first.data.get('route')} suffered: it burned its error budget"
        f" {first.data.get('burn_10s')} times too fast over 10 s, {first.data.get('burn_2s')} over 2 s ({first.data.get('bad')} bad)"
    )


def baseline(case: Case) -> Gate:
    """Judge whether the steady-state hypothesis held before anything was done, also as the run itself measured it."""
    findings = baseline_findings(case)
    off = (
        *(describe(finding) for finding in findings if finding.status is not Status.PASS),
        *off_before(case),
        *(str(record.data.get("reason")) for record in case.history if _stopped_here(record)),
    ) or tuple(_unmet(case))
    return counted(
        "gate.baseline",
        case.plan.experiment.steady_state_hypothesis.title,
        forbids="verdict",
        problems=off,
        n=sum(finding.n for finding in findings),
        fine="the hypothesis held in the baseline",
        unit="probes off",
        evidence=tuple(describe(finding) for finding in findings if finding.status is Status.PASS),
    )


def _stopped_here(record: Record) -> bool:
    """Return whether a run was stopped because of its baseline; a run that a refused fault stopped says so."""
    return record.event == Event.RUN_STOPPED and record.data.get("because", "baseline") == "baseline"


def _unmet(case: Case) -> Iterator[str]:
    """Yield that the run itself found the baseline off, although it went on; what its rows say now is not all that it saw."""
    for record in case.history:
        if (
            record.event == Event.HYPOTHESIS
            and record.data.get("phase") == "baseline"
            and record.data.get("met") is not True
        ):
            yield f"the run itself did not find the hypothesis met in the baseline, at {record.t_s:.1f} s"
