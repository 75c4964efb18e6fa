"""An exported experiment is one that Chaos Toolkit's own command line accepts and runs, with its faults undone however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from gameday.record.history import Event, outstanding, read_history
from system.running import MARK, Running, all_gone, start
from system.variations import SHORT

pytestmark = pytest.mark.system
CHAOS = Path(sys.executable).with_name("chaos")


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """Export the short experiment."""
    if not CHAOS.exists():
        pytest.skip(f"Chaos Toolkit's command line is not installed: {CHAOS}")
    running = start(tmp_path / "export", "export", str(SHORT))
    assert running.code(within_s=30) == 0, running.printed()
    path = tmp_path / "exported.json"
    path.write_text(running.printed(), encoding="utf-8")
    return path


def chaos(folder: Path, *arguments: str) -> Running:
    """Start ``chaos ARGUMENTS`` in a folder, where its runs are kept."""
    out = folder / "reports"
    out.mkdir(exist_ok=True)
    mark = uuid.uuid4().hex
    with (out / "printed.txt").open("ab") as printed:
        process = subprocess.Popen(
            [str(CHAOS), "--no-version-check", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            env={**os.environ, MARK: mark},
            cwd=folder,
            start_new_session=True,
        )
    return Running(process, out, mark)


def test_chaos_validates_and_runs_it_and_gameday_judges_the_run(exported: Path) -> None:
    """The fault is injected, proven and undone, the load is there all the time, and nothing is left."""
    validated = chaos(exported.parent, "validate", str(exported))
    assert validated.code(within_s=60) == 0, validated.printed()
    running = chaos(exported.parent, "run", str(exported))
    assert running.code() == 0, running.printed()
    events = [record.event for record in running.history()]
    assert Event.FAULT_CONFIRMED in events
    assert Event.LOAD_DONE in events
    assert not outstanding(read_history(running.folder))
    assert all_gone(running.mark)
    judged = start(exported.parent / "judged", "report", str(running.folder))
    assert judged.code(within_s=60) == 0, judged.printed()
    report = json.loads((running.folder / "report.json").read_text(encoding="utf-8"))
    gates = {gate["id"]: gate["status"] for gate in report["gates"]}
    assert {gates[name] for name in ("gate.complete", "gate.rows", "gate.fault-proven", "gate.reverted")} == {"pass"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interrupted_chaos_run_leaves_nothing_behind(exported: Path, number: signal.Signals) -> None:
    """By default Chaos Toolkit plays no rollback then: the episode and the control undo the fault."""
    running = chaos(exported.parent, "run", str(exported))
    running.wait_for(Event.FAULT_INJECTED)
    running.process.send_signal(number)
    running.code(within_s=60)
    assert not outstanding(read_history(running.folder))
    assert all_gone(running.mark)


def test_a_killed_chaos_run_takes_system_and_load_with_it(exported: Path) -> None:
    """What dies, heals; recovery completes the records."""
    running = chaos(exported.parent, "run", str(exported))
    running.wait_for(Event.FAULT_INJECTED)
    running.process.kill()
    running.code(within_s=10)
    assert all_gone(running.mark)
    recovered = start(exported.parent / "recovered", "recover", "--out", str(running.out))
    assert recovered.code(within_s=30) == 0, recovered.printed()
    assert not outstanding(read_history(running.folder))


def test_a_plain_experiment_need_not_be_exported(tmp_path: Path) -> None:
    """It is told so."""
    path = Path(__file__).parent / "experiments" / "deviates.yaml"
    running = start(tmp_path, "export", str(path))
    assert running.code(within_s=30) == 2
    assert "plain Chaos Toolkit experiment already" in running.printed()
