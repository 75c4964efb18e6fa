"""Report the run of a plain Chaos Toolkit experiment: the same page, Markdown, JSON and ending, without load and routes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue, TypeAdapter

from gameday.analysis.model import Analysis, Finding, Status, Verdict
from gameday.experiment.foreign import ForeignPlan, Step
from gameday.record.folder import About
from gameday.report import content, figures
from gameday.report.as_json import SCHEMA
from gameday.report.ending import Line
from gameday.report.html import page
from gameday.report.markdown import code, head, plain, table

_ANY: TypeAdapter[object] = TypeAdapter(object)
_WORDS = (
    ("plain experiment", "one of Chaos Toolkit alone: no system file, no load, no routes"),
    ("gate", "what must hold before anything is judged, or before it can pass"),
    ("proof", "a probe under the action's proof: key that looks for its effect; without one nothing can pass"),
    ("rollbacks", "always played here, also where Chaos Toolkit's own default would not"),
    ("inconclusive", "nothing was off, but something is missing that a pass needs; or the run was cut short"),
    ("invalid", "the steady state was off before anything was done, or the run broke: nothing is proven"),
)


@dataclass(frozen=True, slots=True)
class Part:
    """One list of the experiment, in the order in which it is run."""

    title: str
    steps: tuple[Step, ...]


def html(analysis: Analysis, plan: ForeignPlan, about: About) -> str:
    """Render the page; the same bytes for the same values."""
    return page(
        "foreign.html.j2",
        analysis,
        plan=plan,
        about=about,
        facts=facts(analysis, plan, about),
        parts=tuple(parts(plan)),
        checks=worst_first(analysis),
        gates_open=any(gate.status is not Status.PASS for gate in analysis.gates),
        words=_WORDS,
    )


def markdown(analysis: Analysis, plan: ForeignPlan, about: About) -> str:
    """Render a pull request's comment: verdict and reason first."""
    first = head(analysis, plan.title, facts(analysis, plan, about))
    blocks = (first, _done(plan), _checks(analysis), _gates(analysis), _timeline(analysis))
    text = "\n\n".join("\n".join(block) for block in blocks)
    return f"{text}\n\n### Run it again\n\n```sh\n{about.command}\n```\n"


def to_json(analysis: Analysis, plan: ForeignPlan, about: About) -> str:
    """Render the report for machines; the keys are those of gameday's own experiments, with ``run`` as what was declared."""
    body = _ANY.dump_python(analysis, mode="json")
    assert isinstance(body, dict)  # noqa: S101 - a dataclass becomes an object
    run: dict[str, JsonValue] = {
        **_ANY.dump_python(plan, mode="json"),
        "started": about.started,
        "versions": dict(about.versions),
        "command": about.command,
    }
    whole = {"schema": SCHEMA, **body, "run": run}
    return json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def ending(analysis: Analysis, plan: ForeignPlan, folder: Path) -> tuple[Line, ...]:
    """Write the verdict block that ends a run: verdict, why, the report, what to try next."""
    verdict = analysis.verdict
    gates = [gate for gate in analysis.gates if gate.status is Status.FAIL and gate.reason != analysis.reason]
    return (
        Line(f"{content.MARKS[verdict]} {verdict.upper()}  {plan.name} (plain Chaos Toolkit)", "verdict"),
        Line(f"  {' '.join(filter(None, content.headline(analysis)))}"),
        *(Line(f"  gate {content.MARKS[gate.status]} {gate.title}: {gate.reason}", "fail") for gate in gates),
        Line(""),
        Line(f"  report  {folder / 'report.html'}"),
        Line(f"          {(folder.absolute() / 'report.html').as_uri()}", "muted"),
        Line(f"  next    {_next(analysis, plan)}", "next"),
    )


def _next(analysis: Analysis, plan: ForeignPlan) -> str:
    if not plan.method:
        return "give the method an action, and the action a proof: probe (docs/chaos-toolkit.md)"
    if analysis.decided_by == "gate.fault-proven":
        return "give each action a proof: probe with a tolerance, so that its effect is seen (docs/chaos-toolkit.md)"
    if analysis.verdict is Verdict.PASS:
        return "ask again under load: give it a system and a load section (docs/experiment-file.md)"
    return f"read why in the report, from {analysis.decided_by or 'the checks'} on"


def facts(analysis: Analysis, plan: ForeignPlan, about: About) -> tuple[tuple[str, str], ...]:
    """Return label and value of what identifies a run."""
    return (
        ("experiment", plan.name),
        ("kind", "plain Chaos Toolkit"),
        ("hypothesis strategy", plan.strategy),
        ("decided by", analysis.decided_by or "all checks together"),
        ("started", content.started(about)),
    )


def parts(plan: ForeignPlan) -> Iterator[Part]:
    """Yield what was to be done."""
    yield Part(f"Hypothesis: {plan.hypothesis}" if plan.hypothesis else "Hypothesis: none", plan.probes)
    yield Part("Method", plan.method)
    yield Part("Rollbacks", plan.rollbacks)


def worst_first(analysis: Analysis) -> tuple[Finding, ...]:
    """Sort the checks: what decided, then failed, inconclusive, passed, shown."""
    order = (Status.FAIL, Status.INCONCLUSIVE, Status.PASS, Status.SHOWN)
    return tuple(
        sorted(analysis.checks, key=lambda check: (check.id != analysis.decided_by, order.index(check.status)))
    )


def _done(plan: ForeignPlan) -> Iterator[str]:
    yield "### What was to be done"
    for part in parts(plan):
        yield ""
        yield f"**{plain(part.title)}.** {plain('; '.join(step.name for step in part.steps) or 'nothing')}"


def _checks(analysis: Analysis) -> Iterator[str]:
    yield "### Checks"
    yield ""
    rows = (
        (f"{content.MARKS[check.status]} {check.status}", f"{plain(check.title)} {code(check.id)}", plain(check.reason))
        for check in worst_first(analysis)
    )
    yield from table(("", "check", "why"), "lll", rows)


def _gates(analysis: Analysis) -> Iterator[str]:
    yield "### Gates"
    yield ""
    yield plain(content.gates_line(analysis.gates))
    for gate in content.failed_first(analysis.gates):
        if gate.status is not Status.PASS:
            yield ""
            yield f"- {content.MARKS[gate.status]} **{plain(gate.title)}** {code(gate.id)}: {plain(gate.reason)}"


def _timeline(analysis: Analysis) -> Iterator[str]:
    yield "### Timeline"
    yield ""
    rows = ((figures.clock(each.t_s), each.kind, plain(each.text)) for each in analysis.timeline[:60])
    yield from table(("since the start", "kind", "what"), "rll", rows)
