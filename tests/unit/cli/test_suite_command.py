"""A suite that cannot begin leaves nothing, and says how to begin it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday.cli.exits import Exit
from gameday.cli.main import main
from gameday.targets.local.requirements import missing
from unit.experiment.small_files import work_in

SUITE = "title: All\nexperiments: [small]\n"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with a suite of one experiment."""
    work_in(tmp_path, monkeypatch)
    Path("s.yaml").write_text(SUITE, encoding="utf-8")


def test_a_folder_to_compare_with_that_is_not_there_is_told_before_another_is_made(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The next command keeps its runs where they were to be kept."""
    if missing():
        pytest.skip("this machine cannot run the local target")
    assert main(["suite", "s.yaml", "--against", "nowhere", "--out", "newout"]) == Exit.USAGE
    assert capsys.readouterr().err.endswith("  next: gameday suite s.yaml --target local --out newout\n")
    assert not Path("newout").exists()


def test_an_earlier_result_that_cannot_be_read_is_told_before_a_folder_is_made(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In the same way."""
    if missing():
        pytest.skip("this machine cannot run the local target")
    Path("then").mkdir()
    Path("then/suite.json").write_text("{", encoding="utf-8")
    assert main(["suite", "s.yaml", "--against", "then", "--out", "newout"]) == Exit.USAGE
    assert capsys.readouterr().err.endswith("  next: gameday suite s.yaml --target local --out newout\n")
    assert not Path("newout").exists()


def test_without_a_folder_of_runs_there_is_no_earlier_result(capsys: pytest.CaptureFixture[str]) -> None:
    """That is no mistake: the suite goes on, here up to a folder that cannot be made."""
    if missing():
        pytest.skip("this machine cannot run the local target")
    Path("file").touch()
    assert main(["suite", "s.yaml", "--against", ".", "--out", "file/below"]) == Exit.USAGE
    told = capsys.readouterr().err
    assert "runs cannot be kept in file/below" in told
    assert told.endswith("  next: gameday suite s.yaml --target local --against . --out FOLDER\n")
    assert main(["suite", "s.yaml", "--out", "file/below"]) == Exit.USAGE
    assert "runs cannot be kept in file/below" in capsys.readouterr().err


def test_a_wrong_variant_leads_to_the_same_suite(capsys: pytest.CaptureFixture[str]) -> None:
    """Not to a single run of one of its experiments."""
    assert main(["suite", "s.yaml", "--variant", "x", "--against", "then", "--out", "o"]) == Exit.USAGE
    expected = "gameday suite s.yaml --target local --against then --out o --variant naive"
    assert capsys.readouterr().err.splitlines()[-1].strip() == f"next: {expected}"
