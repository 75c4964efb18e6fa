"""A run's folder whose files were cut short is told by name, with what to do, and is no fault of gameday."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday.cli.exits import Exit
from gameday.cli.main import main
from gameday.experiment.foreign import ForeignPlan
from gameday.record.folder import About
from gameday.record.foreign import PLAN
from samples import planned

ABOUT = About("2026-11-20T17:45:46+00:00", 0.0, "boot", {"gameday": "1"}, "gameday run mine/none.yaml --seed 7")


@pytest.fixture(name="run")
def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a run that never got to its load."""
    monkeypatch.delenv("GAMEDAY_PROGRAM", raising=False)
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "plan.json").write_text(planned().to_json(), encoding="utf-8")
    (folder / "run.json").write_text(ABOUT.to_json(), encoding="utf-8")
    return folder


def tear(path: Path) -> None:
    """Leave the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Report the run, which must fail as a mistake of usage, and return the lines on stderr."""
    assert main(["report", str(folder)]) == Exit.USAGE
    said = capsys.readouterr()
    assert said.out == ""
    assert "internal error" not in said.err
    return said.err.splitlines()


def test_the_folder_that_is_torn_below_can_be_reported(run: Path) -> None:
    """Otherwise no case would show anything."""
    assert main(["report", str(run)]) == Exit.PASSED


@pytest.mark.parametrize(
    ("name", "again"),
    [
        ("plan.json", "gameday run mine/none.yaml --seed 7"),
        ("run.json", "gameday run small --target local --seed 1 --variant hardened"),
    ],
)
@pytest.mark.parametrize("left", ["half", "nothing", "bytes", "other"])
def test_a_torn_file_is_named_and_the_other_one_tells_how_to_run_again(
    name: str, again: str, left: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What failed, where, and the command that makes the run again."""
    if left == "half":
        tear(run / name)
    else:
        (run / name).write_bytes({"nothing": b"", "bytes": b"\xff\xfe\x00", "other": b'{"a": 1}'}[left])
    lines = shown(run, capsys)
    assert lines[0] == f"error: {name} of the run cannot be read"
    assert f"  where: {run / name}" in lines
    assert lines[-1] == f"  next: {again}"
    assert not list(run.glob("report.*"))


def test_when_both_are_torn_the_experiments_are_listed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is left that knows the command."""
    tear(run / "plan.json")
    tear(run / "run.json")
    assert shown(run, capsys)[-1] == "  next: gameday list"


def test_a_file_in_place_of_the_folder_is_told(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever gives the report in place of the run learns it."""
    assert shown(run / "plan.json", capsys)[0] == "error: plan.json of the run cannot be opened: Not a directory"


@pytest.mark.parametrize("name", ["plan.json", "run.json"])
def test_a_file_that_is_missing_is_told_as_before(name: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """That folder is no run's."""
    (run / name).unlink()
    assert f"holds no {name}" in shown(run, capsys)[0]


@pytest.mark.parametrize(
    ("name", "again"), [(PLAN, "gameday run mine/none.yaml --seed 7"), ("run.json", "gameday list")]
)
def test_a_torn_file_of_a_plain_run_is_named_too(
    name: str, again: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only ``run.json`` knows its command."""
    (run / "plan.json").unlink()
    plan = ForeignPlan("small", "x", "x", (), None, "default", (), (), ())
    (run / PLAN).write_text(plan.to_json(), encoding="utf-8")
    assert main(["report", str(run)]) == Exit.PASSED
    capsys.readouterr()
    for report in run.glob("report.*"):
        report.unlink()
    tear(run / name)
    lines = shown(run, capsys)
    assert lines[0] == f"error: {name} of the run cannot be read"
    assert lines[-1] == f"  next: {again}"
    assert not list(run.glob("report.*"))


@pytest.mark.parametrize("name", ["plan.json", PLAN])
def test_recovery_tells_a_torn_run_and_what_to_do(name: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of both kinds."""
    (run / "plan.json").rename(run / name)
    tear(run / name)
    assert main(["recover", "--out", str(run.parent)]) == Exit.RESIDUE
    said = capsys.readouterr()
    assert f"{run}: cannot be read, so nothing was repaired: " in said.out
    assert said.err.endswith("next: look at them and move them away\n")
