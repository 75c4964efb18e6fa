"""``gameday compare`` tells what two groups of recorded runs differ by, and refuses what cannot be compared."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gameday.cli.exits import Exit
from gameday.cli.main import main
from worlds.layers import slower
from worlds.recorded import keep
from worlds.runs import FAULT, QUIET, World

LATENCY = "bulkhead.login.latency"
USUAL, SLOW = World({}), World({"login": (*QUIET["login"], slower(3, FAULT))})


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GAMEDAY_PROGRAM", raising=False)


def made(folder: str, world: World, *seeds: int) -> None:
    """Leave a folder of runs."""
    for seed in seeds:
        keep(world.run(seed), Path(folder) / f"run-{seed}")


def line(told: str) -> list[str]:
    """Return the words of the line about login's response times."""
    return next(each for each in told.splitlines() if each.startswith(LATENCY)).split()


def test_two_folders_of_runs_are_compared_by_their_means(capsys: pytest.CaptureFixture[str]) -> None:
    """A system that became three times slower under the fault is worse, and the other way round better."""
    made("before", USUAL, 1, 2, 3)
    made("after", SLOW, 4, 5, 6)
    assert main(["compare", "before", "after"]) == Exit.PASSED
    told = capsys.readouterr().out
    assert "before (3 runs: pass)" in told
    assert "after (3 runs: fail)" in told
    assert line(told)[-1] == "worse"
    assert 2.5 < float(line(told)[3]) < 3.6
    assert main(["compare", "after", "before"]) == Exit.PASSED
    assert line(capsys.readouterr().out)[-1] == "better"


def test_one_run_each_is_called_nothing_and_told_what_would_say_more(capsys: pytest.CaptureFixture[str]) -> None:
    """However far they are apart."""
    made("before", USUAL, 1)
    made("after", SLOW, 2)
    Path("after/latest").symlink_to("run-2")
    assert main(["compare", "before/run-1", "after/latest"]) == Exit.PASSED
    told = capsys.readouterr().out
    assert line(told)[-1] == "-"
    assert "next: gameday run hostile --repeat 3 --out FOLDER" in told


def test_a_finding_that_one_run_could_not_measure_is_told_and_not_compared(capsys: pytest.CaptureFixture[str]) -> None:
    """Such as after the experiment was changed; the mean of those that have a value would hide the others."""
    made("before", USUAL, 1, 2)
    made("after", USUAL, 3)
    made("after", World({}, expect={"bulkhead": {"isolated": ["login"]}, "recovery": None}), 4)
    assert main(["compare", "before", "after"]) == Exit.PASSED
    told = capsys.readouterr().out
    assert "recovery.time" in next(each for each in told.splitlines() if each.startswith("not compared"))
    assert not any(each.startswith("recovery.time") for each in told.splitlines())


def test_as_json_it_has_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing else is on stdout."""
    made("before", USUAL, 1, 2)
    made("after", SLOW, 3, 4)
    assert main(["compare", "before", "after", "--json"]) == Exit.PASSED
    told = json.loads(capsys.readouterr().out)
    found = next(each for each in told["findings"] if each["id"] == LATENCY)
    assert found["difference"]["runs"] == [2, 2]
    assert found["difference"]["replicated"]
    assert told["before"] == {"folder": "before", "runs": 2, "invalid": 0}


def test_comparing_writes_nothing() -> None:
    """Neither reports nor anything else."""
    made("before", USUAL, 1)
    files = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert main(["compare", "before", "before/run-1"]) == Exit.PASSED
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == files


def test_runs_of_several_experiments_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Between the folders, and within one."""
    made("before", USUAL, 1)
    run = USUAL.run(2)
    keep(replace(run, plan=replace(run.plan, name="other")), Path("after"))
    assert main(["compare", "before", "after"]) == Exit.USAGE
    assert "runs of hostile and other are not runs of one experiment" in capsys.readouterr().err
    Path("after").rename("before/run-2")
    assert main(["compare", "before", "before/run-1"]) == Exit.USAGE


def test_invalid_runs_are_left_out_and_a_folder_of_them_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A run whose requests are missing says nothing of the system."""
    made("before", USUAL, 1, 2)
    made("after", USUAL, 3)
    for path in ("before/run-1", "after/run-3"):
        rows = Path(path) / "requests.0.bin"
        rows.write_bytes(rows.read_bytes()[: rows.stat().st_size // 2])
    assert main(["compare", "before", "before/run-2"]) == Exit.PASSED
    assert "before (1 run, 1 invalid left out: pass)" in capsys.readouterr().out
    assert main(["compare", "before", "after"]) == Exit.INCONCLUSIVE
    assert "the run is invalid" in capsys.readouterr().err


@pytest.mark.parametrize("asked", ["nowhere", "empty"])
def test_a_folder_that_is_none_of_runs_is_told_by_name(asked: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One that is not there, and an empty one."""
    Path("empty").mkdir()
    assert main(["compare", asked, asked]) == Exit.USAGE
    told = capsys.readouterr().err
    assert asked in told
    assert "next: gameday list" in told
