"""Activities of Chaos Toolkit beside gameday's own faults, under load: proven, undone, judged."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from gameday.record.history import Event, outstanding, read_history
from system.running import Running, all_gone, kill, marked, run_until_decided, start, wait_until
from system.variations import short_experiment

pytestmark = pytest.mark.system
LATENCY: JsonValue = {"latency": {"edge": "web -> recommendations", "delay": "300ms"}}


def shell(script: str) -> JsonValue:
    """Return a provider that runs a script of one line."""
    return {"type": "process", "path": "sh", "arguments": ["-c", script]}


def marking(mark: Path, **changed: JsonValue) -> dict[str, JsonValue]:
    """Return an action that makes a file, as Chaos Toolkit writes it, with its proof and its rollback."""
    return {
        "type": "action",
        "name": "make a mark",
        "provider": shell(f"touch {mark}"),
        "services": ["payments"],
        "proof": {"tolerance": 0, "provider": shell(f"test -e {mark}")},
        "rollbacks": [{"name": "remove the mark", "provider": shell(f"rm -f {mark}; echo gone >> {mark}.log")}],
        **changed,
    }


def report(running: Running) -> dict[str, Any]:
    """Return the report for machines."""
    return dict(json.loads((running.folder / "report.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("proven", [True, False], ids=["with a proof", "without a proof"])
def test_an_action_beside_a_fault_is_held_proven_and_undone(tmp_path: Path, *, proven: bool) -> None:
    """Without a proof the best result is inconclusive, and the run is still judged."""
    mark = tmp_path / "mark"
    action = marking(mark) if proven else marking(mark, proof=None)
    path = short_experiment(tmp_path / "experiment", method=[LATENCY, action])
    wanted = "pass" if proven else "inconclusive"
    running = run_until_decided(tmp_path / "runs", str(path), wanted=wanted)
    assert running.code() == (0 if proven else 3), running.printed()
    assert not mark.exists()
    runs = len(list((tmp_path / "runs").iterdir()))
    assert (tmp_path / "mark.log").read_text(encoding="utf-8") == "gone\n" * runs, "played once in each run"
    found = report(running)
    assert (found["verdict"], found["decided_by"]) == (wanted, None if proven else "gate.fault-proven")
    assert not outstanding(read_history(running.folder))
    assert all_gone(running.mark)


def test_an_interruption_plays_the_rollbacks(tmp_path: Path) -> None:
    """As it undoes every other fault."""
    mark = tmp_path / "mark"
    path = short_experiment(tmp_path / "experiment", method=[LATENCY, marking(mark)])
    running = start(tmp_path / "runs", "run", str(path), "--out", str(tmp_path / "runs"))
    running.wait_for(Event.FAULT_CONFIRMED)
    wait_until(mark.exists, within_s=10, what="the mark")
    running.process.send_signal(signal.SIGTERM)
    assert running.code(within_s=30) == 130
    assert not mark.exists()
    assert all_gone(running.mark)


def test_recovery_plays_the_rollbacks_when_everything_was_killed_at_once(tmp_path: Path) -> None:
    """What the action did does not end with the system's processes."""
    mark = tmp_path / "mark"
    path = short_experiment(tmp_path / "experiment", method=[marking(mark)])
    running = start(tmp_path / "runs", "run", str(path), "--out", str(tmp_path / "runs"))
    running.wait_for(Event.FAULT_CONFIRMED)
    pids = [int(line.split()[0]) for line in marked(running.mark)]
    for pid in pids:  # else the worker, whose supervisor dies first, leaves through its rollbacks
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    for pid in pids:
        kill(pid)
    running.code(within_s=10)
    assert all_gone(running.mark)
    assert mark.exists()
    recovered = start(tmp_path / "recovered", "recover", "--out", str(running.out))
    assert recovered.code(within_s=30) == 0, recovered.printed()
    assert not mark.exists()
    assert not outstanding(read_history(running.folder))


@pytest.mark.parametrize("tolerance", [0, 3], ids=["met", "off in the baseline"])
def test_a_probe_of_chaos_toolkit_stands_in_the_hypothesis(tmp_path: Path, tolerance: int) -> None:
    """Asked in the baseline, where it is a gate, and in the recovery, where it is a check."""
    other = {"type": "probe", "name": "all is quiet", "tolerance": tolerance, "provider": shell("true")}
    probes = [{"route": "checkout", "good": "> 50%"}, other]
    changed: dict[str, Any] = {"steady-state-hypothesis": {"title": "Most are served", "probes": probes}}
    path = short_experiment(tmp_path / "experiment", **changed)
    running = run_until_decided(tmp_path / "runs", str(path), wanted="invalid" if tolerance else "pass")
    found = report(running)
    if tolerance == 0:
        assert running.code() == 0, running.printed()
        checks = {check["id"]: check["status"] for check in found["checks"]}
        assert checks["steady-state.other-1.recovery"] == "pass"
    else:
        assert running.code() == 3, running.printed()
        assert found["verdict"] == "invalid"
        gate = next(gate for gate in found["gates"] if gate["id"] == "gate.baseline")
        assert gate["status"] == "fail"
        assert "all is quiet: out of tolerance" in gate["reason"]
        assert Event.FAULT_INTENDED not in {record.event for record in running.history()}
