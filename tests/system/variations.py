"""Write variations of the shipped system and of a short experiment for one test."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import JsonValue

ROOT = Path(__file__).parents[2]
SHORT = Path(__file__).parent / "experiments" / "short-latency.yaml"


def short_experiment(folder: Path, *, system: dict[str, JsonValue] | None = None, **changed: JsonValue) -> Path:
    """
    Write the short experiment and its system into a folder and return the experiment's path.

    ``system`` replaces top-level keys of the shop's file, ``changed`` those of the experiment's.
    """
    shop = yaml.safe_load((ROOT / "experiments/systems/shop.yaml").read_text(encoding="utf-8"))
    experiment = yaml.safe_load(SHORT.read_text(encoding="utf-8"))
    (folder / "systems").mkdir(parents=True)
    (folder / "systems" / "shop.yaml").write_text(yaml.safe_dump({**shop, **(system or {})}), encoding="utf-8")
    path = folder / "varied.yaml"
    path.write_text(yaml.safe_dump({**experiment, **changed}), encoding="utf-8")
    return path
