"""
Compile a plan to an ordinary Chaos Toolkit experiment whose activities are gameday's.

Chaos Toolkit evaluates the hypothesis-after before its rollbacks, so the undo is part of the method's one activity, ``episode``; the
rollbacks repeat it, as a net. Its two evaluations of the hypothesis need two windows: the probe of the hypothesis judges the
baseline before the method and the recovery after it.
"""

from __future__ import annotations

from pydantic import JsonValue

from gameday.experiment.plan import Plan

ACTIVITIES = "gameday.runner.activities"


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
                        "provider": _python("is_met"),
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


def _name(plan: Plan) -> str:
    return " ".join(fault.effect for fault in plan.faults)


def _python(function: str, **arguments: JsonValue) -> dict[str, JsonValue]:
    return {"type": "python", "module": ACTIVITIES, "func": function, "arguments": arguments}
