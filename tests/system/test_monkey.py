"""The monkey on the shop: a run like any other, of which everything is left that repeats it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gameday.record.history import Event
from system.running import all_gone, start

pytestmark = pytest.mark.system


def test_the_monkey_kills_within_its_bounds_and_is_judged(tmp_path: Path) -> None:
    """Two replicas of web: every visit takes one, or nobody while the other one is all that is left."""
    wanted = ("--for", "18s", "--every", "8s", "--held", "40%", "--load", "login=20/s,pulse=20/s")
    for name in ("first", "second"):
        out = tmp_path / name
        running = start(out, "monkey", "--services", "web", *wanted, "--out", str(out))
        code = running.code()
        assert code in {0, 1, 3}, running.printed()  # few bins, and perhaps a busy machine, may leave it undecided
        assert all_gone(running.mark)
        if any(record.event == Event.FAULT_INJECTED for record in running.history()):
            break  # else the machine was too busy; what another seed draws may be refused
    report = json.loads((running.folder / "report.json").read_text(encoding="utf-8"))
    assert "continuity.held" in {check["id"] for check in report["checks"]}
    made = (running.folder / "experiment.yaml").read_text(encoding="utf-8")
    assert made.count("- monkey: {services: [web]") == made.count("    at: ") >= 1
    proofs = [record.data["proof"] for record in running.history() if record.event == Event.FAULT_CONFIRMED]
    taken = [proof["measured"] for proof in proofs if isinstance(proof, dict)]
    assert set(taken) <= {0, 1}
    assert 1 in taken
