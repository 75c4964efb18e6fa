"""Plans for tests of the load: routes of any kind, without faults or checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from pydantic import JsonValue

from gameday.experiment.model import Experiment, System
from gameday.experiment.plan import Phase, Plan, RouteLoad


def bare_plan(
    routes: Mapping[str, Mapping[str, JsonValue]],
    load: Mapping[str, JsonValue],
    *,
    duration_s: float,
    seed: int = 1,
) -> Plan:
    """Return a plan of one phase with this section ``load``; its routes (name -> keys of the system file) are still to be loaded."""
    system = System.model_validate(
        {
            "name": "test",
            "targets": {},
            "services": {"web": {}},
            "routes": {name: {"hard": ["web"], **route} for name, route in routes.items()},
        }
    )
    experiment = Experiment.model_validate(
        {
            "title": "Load",
            "description": "Load",
            "system": "test",
            "load": dict(load),
            "steady-state-hypothesis": {"title": "None", "probes": [{"route": next(iter(routes))}]},
            "method": [{"fault": "none", "parameters": {}}],
        }
    )
    return Plan(
        name="load",
        experiment=experiment,
        system=system,
        target="local",
        variant=None,
        seed=seed,
        phases=(Phase("warmup", 0.0, duration_s),),
        routes=(),
        faults=(),
        predictions=(),
        checks=(),
    )


def load_plan(
    routes: Mapping[str, Mapping[str, JsonValue]],
    *,
    rate: str = "50/s",
    duration_s: float = 1.0,
    hang: str = "3s",
    arrivals: Literal["poisson", "constant"] = "poisson",
    seed: int = 1,
    workers: int = 1,
) -> Plan:
    """Return a plan whose routes (name -> keys of the system file, ``request`` at least) are all loaded at one rate."""
    load: dict[str, JsonValue] = {"arrivals": arrivals, "hang": hang, "workers": workers}
    bare = bare_plan(routes, {"routes": dict.fromkeys(routes, rate), **load}, duration_s=duration_s, seed=seed)
    rates_per_s = bare.experiment.load.routes
    loads = (
        RouteLoad(index, name, rates_per_s[name], len(bare.arrivals(name).times_s)) for index, name in enumerate(routes)
    )
    return replace(bare, routes=tuple(loads))
