"""Several runs of one experiment, one after the other, and what is kept of them."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from gameday.experiment.plan import read_plan
from gameday.record.history import Event, outstanding, read_history
from system.running import all_gone, run, start
from system.variations import SHORT

pytestmark = pytest.mark.system


def folders(out: Path) -> list[Path]:
    """Return the folders of the runs, oldest first."""
    return sorted(path.parent for path in out.glob("*/plan.json") if not path.parent.is_symlink())


def test_each_run_has_the_next_seed_and_a_folder_of_its_own(tmp_path: Path) -> None:
    """One summary for all; what an earlier command left is pruned, what this one made is not."""
    old = run(tmp_path, str(SHORT)).folder
    series = start(tmp_path, "run", str(SHORT), "--out", str(tmp_path), "--repeat", "2", "--seed", "7", "--keep", "1")
    code = series.code()
    made = folders(tmp_path)
    assert old not in made
    plans = [read_plan((folder / "plan.json").read_text(encoding="utf-8")) for folder in made]
    assert [plan.seed for plan in plans] == [7, 8]
    verdicts = [json.loads((folder / "report.json").read_text(encoding="utf-8"))["verdict"] for folder in made]
    assert code == (0 if verdicts == ["pass", "pass"] else 3), series.printed()
    assert series.folder == made[-1]
    printed = series.printed()
    assert "2 runs: " in printed
    assert all(str(folder) in printed for folder in made)
    assert all((folder / "junit.xml").exists() for folder in made)


def test_an_interruption_ends_the_present_run_healed_and_starts_no_other(tmp_path: Path) -> None:
    """The summary says how many were made; the exit code is that of an interruption."""
    series = start(tmp_path, "run", str(SHORT), "--out", str(tmp_path), "--repeat", "3")
    series.wait_for(Event.FAULT_INJECTED)
    series.process.send_signal(signal.SIGINT)
    assert series.code(within_s=30) == 130
    assert len(folders(tmp_path)) == 1
    assert not outstanding(read_history(series.folder))
    assert all_gone(series.mark)
    assert "1 of 3 runs" in series.printed()


def test_an_interruption_of_the_clean_up_leaves_the_run_as_measured_and_starts_no_other(tmp_path: Path) -> None:
    """The load is ended by then, the system is not; however far the clean-up comes before the signal, the same is told."""
    series = start(tmp_path, "run", str(SHORT), "--out", str(tmp_path), "--repeat", "2")
    series.wait_for(Event.LOAD_DONE)
    series.process.send_signal(signal.SIGINT)
    assert series.code(within_s=30) == 130, series.printed()
    assert len(folders(tmp_path)) == 1
    assert [record.event for record in series.history() if record.event == Event.RUN_INTERRUPTED] == []
    assert (series.folder / "report.html").exists()
    assert all_gone(series.mark)
    assert "1 of 2 runs" in series.printed()
