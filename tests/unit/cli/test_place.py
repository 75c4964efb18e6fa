"""Where runs are kept is looked at before anything is started, and told in the one shape."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gameday.cli.exits import Exit
from gameday.cli.main import main

PLAIN = {
    "title": "t",
    "description": "d",
    "method": [{"type": "action", "name": "a", "provider": {"type": "process", "path": "true"}}],
}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder in which a file stands where runs should be kept."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()


@pytest.mark.parametrize("arguments", [["run", "none"], ["run", "plain.json"], ["up"]])
@pytest.mark.parametrize("out", ["file", "file/below"])
def test_a_folder_that_cannot_be_written_is_an_error_of_usage(
    arguments: list[str], out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not an internal one; the next command has a place for a better folder."""
    Path("plain.json").write_text(json.dumps(PLAIN), encoding="utf-8")
    assert main([*arguments, "--out", out]) == Exit.USAGE
    shown = capsys.readouterr().err
    assert f"runs cannot be kept in {out}" in shown
    assert "--out FOLDER" in shown


@pytest.mark.parametrize(
    ("asked", "runs", "then"),
    [
        ([], False, "gameday list"),
        (["nowhere"], False, "gameday list"),
        (["nowhere"], True, "gameday report reports/latest"),
    ],
)
def test_a_report_of_a_run_that_is_not_there_leads_elsewhere(
    asked: list[str], *, runs: bool, then: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not back to the command that has just failed."""
    monkeypatch.delenv("GAMEDAY_PROGRAM", raising=False)
    if runs:
        Path("reports/latest").mkdir(parents=True)
    assert main(["report", *asked]) == Exit.USAGE
    shown = capsys.readouterr().err
    assert "there is no run" in shown
    assert shown.endswith(f"next: {then}\n")


def test_recovery_says_when_there_is_no_folder_to_look_into(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever mistyped it must not believe that everything is well."""
    assert main(["recover", "--out", "elsewhere"]) == Exit.PASSED
    assert "no such folder" in capsys.readouterr().out
