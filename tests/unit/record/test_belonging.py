"""Files of different runs in one folder are told by name: judged together they would make a run that never was."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from gameday.cli.exits import Exit
from gameday.cli.main import main
from gameday.experiment.foreign import ForeignPlan
from gameday.experiment.plan import Plan
from gameday.record.folder import About, NotARunError, read_run, started
from gameday.record.foreign import PLAN, read_foreign_run
from gameday.record.history import Event, History
from gameday.record.requests import RowWriter
from samples import planned

BOOT = "of this boot"


def make(folder: Path, plan: Plan, *, start_s: float) -> Path:
    """Write a run that ended, as its writers do; its load began five seconds after it."""
    folder.mkdir()
    (folder / "plan.json").write_text(plan.to_json(), encoding="utf-8")
    for writer in ("supervisor", "worker"):
        history = History(folder, writer, start_s=start_s, monotonic_s=lambda: start_s + 5)
        if writer == "supervisor":
            history.append(Event.RUN_STARTED, started(plan))
            history.append(Event.LOAD_ORIGIN, {"origin_s": 5.0})
        history.close()
    boot = json.loads((folder / "history" / "worker.ndjson").read_text(encoding="utf-8"))["boot_id"]
    about = About("2026-11-20T17:45:46+00:00", start_s, boot, {"gameday": "1"}, "gameday run small")
    (folder / "run.json").write_text(about.to_json(), encoding="utf-8")
    routes = [load.route for load in plan.routes]
    rows = RowWriter(folder, worker=0, routes=routes, origin_monotonic_s=start_s + 5.0000004)
    rows.add((0, 0, 0, 0, 1, 200, 255, 0, 1.0, 0.001, 0.01, float("nan")))
    rows.close()
    return folder


@pytest.fixture(name="run")
def _run(tmp_path: Path) -> Path:
    """Return a run's folder."""
    return make(tmp_path / "run", planned(), start_s=100.25)


@pytest.fixture(name="other")
def _other(tmp_path: Path) -> Path:
    """Return the folder of another run of the same plan."""
    return make(tmp_path / "other", planned(), start_s=900.5)


def refused(folder: Path) -> str:
    """Read a run, which must be refused, and return why."""
    with pytest.raises(NotARunError) as caught:
        read_run(folder)
    return str(caught.value)


def test_what_one_run_wrote_is_read(run: Path) -> None:
    """Otherwise no case would show anything."""
    assert len(read_run(run).rows) == 1


@pytest.mark.parametrize("name", ["history/worker.ndjson", "run.json", "requests.0.bin"])
def test_a_file_of_another_run_is_named(name: str, run: Path, other: Path) -> None:
    """Even of the same experiment and seed."""
    shutil.copy(other / name, run / name)
    assert refused(run).startswith(f"{run / name} ")


def test_a_history_of_another_run_is_told_by_what_does_not_fit_it(run: Path, other: Path) -> None:
    """The worker's file is the first beside it."""
    shutil.copy(other / "history" / "supervisor.ndjson", run / "history" / "supervisor.ndjson")
    why = f"{run}/history/worker.ndjson is of another run than {run}/history/supervisor.ndjson: they name different starts"
    assert refused(run) == why


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (
            planned().to_json().replace('"seed": 1,', '"seed": 2,').replace('"seed":1,', '"seed":2,'),
            "the seed was 1, not 2",
        ),
        (planned("none", {}).to_json(), "the plan's text was another"),
        (planned().to_json().replace('"small"', '"large"'), "the experiment was small, not large"),
    ],
    ids=["seed", "fault", "name"],
)
def test_a_plan_of_another_run_is_told_with_what_differs(run: Path, plan: str, told: str) -> None:
    """The seed, the name, or whatever else stands in it."""
    assert plan != planned().to_json()
    (run / "plan.json").write_text(plan, encoding="utf-8")
    history = run / "history" / "supervisor.ndjson"
    assert refused(run) == f"{history} is not the history of {run / 'plan.json'}: by its run.started {told}"


def test_a_run_of_another_boot_is_another_run(run: Path) -> None:
    """Clocks of two boots do not compare."""
    path = run / "run.json"
    path.write_text(re.sub(r'"boot_id": *"[^"]*"', f'"boot_id": "{BOOT}"', path.read_text(encoding="utf-8")))
    assert refused(run).startswith(f"{path} is of another run")


def test_a_run_that_never_came_to_know_its_parts_is_one_run(run: Path) -> None:
    """Its ``run.json`` has no start yet."""
    path = run / "run.json"
    path.write_text(path.read_text(encoding="utf-8").replace("100.25", "0.0"), encoding="utf-8")
    assert len(read_run(run).rows) == 1


def test_a_later_recovery_after_another_boot_belongs_to_it(run: Path) -> None:
    """Its clock is its own."""
    history = History(run, "recover", start_s=3.0)
    history.append(Event.RECOVERED, {"undone": [], "ended": []})
    history.close()
    assert len(read_run(run).rows) == 1


def test_what_an_older_version_did_not_write_is_passed_over(run: Path) -> None:
    """It told no digest of its plan."""
    path = run / "history" / "supervisor.ndjson"
    path.write_text(re.sub(r',"plan":"[0-9a-f]{64}"', "", path.read_text(encoding="utf-8")), encoding="utf-8")
    assert len(read_run(run).rows) == 1


@pytest.mark.parametrize("name", ["history/worker.ndjson", "history/supervisor.ndjson"])
def test_a_history_that_was_cut_in_its_first_line_says_nothing_of_its_run(run: Path, name: str) -> None:
    """A machine may lose its power at any moment."""
    (run / "requests.0.bin").unlink()
    (run / name).write_bytes((run / name).read_bytes()[:20])
    assert len(read_run(run).rows) == 0


def test_the_report_is_refused_and_says_why(run: Path, other: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No report is written over a mixture."""
    shutil.copy(other / "requests.0.bin", run / "requests.0.bin")
    assert main(["report", str(run)]) == Exit.USAGE
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(
        f"error: {run}/requests.0.bin holds the requests of another run: its load began 800 s from"
    )
    assert not list(run.glob("report.*"))


def test_a_plain_experiments_folder_is_held_to_the_same(run: Path) -> None:
    """Its plan's file is the one that is named."""
    (run / PLAN).write_text(ForeignPlan("small", "x", "x", (), None, "default", (), (), ()).to_json(), encoding="utf-8")
    assert read_foreign_run(run).plan.name == "small"
    (run / PLAN).write_text(ForeignPlan("large", "x", "x", (), None, "default", (), (), ()).to_json(), encoding="utf-8")
    with pytest.raises(NotARunError, match=rf"is not the history of .*{PLAN}: .* the experiment was small, not large"):
        read_foreign_run(run)
