"""What every report says and in which order, before it becomes HTML, Markdown or lines of a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gameday.analysis.model import Analysis, Cause, Compared, Finding, Gate, Onset, Status, Verdict
from gameday.experiment.catalogue import PlannedFault
from gameday.experiment.plan import Plan
from gameday.record.folder import About
from gameday.report import figures

MARKS = {
    "pass": "✓",
    "fail": "✗",
    "inconclusive": "?",
    "invalid": "⊘",
    "shown": "·",
}
_GROUPS = {
    "bulkhead": "Bulkhead: does the rest stay untouched?",
    "backpressure": "Backpressure: does it fail fast?",
    "stampede": "Stampede: is the origin spared?",
    "continuity": "Continuity: in how much of the time did it hold?",
    "outage": "Outage: what did the event cost?",
    "recovery": "Recovery: how soon is it steady again?",
    "steady-state": "Steady state: are users served?",
}
_OTHER = "Other checks"
MOST_LINKS = 6
"""How much of the causal chain stands in its sentence."""
_BY_STATUS = (Status.FAIL, Status.INCONCLUSIVE, Status.PASS, Status.SHOWN)


@dataclass(frozen=True, slots=True)
class Group:
    """The checks of one question, worst first; ``title`` is the question."""

    title: str
    checks: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done to whom: sentences to be read in this order."""

    title: str
    sentences: tuple[str, ...]


def conclusion(verdict: Verdict) -> str:
    """Say in one line what a verdict means."""
    return {
        Verdict.PASS: "every check passed",
        Verdict.FAIL: "a check failed",
        Verdict.INCONCLUSIVE: "the measurement cannot decide",
        Verdict.INVALID: "this run proves nothing",
    }[verdict]


def headline(analysis: Analysis) -> tuple[str, str]:
    """Return what was decided upon in words, such as ``Failed: login does not hang``, empty without; and the reason without its identifier."""
    judged: tuple[Finding | Gate, ...] = (*analysis.checks, *analysis.gates)
    decided = next((each for each in judged if each.id == analysis.decided_by), None)
    if decided is None:
        return "", analysis.reason
    if decided.id == "gate.complete":  # what ended a run early speaks for itself
        return "", sentence(analysis.reason)
    return sentence(f"{_said(decided)}: {decided.title}"), sentence(analysis.reason.removeprefix(f"{decided.id}: "))


def _said(decided: Finding | Gate) -> str:
    if decided.status == Status.FAIL:
        return "Does not hold" if isinstance(decided, Gate) else "Failed"
    return "Not decided" if decided.status == Status.INCONCLUSIVE else "Decided by"


def causes(analysis: Analysis) -> tuple[tuple[str, str], ...]:
    """Return why users were affected, what changed in which order and how soon it could be seen, each with its heading; nothing if unknown."""
    cause = analysis.cause
    if cause is None:
        return ()
    told = [_cause(cause)]
    if chain := _chain(cause, analysis.faulted):
        told.append(("Chain", chain))
    if cause.detections:
        first, *others = (f"{each.route} {figures.quantity(each.took_s, 's')}" for each in cause.detections)
        also = f"; {', '.join(others[:MOST_LINKS])}" if others else ""
        told.append(("Time to detect", f"{first} after its first bad request{also}."))
    return tuple(told)


def _cause(cause: Cause) -> tuple[str, str]:
    if cause.name is None:
        return "No user was affected", sentence(cause.reason)
    called = f" ({cause.subject})" if cause.subject and not cause.subject.startswith(cause.name) else ""
    named = cause.subject if cause.subject.startswith(cause.name) else cause.name
    return f"Cause: {named}{called}", sentence(cause.reason)


def _chain(cause: Cause, faulted: Sequence[tuple[float, float, str]]) -> str:
    """Write the onsets in their order, of each subject the first: ``cache empty ≤ 22.6 s (+0.6 s) → product late 23.4 s (+1.4 s)``."""
    subjects = list(dict.fromkeys(onset.subject for onset in cause.chain))
    firsts = [next(onset for onset in cause.chain if onset.subject == subject) for subject in subjects]
    links = [_link(onset) for onset in firsts[:MOST_LINKS]]
    if not links:
        return ""
    begun = [f"{label} {figures.clock(start_s)}" for start_s, _, label in faulted[:1]]
    more = len(firsts) - len(links)
    return " → ".join([*begun, *links]) + (f" → {more} more in the timeline" if more else "")


def _link(onset: Onset) -> str:
    """Write an onset; ``≤`` is the sample that showed it first."""
    sampled = "≤ " if onset.at_s < onset.seen_s else ""
    return f"{onset.text} {sampled}{figures.clock(onset.seen_s)} (+{figures.clock(onset.lag_s)})"


def value_of(check: Finding, plan: Plan) -> str:
    """Write a check's value; a response time from the hang threshold on is only known to be longer."""
    if _is_response_time(check) and check.value is not None:
        return figures.latency(check.value, plan.experiment.load.hang_s)
    return figures.measured(check.value, check.unit, check.interval)


def interval_of(check: Finding, plan: Plan) -> str:
    """Write a check's interval; for a response time the hang threshold is where knowledge ends, so beyond is open."""
    interval, hang_s = check.interval, plan.experiment.load.hang_s
    if interval is not None and _is_response_time(check) and interval.hi >= hang_s:
        interval = replace(interval, lo=min(interval.lo, hang_s), hi=math.inf)
    return figures.interval_text(interval, check.unit)


def _is_response_time(check: Finding) -> bool:
    return check.unit == "s" and check.id.split(".", 1)[0] in {"steady-state", "backpressure", "bulkhead"}


def facts(analysis: Analysis, plan: Plan, about: About) -> tuple[tuple[str, str], ...]:
    """Return label and value of what identifies a run, in the order to be printed."""
    return (
        ("experiment", plan.name),
        ("variant", plan.variant or "as found"),
        ("target", plan.target),
        ("seed", str(plan.seed)),
        ("decided by", analysis.decided_by or "all checks together"),
        ("requests", _requests(analysis, plan)),
        ("started", started(about)),
    )


def _requests(analysis: Analysis, plan: Plan) -> str:
    """Write how many requests were scheduled; a closed load has no schedule, so those that were sent."""
    if plan.closed:
        sent = figures.count(sum(summary.scheduled for summary in analysis.summaries))
        return f"{sent} sent, closed: {plan.experiment.load.locustfile}"
    return figures.count(sum(load.scheduled for load in plan.routes))


def started(about: About) -> str:
    """Write when a run started, in UTC whatever the machine's zone: ``2026-11-20 17:45:46 UTC``."""
    try:
        return datetime.fromisoformat(about.started).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except ValueError:
        return about.started


def grouped(checks: tuple[Finding, ...], decided_by: str | None) -> tuple[Group, ...]:
    """Group checks by the question they answer: what decided first, then worst first; groups without a check are left out."""
    titles = [*_GROUPS.values(), _OTHER]
    members: dict[str, list[Finding]] = {title: [] for title in titles}
    for check in checks:
        members[_GROUPS.get(check.id.split(".", 1)[0], _OTHER)].append(check)
    return tuple(
        Group(title, tuple(sorted(found, key=lambda check: (check.id != decided_by, _BY_STATUS.index(check.status)))))
        for title, found in members.items()
        if found
    )


def worst(groups: tuple[Group, ...], most: int) -> tuple[Group, ...]:
    """Return the worst checks of all groups, at most so many; groups keep their order, and those without a check are left out."""
    if sum(len(group.checks) for group in groups) <= most:
        return groups
    ranked = sorted(
        (check for group in groups for check in group.checks), key=lambda check: _BY_STATUS.index(check.status)
    )
    shown = {check.id for check in ranked[:most]}
    cut = (Group(group.title, tuple(check for check in group.checks if check.id in shown)) for group in groups)
    return tuple(group for group in cut if group.checks)


def failed_first(gates: tuple[Gate, ...]) -> tuple[Gate, ...]:
    """Sort gates worst first, otherwise in their order."""
    return tuple(sorted(gates, key=lambda gate: _BY_STATUS.index(gate.status)))


def gates_line(gates: tuple[Gate, ...]) -> str:
    """Say in one line how many gates hold."""
    judged = [gate for gate in gates if gate.status != Status.SHOWN]
    failed = [gate for gate in judged if gate.status != Status.PASS]
    if not judged:
        return "No gate was judged."
    if not failed:
        return f"All {len(judged)} gates hold: the run can be judged."
    names = ", ".join(gate.title for gate in failed)
    return f"{len(failed)} of {len(judged)} gates {'does' if len(failed) == 1 else 'do'} not hold: {names}."


def consequence(gate: Gate) -> str:
    """Say what a gate that does not hold takes away."""
    return {
        "verdict": "without it nothing is judged",
        "pass": "without it no check can pass",
        "latency-fail": "without it no latency check can fail",
    }[gate.forbids]


def deeds(analysis: Analysis, plan: Plan) -> tuple[Deed, ...]:
    """Tell for each fault what was done to whom, how it was proven and how it was undone; of those that are told alike, once."""
    gates = {gate.id: gate for gate in analysis.gates}
    if not plan.faults:
        return (Deed("Nothing was done", ("The plan has no fault.",)),)
    spans = dict(enumerate(analysis.spans))
    alike: dict[tuple[str, ...], list[int]] = {}
    for index, fault in enumerate(plan.faults):
        alike.setdefault((_deed_title(fault), fault.shape, fault.effect, fault.proof, fault.undo), []).append(index)
    return tuple(
        _deed(plan.faults[same[0]], sorted(span for index in same if (span := spans.get(index))), gates)
        for same in alike.values()
    )


def _deed(fault: PlannedFault, times: Sequence[tuple[float, float]], gates: dict[str, Gate]) -> Deed:
    return Deed(_deed_title(fault), tuple(filter(None, _told(fault, times, gates))))


def _deed_title(fault: PlannedFault) -> str:
    where = ", ".join(fault.edges or fault.services)
    dose = f", dose {fault.dose}" if fault.shape != "none" and fault.dose else ""
    return f"{fault.fault}{f' on {where}' if where else ''}{dose}"


def _told(fault: PlannedFault, times: Sequence[tuple[float, float]], gates: dict[str, Gate]) -> tuple[str, ...]:
    if fault.shape == "none":
        return (sentence(fault.effect),)
    return (
        sentence(fault.effect),
        _when(fault, times),
        _stated("Proof", fault.proof, gates.get("gate.fault-proven")),
        _stated("Undo", fault.undo, gates.get("gate.reverted")),
    )


def _when(fault: PlannedFault, times: Sequence[tuple[float, float]]) -> str:
    if not times:
        return "It is not on record that it took place."
    if fault.shape == "impulse":
        return f"It happened at {', '.join(figures.clock(start_s) for start_s, _ in times)}."
    return f"It was on from {', '.join(f'{figures.clock(start_s)} to {figures.clock(end_s)}' for start_s, end_s in times)}."


def _stated(label: str, planned: str, gate: Gate | None) -> str:
    if gate is None:
        return f"{label}: {sentence(planned)}"
    evidence = f" ({'; '.join(gate.evidence)})" if gate.evidence else ""
    found = sentence(f"{gate.reason.rstrip('.')}{evidence}")
    return f"{label} {MARKS[gate.status]} {gate.status}: {sentence(planned)} {found}"


def tracebacks(gate: Gate) -> tuple[str, ...]:
    """Return what a gate that does not hold shows in several lines: tracebacks of a person's own code."""
    return tuple(text for text in gate.evidence if "\n" in text) if gate.status == Status.FAIL else ()


def sentence(text: str) -> str:
    """Return a text that begins with a capital and ends with a full stop; nothing stays nothing."""
    text = text.strip()
    if not text:
        return ""
    return f"{text[0].upper()}{text[1:]}{'' if text[-1] in '.!?:' else '.'}"


def sample(check: Finding | Gate) -> str:
    """Write the number of requests behind a result; a dash for none."""
    return f"n={figures.count(check.n)}" if check.n else figures.NOTHING


def gap(compared: Compared) -> str:
    """Write how far a measured value is from the predicted one."""
    return figures.NOTHING if compared.measured is None else figures.difference(compared.predicted, compared.measured)


def words(plan: Plan) -> tuple[tuple[str, str], ...]:
    """Return the words that a reader needs, each with what it means in one line."""
    hang = figures.limit(plan.experiment.load.hang_s, "s")
    return (
        ("scheduled", "what the seeded plan offered; every share is of this, answered or not"),
        ("good", "answered 2xx within the route's deadline, counted from the scheduled start: ok or degraded"),
        ("degraded", "good, but with less than usual, and the answer says so (X-Degraded)"),
        ("rejected", "refused on purpose with 429 or 503: honest, and cheap when it is fast"),
        ("bad", "late, any other error, a broken connection, never sent, or cut off young by the load's end"),
        ("late", "answered 2xx, but after the deadline"),
        ("hung", f"no answer within {hang} of being sent"),
        ("response time", "from the scheduled start to the end of the answer, waiting included; p95: 95 % were faster"),
        (
            "interval",
            "where the true value lies with the confidence in brackets; passing needs all of it in the accepted range, failing none of it",
        ),
        ("gate", "what must hold before anything is judged"),
        ("control route", "shares no pool with anything: if it moves too, the machine moved"),
        ("inconclusive", "the interval contains the threshold, or the sample is too small: never a pass"),
        ("invalid", "a precondition failed, such as a fault that did nothing: nothing is proven"),
    )
