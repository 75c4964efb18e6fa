"""The ``proof:`` of an action, which Chaos Toolkit does not know: a probe of its own, asked right behind the action, with a tolerance."""

from __future__ import annotations

from typing import Any

from chaoslib import substitute
from chaoslib.hypothesis import within_tolerance

PROVES = "gameday-proves"
"""The key of an inserted probe that names the action whose effect it must show."""


def with_proofs(experiment: dict[str, Any]) -> dict[str, Any]:
    """Return the experiment with every ``proof:`` probe as an activity of its own right behind its action; the input stays."""
    declared = {str(each["name"]): each for each in _method(experiment) if isinstance(each, dict) and "name" in each}
    method: list[Any] = []
    for activity in _method(experiment):
        if not isinstance(activity, dict):
            method.append(activity)
            continue
        method.append({key: value for key, value in activity.items() if key != "proof"})
        action = declared.get(str(activity.get("ref")), activity) if "ref" in activity else activity
        if isinstance(action.get("proof"), dict):
            name = action.get("name")
            method.append({"name": f"proof of {name}", **action["proof"], "type": "probe", PROVES: name})
    return {**experiment, "method": method}


def is_met(tolerance: Any, output: Any, configuration: Any, secrets: Any) -> bool:  # noqa: ANN401 - chaoslib's dicts
    """
    Return whether a probe's output is within its tolerance, as in a hypothesis.

    A text's placeholders are filled in first.
    """
    if isinstance(tolerance, str):
        tolerance = substitute(tolerance, configuration, secrets)
    return bool(within_tolerance(tolerance, output, configuration, secrets))


def _method(experiment: dict[str, Any]) -> list[Any]:
    return experiment.get("method") or []
