"""Take the probes of Chaos Toolkit out of a hypothesis, where they stand behind those of routes."""

from __future__ import annotations

from gameday.experiment.flaws import Flaw
from gameday.experiment.foreign import is_activity
from gameday.experiment.loading.plain import Plain, describe

HYPOTHESIS = "steady-state-hypothesis"


def set_apart(value: dict[str, Plain]) -> tuple[dict[str, Plain], tuple[Flaw, ...]]:
    """Move them from ``probes`` to ``others``; what has none, or is no list, is left to the model. The input stays as it is."""
    hypothesis = value.get(HYPOTHESIS)
    probes = hypothesis.get("probes") if isinstance(hypothesis, dict) else None
    if not isinstance(hypothesis, dict) or not isinstance(probes, list):
        return value, ()
    first = next((index for index, probe in enumerate(probes) if is_activity(probe)), len(probes))
    if first == len(probes):
        return value, ()
    others: list[Plain] = [probe for probe in probes[first:] if is_activity(probe)]
    apart: dict[str, Plain] = {**hypothesis, "probes": probes[:first], "others": others}
    return {**value, HYPOTHESIS: apart}, tuple(_flaws(probes, first))


def _flaws(probes: list[Plain], first: int) -> list[Flaw]:
    flaws = []
    for index, probe in enumerate(probes[first:], first):
        path = (HYPOTHESIS, "probes", index)
        if not is_activity(probe):
            message = "a route's probe stands behind one of Chaos Toolkit"
            flaws.append(Flaw(path, message, describe(probe), "the probes of routes first"))
        elif isinstance(probe, dict):
            missing = [key for key in ("name", "provider", "tolerance") if key not in probe]
            if missing:
                valid = "a name, a provider and a tolerance"
                flaws.append(Flaw(path, f"the probe has no {missing[0]}", describe(probe), valid))
    return flaws
