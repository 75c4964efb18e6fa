"""Find controls of a plain experiment that will not act."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any


def lost_controls(experiment: dict[str, Any]) -> Iterator[str]:
    """
    Yield what is wrong with controls whose module cannot be imported.

    Chaos Toolkit only logs it and goes on without them, and one of them may be what keeps the experiment safe.
    """
    hypothesis = experiment.get("steady-state-hypothesis") or {}
    holders = (experiment, hypothesis, *(hypothesis.get("probes") or ()), *experiment["method"])
    modules: dict[str, str] = {}
    for holder in (*holders, *(experiment.get("rollbacks") or ())):
        for control in holder.get("controls") or ():
            provider = control.get("provider") or {}
            if provider.get("type") == "python":
                modules.setdefault(str(provider.get("module")), str(control.get("name")))
    for module, name in modules.items():
        try:
            importlib.import_module(module)
        except ImportError as error:
            yield f"the control {name} does nothing, because its module cannot be imported: {error}"
