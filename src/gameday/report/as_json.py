"""Render an analysis as JSON for machines: everything in it, the plan's facts, stable keys, no NaN and no infinity."""

from __future__ import annotations

import json

from pydantic import JsonValue, TypeAdapter

from gameday.analysis.model import Analysis
from gameday.experiment.plan import Plan
from gameday.record.folder import About
from gameday.report import figures

SCHEMA = 1
"""Raised when a key changes its meaning or goes; a new key does not raise it."""

_ANY: TypeAdapter[object] = TypeAdapter(object)


def to_json(analysis: Analysis, plan: Plan, about: About) -> str:
    """
    Render the report for machines: keys sorted, floats at nine digits, ``null`` for what is not finite; ends with a newline.

    Keys: ``schema``, ``verdict``, ``reason``, ``decided_by``, ``gates``, ``checks``, ``predictions``, ``phases``, ``faulted``,
    ``routes`` (series), ``summaries``, ``system``, ``timeline``, ``kills``, ``spans``, ``cause`` as in ``analysis.model``, and ``run``: what was planned and how to
    run it again.
    """
    body = _plain(analysis)
    if not isinstance(body, dict):  # pragma: no cover - a dataclass always becomes an object
        raise TypeError(type(body))
    report = _stable({"schema": SCHEMA, **body, "run": _run(plan, about)})
    return json.dumps(report, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _stable(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {key: _stable(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_stable(each) for each in value]
    return figures.stable(value) if isinstance(value, float) else value


def _run(plan: Plan, about: About) -> dict[str, JsonValue]:
    experiment = plan.experiment
    return {
        "name": plan.name,
        "title": experiment.title,
        "description": experiment.description,
        "tags": list(experiment.tags),
        "decides": experiment.decides,
        "system": plan.system.name,
        "target": plan.target,
        "variant": plan.variant,
        "seed": plan.seed,
        "hang_s": experiment.load.hang_s,
        "load": "closed" if plan.closed else "open",
        "hypothesis": experiment.steady_state_hypothesis.title,
        "loads": _plain(plan.routes),
        "faults": _plain(plan.faults),
        "planned_checks": list(plan.checks),
        "started": about.started,
        "versions": dict(about.versions),
        "command": about.command,
    }


def _plain(value: object) -> JsonValue:
    plain: JsonValue = _ANY.dump_python(value, mode="json")
    return plain
