"""A run's folder is read as it was written, or not at all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gameday.agent.lifeline import boot_id
from gameday.experiment.foreign import ForeignPlan
from gameday.record import requests
from gameday.record.folder import About, NotARunError, read_run
from gameday.record.foreign import PLAN, read_foreign_run
from gameday.record.history import Event, History
from gameday.record.metrics import read_metrics
from gameday.record.requests import RowWriter
from samples import planned

ROW = (0, 0, 0, 0, 1, 200, 255, 0, 1.0, 0.001, 0.01, float("nan"))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Write a run of one request."""
    plan = planned()
    (tmp_path / "plan.json").write_text(plan.to_json())
    (tmp_path / "run.json").write_text(About("2026-01-01", 0.0, boot_id(), {}, "gameday run small").to_json())
    rows = RowWriter(tmp_path, worker=0, routes=[load.route for load in plan.routes], origin_monotonic_s=5.0)
    rows.add(ROW)
    rows.close()
    write_origin(tmp_path, 5.0)
    return tmp_path


def write_origin(folder: Path, origin_s: object) -> None:
    """Record when the load began."""
    shutil.rmtree(folder / "history", ignore_errors=True)
    history = History(folder, "supervisor", start_s=0.0, monotonic_s=lambda: 5.0)
    history.append(Event.LOAD_ORIGIN, {"origin_s": origin_s})  # type: ignore[dict-item]  # any value is tried
    history.close()


def rewrite_header(folder: Path, **changed: object) -> None:
    """Change the first line of the rows."""
    path = folder / "requests.0.bin"
    first, rest = path.read_bytes().split(b"\n", 1)
    path.write_bytes(json.dumps({**json.loads(first), **changed}).encode() + b"\n" + rest)


def test_times_count_from_the_loads_begin(run: Path) -> None:
    """Whatever was before it is negative."""
    assert [(record.event, record.t_s) for record in read_run(run).history] == [(Event.LOAD_ORIGIN, 0.0)]
    assert len(read_run(run).rows) == 1


@pytest.mark.parametrize("origin_s", [None, "5", -1, 1e308, float("inf"), float("nan")])
def test_requests_that_cannot_be_placed_in_time_are_no_run(run: Path, origin_s: object) -> None:
    """Judged on a guessed clock, a sound system could fail."""
    write_origin(run, origin_s)
    with pytest.raises(NotARunError, match="placed in time"):
        read_run(run)


def test_a_run_that_never_got_to_its_load_is_read(run: Path) -> None:
    """It has no requests, so its clock may begin with the run."""
    (run / "requests.0.bin").unlink()
    shutil.rmtree(run / "history")
    assert len(read_run(run).rows) == 0


@pytest.mark.parametrize("changed", [{"format": 2}, {"routes": ["pulse", "checkout"]}, {"routes": None}], ids=str)
def test_rows_of_another_format_or_plan_are_refused(run: Path, changed: dict[str, object]) -> None:
    """Read by position, they would speak of other routes."""
    rewrite_header(run, **changed)
    with pytest.raises(NotARunError, match="requests"):
        read_run(run)


def test_a_row_file_that_was_killed_in_its_first_line_has_no_rows(run: Path) -> None:
    """What is missing then is for the plan to say."""
    path = run / "requests.0.bin"
    path.write_bytes(path.read_bytes()[:20])
    assert len(read_run(run).rows) == 0


@pytest.mark.parametrize(
    "line",
    [
        "1",
        '{"t_s": null, "service": "web", "values": {"a": 1}}',
        '{"t_s": 1, "service": "web", "values": []}',
        '{"t_s": 1, "values": {"a": 1}}',
        '{"t_s": 1, "service": "web", "values": {"a": NaN, "b": "x", "c": null}}',
        '{"t_s": 1, "serv',
    ],
)
def test_a_line_that_is_no_page_of_metrics_is_passed_over(tmp_path: Path, line: str) -> None:
    """The lines around it are kept."""
    good = '{"t_s": 2, "service": "web", "values": {"a": 3}}'
    (tmp_path / "metrics.ndjson").write_text(f"{line}\n{good}\n")
    assert {key: np.array(points).tolist() for key, points in read_metrics(tmp_path).samples.items()} == {
        ("web", "a"): [[2.0, 3.0]]
    }


@pytest.mark.parametrize(
    "line", ["1", '{"t_s":"5","seq":0,"event":"x","data":{}}', '{"t_s":1,"seq":0,"event":"x","data":[]}']
)
def test_a_line_that_is_no_record_is_passed_over(run: Path, line: str) -> None:
    """One odd line must not take the history with it."""
    with (run / "history" / "supervisor.ndjson").open("a") as file:
        file.write(line + "\n")
    assert len(read_run(run).history) == 1


def test_a_record_that_is_lost_is_told_with_what_is_left(run: Path) -> None:
    """It may have been the one that made the run invalid, or a plain experiment's."""
    plain = ForeignPlan("small", "x", "x", (), None, "default", (), (), ())
    (run / PLAN).write_text(plain.to_json(), encoding="utf-8")
    history = History(run, "worker", start_s=0.0, monotonic_s=lambda: 5.0)
    for event in (Event.FAULT_INTENDED, Event.FAULT_FAILED, Event.FAULT_VERIFIED):
        history.append(event, {"id": "latency-1"})
    history.close()
    assert read_run(run).lost == read_foreign_run(run).lost == ()
    path = run / "history" / "worker.ndjson"
    path.write_text(path.read_text().replace("fault.failed", "fault.fai\n"))
    told = "lost in history/worker.ndjson: 1 of 3 records, the first with seq 1"
    assert read_run(run).lost == read_foreign_run(run).lost == (told,)


def test_a_row_of_a_worker_that_the_run_did_not_have_is_lost_and_told(run: Path) -> None:
    """It is judged with nothing, and makes the run invalid as any other record that is lost."""
    path = run / "requests.0.bin"
    odd = np.array([ROW], requests.ROW)
    odd["worker"] = 7
    path.write_bytes(path.read_bytes() + odd.tobytes())
    data = read_run(run)
    assert len(data.rows) == 1
    assert ["1 of 2 rows are of a worker" in sentence for sentence in data.lost] == [True]
