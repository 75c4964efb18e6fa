"""
Compile a plan to an ordinary Chaos Toolkit experiment whose activities are gameday's.

Chaos Toolkit evaluates the hypothesis-after before its rollbacks, so the undo is part of the method's one activity, ``episode``; the
rollbacks repeat it, as a net. Its two evaluations of the hypothesis need two windows: the probe of the hypothesis judges the
baseline before the method and the recovery after it.
"""

from __future__ import annotations

import json

from pydantic import JsonValue

from gameday.experiment.plan import Plan

ACTIVITIES = "gameday.runner.activities"
STAGE = "gameday.runner.exported"


def to_chaos_toolkit(plan: Plan) -> dict[str, JsonValue]:
    """Return the experiment as Chaos Toolkit reads it: valid for ``ensure_experiment_is_valid``, plain JSON."""
    return {
        "title": plan.experiment.title,
        "description": plan.experiment.description,
        "tags": list(plan.experiment.tags),
        "steady-state-hypothesis": {
            "title": plan.experiment.steady_state_hypothesis.title,
            "probes": [
                {
                    "type": "probe",
                    "name": "steady state",
                    "tolerance": {
                        "type": "probe",
                        "name": "every probe of the hypothesis holds",
                        "provider": _python("is_met", value=None),
                    },
                    "provider": _python("steady_state"),
                }
            ],
        },
        "method": [{"type": "action", "name": _name(plan), "provider": _python("episode")}],
        "rollbacks": [{"type": "action", "name": "undo whatever is left", "provider": _python("undo_outstanding")}],
        "extensions": [
            {
                "name": "gameday",
                "experiment": plan.name,
                "target": plan.target,
                "variant": plan.variant,
                "seed": plan.seed,
            }
        ],
    }


def to_exported(plan: Plan, *, locustfile: str | None = None) -> dict[str, JsonValue]:
    """
    Return the experiment as a file for ``chaos run``: the same, with a control that starts and ends system and load.

    The whole plan travels in ``extensions``, so that the file needs no other one; ``locustfile`` is the path of the load's own file.
    """
    extension: dict[str, JsonValue] = {"name": "gameday", "plan": json.loads(plan.to_json())}
    if locustfile:
        extension["locustfile"] = locustfile
    return {
        **to_chaos_toolkit(plan),
        "controls": [{"name": "gameday", "provider": {"type": "python", "module": STAGE}}],
        "extensions": [extension],
    }


def _name(plan: Plan) -> str:
    return " ".join(fault.effect for fault in plan.faults)


def _python(function: str, **arguments: JsonValue) -> dict[str, JsonValue]:
    return {"type": "python", "module": ACTIVITIES, "func": function, "arguments": arguments}
