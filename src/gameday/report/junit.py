"""
Render an analysis as JUnit XML, which CI systems read: one suite per run, one case for the verdict, each gate and each check.

What failed is a failure; what could not be decided is an error, so that nothing undecided looks green; what is only shown, and in a
passed run a gate that took nothing away, is skipped. The case ``verdict`` alone says what the exit code says.

Source:
    Jenkins' junit-10.xsd (xunit-plugin) and Ant's JUnit.xsd (windyroad), whose common part this keeps to; neither is a standard.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Literal

from gameday.analysis.model import Analysis, Finding, Gate, Status, Verdict
from gameday.analysis.suite import Row, SuiteRun
from gameday.experiment.foreign import ForeignPlan
from gameday.experiment.plan import Plan
from gameday.record.folder import About
from gameday.report import content, figures

Outcome = Literal["passed", "failure", "error", "skipped"]

_FORBIDDEN = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, section 2.2; carriage returns go too."""

_OF_VERDICT: dict[Verdict, Outcome] = {
    Verdict.PASS: "passed",
    Verdict.FAIL: "failure",
    Verdict.INCONCLUSIVE: "error",
    Verdict.INVALID: "error",
}
_OF_STATUS: dict[Status, Outcome] = {
    Status.PASS: "passed",
    Status.FAIL: "failure",
    Status.INCONCLUSIVE: "error",
    Status.SHOWN: "skipped",
}


@dataclass(frozen=True, slots=True)
class _Case:
    """One test case; ``kind`` is the status in our own words, ``message`` one line, ``details`` further ones, ``time`` in seconds."""

    group: str
    name: str
    outcome: Outcome
    kind: str
    message: str
    details: tuple[str, ...] = ()
    time_s: float = 0.0


def junit(analysis: Analysis, plan: Plan, about: About) -> str:
    """Render a run's suite: properties (seed, variant ...), then the cases verdict, gates and checks in the report's order."""
    name = plan.name + (f".{plan.variant}" if plan.variant else "")
    cases = _cases(analysis, f"{plan.name}: {plan.experiment.title}", lambda check: _measured(check, plan))
    made = {"system": plan.system.name, "target": plan.target, "variant": plan.variant or "", "seed": str(plan.seed)}
    properties = {"experiment": plan.name, **made, **_outcome(analysis, about)}
    return _suite(f"gameday.{name}", tuple(cases), properties, started=about.started, duration_s=plan.duration_s)


def junit_of_plain(analysis: Analysis, plan: ForeignPlan, about: About) -> str:
    """Render the suite of a plain Chaos Toolkit run, which has neither seed nor load."""
    cases = _cases(analysis, f"{plan.name}: {plan.title}", lambda _: "")
    properties = {"experiment": plan.name, **_outcome(analysis, about)}
    return _suite(f"gameday.{plan.name}", tuple(cases), properties, started=about.started, duration_s=0.0)


def junit_of_suite(run: SuiteRun) -> str:
    """Render a suite's result: one case per experiment, which says what that experiment's part of the exit code is."""
    name = f"gameday.suite.{run.name}"
    properties = {"suite": run.name, "target": run.target, "command": run.command}
    versions = {f"version.{part}": version for part, version in run.versions.items()}
    cases = tuple(map(_of_row, run.rows))
    return _suite(name, cases, {**properties, **versions}, started=run.started, duration_s=run.duration_s)


def _of_row(row: Row) -> _Case:
    judged: Outcome = "passed" if not row.code else "failure" if row.code == 1 else "error"
    outcome: Outcome = "skipped" if row.ended == "not run" else judged
    name = f"{row.experiment}{f', {row.variant}' if row.variant else ''}, seed {row.seed}: {row.title}"
    expected = "" if row.expect is Verdict.PASS else f"expected {row.expect}: "
    told = (f"decided by {row.decided_by}" if row.decided_by else "", f"run {row.run}" if row.run else "")
    message = f"{expected}{row.reason}"
    return _Case("experiments", name, outcome, row.word, message, tuple(filter(None, told)), row.duration_s)


def _suite(
    name: str, cases: tuple[_Case, ...], properties: Mapping[str, str], *, started: str, duration_s: float
) -> str:
    failures, errors, skipped = (
        sum(1 for case in cases if case.outcome == outcome) for outcome in ("failure", "error", "skipped")
    )
    totals = {"tests": len(cases), "failures": failures, "errors": errors, "time": f"{duration_s:.3f}"}
    place = {"skipped": skipped, "timestamp": _timestamp(started), "hostname": "localhost"}
    lines = (
        '<?xml version="1.0" encoding="UTF-8"?>',
        _open("testsuites", {"name": "gameday", **totals}),
        " " + _open("testsuite", {"name": name, "id": 0, "package": "gameday", **totals, **place}),
        "  <properties>",
        *(f"   {_empty('property', {'name': key, 'value': value})}" for key, value in properties.items()),
        "  </properties>",
        *(line for case in cases for line in _written(name, case)),
        "  <system-out></system-out>",
        "  <system-err></system-err>",
        " </testsuite>",
        "</testsuites>",
    )
    return "\n".join(lines) + "\n"


def _cases(analysis: Analysis, title: str, measured: Callable[[Finding], str]) -> Iterator[_Case]:
    verdict = analysis.verdict
    yield _Case("verdict", title, _OF_VERDICT[verdict], verdict, analysis.reason)
    for gate in analysis.gates:
        yield _Case("gates", _named(gate), _gate(gate, verdict), gate.status, gate.reason, gate.evidence)
    for check in analysis.checks:
        told = tuple(filter(None, (measured(check), *check.evidence)))
        group = check.id.split(".", 1)[0]
        yield _Case(group, _named(check), _OF_STATUS[check.status], check.status, check.reason, told)


def _gate(gate: Gate, verdict: Verdict) -> Outcome:
    """A gate never fails a system: it says that the run cannot be judged; where the verdict passed it took nothing away."""
    if gate.status in {Status.PASS, Status.SHOWN}:
        return _OF_STATUS[gate.status]
    return "skipped" if verdict is Verdict.PASS else "error"


def _named(judged: Finding | Gate) -> str:
    return f"{judged.id}: {judged.title}"


def _measured(check: Finding, plan: Plan) -> str:
    interval = content.interval_of(check, plan)
    accepted = figures.accepted(check.op, check.bound, check.unit)
    parts = (f"measured {content.value_of(check, plan)}", interval, f"accepted {accepted}", content.sample(check))
    return ", ".join(part for part in parts if part)


def _outcome(analysis: Analysis, about: About) -> dict[str, str]:
    return {
        "verdict": analysis.verdict,
        "decided_by": analysis.decided_by or "",
        "command": about.command,
        **{f"version.{name}": version for name, version in about.versions.items()},
    }


def _timestamp(started: str) -> str:
    """Return the start in UTC without a zone, as the schemas have it."""
    return started.removesuffix("+00:00").removesuffix("Z")


def _written(suite: str, case: _Case) -> Iterator[str]:
    attributes = {"classname": f"{suite}.{case.group}", "name": case.name, "time": f"{case.time_s:g}"}
    if case.outcome == "passed":
        yield f"  {_empty('testcase', attributes)}"
        return
    yield f"  {_open('testcase', attributes)}"
    told = {"message": case.message, "type": case.kind}
    text = escape(_legal("\n".join((case.message, *case.details))), quote=False)
    yield f"   {_open(case.outcome, told)}{text}</{case.outcome}>"
    yield "  </testcase>"


def _open(name: str, attributes: Mapping[str, object]) -> str:
    return f"<{name}{_attributes(attributes)}>"


def _empty(name: str, attributes: Mapping[str, object]) -> str:
    return f"<{name}{_attributes(attributes)}/>"


def _attributes(attributes: Mapping[str, object]) -> str:
    return "".join(f' {name}="{escape(" ".join(_legal(str(value)).split()))}"' for name, value in attributes.items())


def _legal(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
