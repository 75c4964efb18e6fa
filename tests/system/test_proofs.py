"""A fault that did not take effect never gives a verdict on the system."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from pydantic import JsonValue

from system.running import run
from system.variations import ROOT, short_experiment

pytestmark = pytest.mark.system


def judged(tmp_path: Path, experiment: Path) -> tuple[str, str | None, int]:
    """Run an experiment; return its verdict, what decided it, and the exit code."""
    running = run(tmp_path / "runs", str(experiment))
    report = json.loads((running.folder / "report.json").read_text(encoding="utf-8"))
    return report["verdict"], report["decided_by"], running.code()


@pytest.mark.parametrize("share", ["100%", "50%"])
def test_a_latency_that_connections_bypass_is_invalid(tmp_path: Path, share: str) -> None:
    """All of them, so that the injection does nothing, or only half of them."""
    around: dict[str, JsonValue] = {"local": {"demo": "shop", "bypass": {"web -> recommendations": share}}}
    experiment = short_experiment(tmp_path, system={"targets": around})
    assert judged(tmp_path, experiment) == ("invalid", "gate.fault-proven", 3)


def test_emptying_keys_that_nobody_has_is_invalid(tmp_path: Path) -> None:
    """A prefix that matches nothing removes nothing."""
    services = yaml.safe_load((ROOT / "experiments/systems/shop.yaml").read_text(encoding="utf-8"))["services"]
    services["cache"] = {"kind": "redis", "prefix": "nobody:"}
    experiment = short_experiment(
        tmp_path,
        system={"services": services},
        method=[{"empty-cache": {"service": "cache"}}],
        phases={"warmup": "1s", "baseline": "2s", "fault": "11s", "recovery": "2s", "guard": "500ms"},
    )
    assert judged(tmp_path, experiment) == ("invalid", "gate.fault-proven", 3)


def test_a_fault_that_reaches_everything_is_proven(tmp_path: Path) -> None:
    """The same short run without a bypass passes its gate."""
    running = run(tmp_path / "runs", str(short_experiment(tmp_path)))
    report = json.loads((running.folder / "report.json").read_text(encoding="utf-8"))
    gate = next(gate for gate in report["gates"] if gate["id"] == "gate.fault-proven")
    assert gate["status"] == "pass", gate
