"""The manual of both files names every key, and no fault is left out."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import JsonValue

from gameday.experiment.schema import experiment_schema, system_schema
from gameday.faults import catalogue

MANUAL = (Path(__file__).parents[3] / "docs" / "experiment-file.md").read_text(encoding="utf-8")


def keys(value: JsonValue) -> set[str]:
    """Return every key that a schema declares, at any depth."""
    if isinstance(value, list):
        return {key for each in value for key in keys(each)}
    if not isinstance(value, dict):
        return set()
    declared = value.get("properties")
    own = set(declared) if isinstance(declared, dict) else set()
    return own | {key for each in value.values() for key in keys(each)}


def test_every_key_of_both_files_stands_in_the_manual() -> None:
    """A key that is added is described."""
    described = {word for code in re.findall(r"`([^`\n]+)`", MANUAL) for word in re.findall(r"[a-z0-9-]+", code)}
    assert keys(experiment_schema(catalogue())) | keys(system_schema()) <= described


def test_every_fault_has_its_rows() -> None:
    """One with its parameters and an example, one with its proof and its undo."""
    assert all(MANUAL.count(f"| `{name}` |") == 2 and f"- {name}" in MANUAL for name in catalogue())
