"""The ``proof:`` of an action, which Chaos Toolkit does not know: a probe of its own, asked right behind the action, with a tolerance."""

from __future__ import annotations

from typing import Any

from chaoslib import substitute
from chaoslib.exceptions import InvalidActivity
from chaoslib.experiment import ensure_experiment_is_valid
from chaoslib.hypothesis import ensure_hypothesis_tolerance_is_valid, within_tolerance

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


def see_valid(experiment: dict[str, Any]) -> None:
    """
    Ask Chaos Toolkit whether it accepts an experiment ``with_proofs``; provider modules are imported.

    Raises:
        ChaosException: It does not, or a proof has no tolerance that it would accept of a hypothesis.
        Exception: It does not, in any other way: Chaos Toolkit raises TypeError and others for some shapes.
    """
    ensure_experiment_is_valid(experiment)
    for activity in _method(experiment):
        if PROVES not in activity:
            continue
        if "tolerance" not in activity:
            raise InvalidActivity(f"the proof of {activity[PROVES]} must have a tolerance entry")
        ensure_hypothesis_tolerance_is_valid(activity["tolerance"])


def is_met(tolerance: Any, output: Any, configuration: Any, secrets: Any) -> bool:  # noqa: ANN401 - chaoslib's dicts
    """Tell whether a probe's output is within its tolerance, as in a hypothesis: a text's placeholders are filled in first."""
    if isinstance(tolerance, str):
        tolerance = substitute(tolerance, configuration, secrets)
    return bool(within_tolerance(tolerance, output, configuration, secrets))


def _method(experiment: dict[str, Any]) -> list[Any]:
    return experiment.get("method") or []
