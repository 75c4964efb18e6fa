"""The shipped system and small experiments on it, for tests that need a plan."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import JsonValue

from gameday.experiment.model import Experiment, System
from gameday.experiment.plan import Plan, plan
from gameday.faults import catalogue

ROOT = Path(__file__).parent.parent
LATENCY: dict[str, JsonValue] = {"edge": "web -> recommendations", "delay": "2s"}


def shop() -> System:
    """Return the system that ships."""
    return System.model_validate(yaml.safe_load((ROOT / "experiments/systems/shop.yaml").read_text()))


def experiment(fault: str = "latency", parameters: dict[str, JsonValue] | None = None, **more: object) -> Experiment:
    """Return a small experiment with one fault."""
    return Experiment.model_validate(
        {
            "title": "A small experiment",
            "description": "For tests.",
            "system": "shop",
            "load": {"routes": {"checkout": "60/s", "pulse": "60/s"}},
            "steady-state-hypothesis": {"title": "Served", "probes": [{"route": "checkout", "good": "> 97%"}]},
            "method": [{"fault": fault, "parameters": LATENCY if parameters is None else parameters}],
            **more,
        }
    )


def planned(
    fault: str = "latency", parameters: dict[str, JsonValue] | None = None, *, target: str = "local", **more: object
) -> Plan:
    """Return the plan of a small experiment on the shop."""
    return plan(
        experiment(fault, parameters, **more),
        shop(),
        catalogue(),
        name="small",
        target=target,
        variant="hardened",
        seed=1,
    )
