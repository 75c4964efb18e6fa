"""
Judge the run of a plain Chaos Toolkit experiment from its history.

Chaos Toolkit's own ``status`` and ``deviated`` are no verdict: it is "completed", exit 0, when the baseline was not met and when an
action raised. The precedence is that of the classification which its command line made later for agents (1.21, ``agent.classify``):
interrupted, aborted, a probe that failed, baseline not met, deviated, passed; and what passed with a failed activity, an unplayed or
failed rollback, or an effect that nobody has seen, is inconclusive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from gameday.analysis.gates import counted
from gameday.analysis.guarding import Guard
from gameday.analysis.model import Analysis, Finding, Gate, Happening, Status, Verdict
from gameday.experiment.foreign import ForeignPlan, Section
from gameday.record.foreign import ForeignData, problem
from gameday.record.history import Event, Record

_WHEN = {"before": "before the method", "during": "during the method", "after": "after the method"}


@dataclass(frozen=True, slots=True)
class Seen:
    """What the history says, by what is asked of it; records in their order, and what is ``lost`` of them."""

    plan: ForeignPlan
    history: tuple[Record, ...]
    lost: tuple[str, ...] = ()

    def of(self, event: Event, **data: str) -> tuple[Record, ...]:
        """Return the records of a kind whose data has these values."""
        return tuple(
            record
            for record in self.history
            if record.event == event and all(record.data.get(key) == value for key, value in data.items())
        )

    @property
    def ended(self) -> Record | None:
        """Return how Chaos Toolkit ended; None when it never said."""
        return next(iter(record for record in self.of(Event.TOOLKIT_ENDED) if record.writer == "worker"), None)

    @property
    def status(self) -> str:
        """Return Chaos Toolkit's status of the run."""
        return str(self.ended.data.get("status")) if self.ended else "lost"


def judge_foreign(data: ForeignData) -> Analysis:
    """
    Judge a run from what it left; the same bytes give the same analysis in any process.

    Raises nothing for a run that was read: where a part of the judgement itself fails, the best result is inconclusive, and its traceback
    is evidence.
    """
    seen, guard = Seen(data.plan, data.history, data.lost), Guard()
    gates = []
    for asked, gate in _GATES:
        found: Gate | None = guard.attempt(asked, partial(gate, seen), None)
        gates += [found] if found else []
    checks: tuple[Finding, ...] = guard.attempt("judging the hypothesis", lambda: tuple(_checks(seen)), ())
    timeline: tuple[Happening, ...] = guard.attempt("the timeline", lambda: tuple(_timeline(seen)), ())
    nothing: tuple[Verdict, str, str | None] = (Verdict.INCONCLUSIVE, "nothing could be concluded", None)
    verdict, reason, decided_by = guard.attempt(
        "concluding", lambda: _conclude(seen, {gate.id: gate for gate in gates}, checks), nothing
    )
    if (broken := guard.gates()) and verdict in {Verdict.PASS, Verdict.INCONCLUSIVE}:
        verdict, reason, decided_by = Verdict.INCONCLUSIVE, broken[0].reason, broken[0].id
    return Analysis(
        verdict=verdict,
        reason=reason,
        decided_by=decided_by,
        gates=(*gates, *broken),
        checks=checks,
        predictions=(),
        phases=(),
        faulted=(),
        routes=(),
        summaries=(),
        system=(),
        timeline=timeline,
    )


def _conclude(seen: Seen, gates: dict[str, Gate], checks: tuple[Finding, ...]) -> tuple[Verdict, str, str | None]:
    """Take the first of Chaos Toolkit's classes that holds."""
    before_failed = any(record.data.get("section") == "before" for record in _failed_probes(seen))
    order: tuple[tuple[str, Verdict], ...] = (
        ("gate.complete", Verdict.INCONCLUSIVE if seen.status == "interrupted" else Verdict.INVALID),
        ("gate.probes", Verdict.INVALID if before_failed else Verdict.INCONCLUSIVE),
        ("gate.baseline", Verdict.INVALID),
    )
    for id_, verdict in order:
        if gates[id_].status is Status.FAIL:
            return verdict, gates[id_].reason, id_
    deviated = next((check for check in checks if check.status is Status.FAIL), None)
    if deviated:
        return Verdict.FAIL, f"{deviated.id}: {deviated.reason}", deviated.id
    judged = [check for check in checks if check.status is Status.PASS]
    if not judged:
        return (
            Verdict.INCONCLUSIVE,
            "no hypothesis was evaluated during or after the method, so nothing was shown",
            None,
        )
    for id_ in ("gate.activities", "gate.reverted", "gate.fault-proven"):
        if gates[id_].status is Status.FAIL:
            return Verdict.INCONCLUSIVE, gates[id_].reason, id_
    if undecided := next((check for check in checks if check.status is Status.INCONCLUSIVE), None):
        return Verdict.INCONCLUSIVE, undecided.reason, undecided.id
    return Verdict.PASS, f"all {len(judged)} checks passed, and no gate forbids it", None


def _complete(seen: Seen) -> Gate:
    """Judge whether the run went to its end, and all that was recorded of it is there."""
    problems = [f"the run was interrupted by {record.data.get('signal')}" for record in seen.of(Event.RUN_INTERRUPTED)]
    problems += [str(record.data.get("error")) for record in seen.of(Event.ERROR, where="timeout")]
    problems += [f"the worker died ({record.data.get('code')})" for record in seen.of(Event.WORKER_LOST)]
    problems += [f"Chaos Toolkit does not accept it: {r.data.get('reason')}" for r in seen.of(Event.TOOLKIT_REFUSED)]
    told = {
        "interrupted": "the experiment was interrupted",
        "aborted": "Chaos Toolkit aborted the experiment",
        "raised": f"Chaos Toolkit itself failed: {seen.ended.data.get('error') if seen.ended else ''}",
        "lost": "Chaos Toolkit never said how it ended",
    }
    if seen.status in told and not problems:
        problems.append(told[seen.status])
    if not problems and not seen.of(Event.RUN_FINISHED):
        problems.append("the run never recorded its end: it was killed then, or could not write any more")
    problems += seen.lost
    return counted(
        "gate.complete",
        "the run went to its end, and all of it is on record",
        forbids="verdict",
        problems=tuple(problems),
        n=1,
        fine="every part of it was run",
        unit="early ends",
    )


def _probes(seen: Seen) -> Gate:
    """Judge whether every probe of the hypothesis answered, whatever the answer."""
    asked = [r for r in seen.of(Event.ACTIVITY_ENDED) if r.data.get("section") in _WHEN]
    problems = [
        f"{record.data.get('name')} could not be measured {_WHEN[str(record.data.get('section'))]}: {record.data.get('error')}"
        for record in _failed_probes(seen)
    ]
    return counted(
        "gate.probes",
        "every probe answered",
        forbids="verdict",
        problems=tuple(problems),
        n=len(asked),
        fine="all answered",
        unit="probes failed",
    )


def _failed_probes(seen: Seen) -> tuple[Record, ...]:
    return tuple(
        record
        for record in seen.of(Event.ACTIVITY_ENDED)
        if record.data.get("section") in _WHEN and record.data.get("status") == "failed"
    )


def _baseline(seen: Seen) -> Gate:
    """Judge whether the hypothesis held before anything was done, if it was to be asked."""
    title = seen.plan.hypothesis or "there is no hypothesis"
    before = seen.of(Event.HYPOTHESIS, phase="before")
    return counted(
        "gate.baseline",
        title,
        forbids="verdict",
        problems=tuple(_unmet(record) for record in before if not record.data.get("met")),
        n=len(before),
        fine="the hypothesis held before the method" if before else "it was not evaluated before the method",
        unit="probes off",
    )


def _activities(seen: Seen) -> Gate:
    """Judge whether every activity of the method succeeded."""
    done = seen.of(Event.ACTIVITY_ENDED, section="method")
    problems = [f"{record.data.get('kind')} {what}" for record in done if (what := problem(record.data))]
    open_ = len(seen.of(Event.ACTIVITY_STARTED, section="method")) - len(done)
    if open_ > 0:
        problems.append(f"{open_} of the method's activities never ended")
    return counted(
        "gate.activities",
        "the method's activities succeeded",
        forbids="pass",
        problems=tuple(problems),
        n=len(done),
        fine="all succeeded",
        unit="failed",
    )


def _proven(seen: Seen) -> Gate:
    """Judge whether the ``proof:`` probe of every action saw its effect."""
    proofs = seen.of(Event.ACTIVITY_PROVEN)
    met = [record.data.get("name") for record in proofs if record.data.get("met")]
    problems = [] if seen.plan.method else ["the method is empty: nothing was done, so nothing was shown"]
    for action in seen.plan.actions:
        if action.name in met:
            met.remove(action.name)
        elif not action.proven:
            problems.append(f"{action.name}: its effect is not proven, because it has no proof: probe")
        else:
            told = next((r for r in proofs if r.data.get("name") == action.name), None)
            why = (told.data.get("error") or told.data.get("output")) if told else "its proof was never asked"
            problems.append(f"{action.name}: its effect is not proven ({why})")
    asked = len(seen.plan.actions)
    fine = (
        f"{asked} of {asked} actions were seen to have their effect"
        if asked
        else "nothing was done: the method has no action"
    )
    return counted(
        "gate.fault-proven",
        "every action took effect",
        forbids="pass",
        problems=tuple(problems),
        n=asked,
        fine=fine,
        unit="actions unproven",
    )


def _reverted(seen: Seen) -> Gate:
    """
    Judge whether every rollback was played and succeeded.

    Played they are even where Chaos Toolkit's default would not.
    """
    played = seen.of(Event.ACTIVITY_ENDED, section="rollbacks")
    problems = [f"rollback {what}" for record in played if (what := problem(record.data))]
    declared = len(seen.plan.rollbacks)
    begun = bool(seen.of(Event.ACTIVITY_STARTED))
    if begun and len(played) < declared:
        problems.append(f"{declared - len(played)} of {declared} rollbacks were not played")
    fine = f"{len(played)} of {declared} rollbacks played" if declared else "there are no rollbacks"
    return counted(
        "gate.reverted",
        "the rollbacks were played",
        forbids="pass",
        problems=tuple(problems),
        n=declared,
        fine=fine,
        unit="missing or failed",
    )


_GATES: tuple[tuple[str, Callable[[Seen], Gate]], ...] = (
    ("judging whether it went to its end", _complete),
    ("judging whether every probe answered", _probes),
    ("judging the baseline", _baseline),
    ("judging the method's activities", _activities),
    ("judging the proofs", _proven),
    ("judging the rollbacks", _reverted),
)


def _checks(seen: Seen) -> Iterator[Finding]:
    """Judge the hypothesis during and after the method, each probe once, by all its answers; and the method's own tolerances."""
    yield from _own_tolerances(seen)
    phases: tuple[Section, ...] = ("during", "after")
    for phase in phases:
        states = seen.of(Event.HYPOTHESIS, phase=phase)
        if phase == "during" and not states:
            continue  # the default strategy does not ask then
        for number, probe in enumerate(seen.plan.probes):
            answers = [each[number] for state in states if len(each := _answers(state)) > number]
            yield _check(f"hypothesis.{number + 1}.{phase}", probe.name, phase, answers, asked=bool(states))


def _own_tolerances(seen: Seen) -> Iterator[Finding]:
    """Judge the probes of the method that have a tolerance; one that is the hypothesis's is only shown there."""
    ended = [record for record in seen.of(Event.ACTIVITY_ENDED, section="method") if record.data.get("kind") == "probe"]
    for number, step in enumerate(seen.plan.method):
        record = next((each for each in ended if each.data.get("name") == step.name), None)
        if record:
            ended.remove(record)
        if not step.judged and (not record or record.data.get("met") is None):
            continue
        met = record.data.get("met") if record else None
        answer: dict[str, object] = {"met": met, "output": record.data.get("output")} if record else {}
        if record is None or met is None or record.data.get("error"):
            why = record.data.get("error") if record else "it was not asked, or never answered"
            status, told = Status.INCONCLUSIVE, f"it could not be judged: {why}"
        else:
            status = Status.PASS if met else Status.FAIL
            told = f"{'within' if met else 'out of'} tolerance: {record.data.get('output')}"
        if not step.judged:
            status, told = Status.SHOWN, f"{told} (its tolerance is judged in the hypothesis)"
        reason = f"{step.name} in the method: {told}"
        yield _finding(f"method.{number + 1}", step.name, status, [answer] if record else [], reason)


def _answers(state: Record) -> list[dict[str, object]]:
    probes = state.data.get("probes")
    return [dict(each) for each in probes if isinstance(each, dict)] if isinstance(probes, list) else []


def _check(id_: str, name: str, phase: Section, answers: list[dict[str, object]], *, asked: bool) -> Finding:
    off = [answer for answer in answers if not answer.get("met")]
    told = f"{name} {_WHEN[phase]}"
    if not answers:
        why = "an earlier probe was off, and Chaos Toolkit asks no further" if asked else "it was not asked"
        return _finding(id_, name, Status.SHOWN, answers, f"{told}: {why}")
    failed = [answer for answer in off if answer.get("status") != "succeeded"]
    if failed:
        return _finding(id_, name, Status.INCONCLUSIVE, answers, f"{told}: it could not be measured")
    status = Status.FAIL if off else Status.PASS
    shown = (off or answers)[0].get("output")
    verb = "out of tolerance" if off else "within tolerance"
    count = f" in {len(off)} of {len(answers)} evaluations" if off and len(answers) > 1 else ""
    return _finding(id_, name, status, answers, f"{told}: {verb}{count}: {shown}")


def _finding(id_: str, title: str, status: Status, answers: list[dict[str, object]], reason: str) -> Finding:
    """Make a finding of answers that have no number to them; evidence are the further ones that were off."""
    off = [answer for answer in answers if not answer.get("met")]
    return Finding(
        id=id_,
        title=title,
        status=status,
        value=None,
        unit="",
        interval=None,
        op=None,
        bound=None,
        n=len(answers),
        reason=reason,
        evidence=tuple(f"also: {answer.get('output')}" for answer in off[1:11]),
    )


def _unmet(record: Record) -> str:
    off = next((answer for answer in _answers(record) if not answer.get("met")), {})
    return f"{off.get('name')} was out of tolerance {_WHEN[str(record.data.get('phase'))]}: {off.get('output')}"


_TEXTS: dict[str, tuple[str, Callable[[Record], str]]] = {
    Event.RUN_STARTED: ("run", lambda r: f"run of {r.data.get('experiment')} started"),
    Event.HYPOTHESIS: ("judgement", lambda r: f"hypothesis {_WHEN[str(r.data.get('phase'))]}: {_met(r)}"),
    Event.ACTIVITY_STARTED: ("fault", lambda r: f"{_called(r)} begins{_behind(r)}"),
    Event.ACTIVITY_ENDED: ("fault", lambda r: f"{_called(r)} {r.data.get('status')}: {_came(r)}"),
    Event.ACTIVITY_PROVEN: ("judgement", lambda r: f"{r.data.get('name')} {_bites(r)}: {_came(r)}"),
    Event.TOOLKIT_REFUSED: ("run", lambda r: f"Chaos Toolkit does not accept it: {r.data.get('reason')}"),
    Event.TOOLKIT_ENDED: ("run", lambda r: f"Chaos Toolkit says {r.data.get('status')}{_deviated(r)}"),
    Event.WORKER_LOST: ("run", lambda r: f"the worker died ({r.data.get('code')})"),
    Event.RUN_INTERRUPTED: ("run", lambda r: f"run interrupted by {r.data.get('signal')}"),
    Event.RUN_FINISHED: ("run", lambda _: "run finished"),
    Event.RECOVERED: ("run", lambda r: f"recovered: {r.data.get('undone')} undone"),
    Event.ERROR: ("run", lambda r: f"error in {r.data.get('where')}: {r.data.get('error')}"),
}


def _timeline(seen: Seen) -> Iterator[Happening]:
    for record in seen.history:
        if record.event in _TEXTS:
            kind, text = _TEXTS[record.event]
            yield Happening(record.t_s, kind, text(record))  # type: ignore[arg-type]


def _met(record: Record) -> str:
    return "met" if record.data.get("met") else _unmet(record)


def _bites(record: Record) -> str:
    return "is proven" if record.data.get("met") else "is not proven"


def _behind(record: Record) -> str:
    return " in the background" if record.data.get("background") else ""


def _deviated(record: Record) -> str:
    return ", deviated" if record.data.get("deviated") else ""


def _called(record: Record) -> str:
    rollback = record.data.get("section") == "rollbacks"
    return f"{'rollback' if rollback else record.data.get('kind')} {record.data.get('name')}"


def _came(record: Record) -> str:
    code = record.data.get("code")
    left = f" (it left with status {code})" if code else ""
    return f"{record.data.get('error') or record.data.get('output')}{left}"
