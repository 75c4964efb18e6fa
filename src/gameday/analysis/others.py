"""Judge the hypothesis's probes of Chaos Toolkit by what they said in the run; nothing can be measured again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from gameday.analysis.case import Case
from gameday.analysis.findings import undecided
from gameday.analysis.model import Finding, Status
from gameday.experiment.plan import other_check
from gameday.record.history import Event


def others(case: Case) -> tuple[Finding, ...]:
    """Return one finding for each: what it said in the recovery."""
    return tuple(_finding(case, index) for index, _ in enumerate(_declared(case)))


def off_before(case: Case) -> Iterator[str]:
    """Yield what was out of tolerance, or not to be asked, in the baseline."""
    for index, probe in enumerate(_declared(case)):
        said = _said(case, "baseline", index)
        if said is not None and said.get("met") is not True:
            yield f"{probe.get('name')}: {_words(said)}"


def _finding(case: Case, index: int) -> Finding:
    id_, name = other_check(index), str(_declared(case)[index].get("name"))
    said = _said(case, "recovery", index)
    if said is None or said.get("status") != "succeeded":
        why = "it was not asked in the recovery" if said is None else _words(said)
        return undecided(id_, name, unit="", threshold=None, n=0, reason=f"{name}: {why}")
    met = said.get("met") is True
    return Finding(
        id=id_,
        title=name,
        status=Status.PASS if met else Status.FAIL,
        value=None,
        unit="",
        interval=None,
        op=None,
        bound=None,
        n=1,
        reason=f"{name}: {_words(said)}",
    )


def _declared(case: Case) -> tuple[Mapping[str, JsonValue], ...]:
    return case.plan.experiment.steady_state_hypothesis.others


def _said(case: Case, phase: str, index: int) -> Mapping[str, JsonValue] | None:
    """Return what a probe said in a phase; None when it was not asked."""
    for record in case.history:
        if record.event == Event.HYPOTHESIS and record.data.get("phase") == phase:
            said = record.data.get("others")
            found = said[index] if isinstance(said, list) and len(said) > index else None
            return found if isinstance(found, dict) else {"status": "failed", "error": record.data.get("error")}
    return None


def _words(said: Mapping[str, JsonValue]) -> str:
    if said.get("status") != "succeeded":
        return f"it could not be asked: {said.get('error')}"
    return f"{'within' if said.get('met') is True else 'out of'} tolerance: {said.get('output')}"
