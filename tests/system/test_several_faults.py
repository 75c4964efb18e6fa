"""Several faults in one experiment: each in its own time, proven, undone, and judged together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import JsonValue

from gameday.record.history import Event, outstanding
from system.running import run_until_decided
from system.variations import short_experiment

pytestmark = pytest.mark.system
METHOD: list[JsonValue] = [
    {"kill": {"service": "cache", "down": "3s"}},
    {"blackhole": {"edge": "web -> payments"}, "at": "1s", "for": "6s"},
    {"latency": {"edge": "web -> recommendations", "delay": "300ms"}, "ramp": "3s"},
    {"errors": {"edge": "web -> payments", "status": 500}, "at": "10s"},
    {"pause": {"service": "database"}, "at": "10s"},
]
PHASES: JsonValue = {"warmup": "1s", "baseline": "2s", "fault": "15s", "recovery": "4s", "guard": "500ms"}


def test_overlapping_and_following_faults_are_each_proven_and_undone(tmp_path: Path) -> None:
    """A cache that is down, a blackhole, a delay that rises, errors where the blackhole was, and a database that stands still."""
    path = short_experiment(tmp_path, method=METHOD, phases=PHASES)
    running = run_until_decided(tmp_path / "runs", str(path), "--variant", "naive", wanted="pass")
    report = json.loads((running.folder / "report.json").read_text(encoding="utf-8"))
    gates = {gate["id"]: gate for gate in report["gates"]}
    for name in ("gate.fault-proven", "gate.reverted", "gate.undisturbed"):
        assert gates[name]["status"] == "pass", gates[name]
    history = running.history()
    at = {(record.event, record.data.get("id")): record.t_s for record in history}
    names = ("kill-1", "blackhole-2", "latency-3", "errors-4", "pause-5")
    begun = [at[Event.FAULT_INJECTED, name] for name in names]
    over = [at[Event.FAULT_UNDONE, name] for name in names]
    assert all(at[Event.FAULT_INTENDED, name] < min(begun) for name in names)
    assert begun[0] < begun[1] < over[0] < over[1] < begun[3] < min(over[2:])
    assert not outstanding(history)
