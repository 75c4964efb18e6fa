"""What ``--keep`` removed is told on stderr."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday.cli.once import prune_old_suites
from gameday.report.suite import to_json
from gameday.runner.suite import FILE, FOLDER, create, keep
from unit.report.suites import last_night


def results(out: Path) -> tuple[Path, Path]:
    """Keep the results of two nights."""
    made = []
    for number in range(2):
        folder = create(out, "nightly")
        keep(folder, {FILE: to_json(last_night(), None)})
        made.append(folder.rename(out / FOLDER / f"20260101-00000{number}-nightly"))
    (out / FOLDER / "latest").unlink()
    return made[0], made[1]


def test_what_was_removed_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How many, and up to which; nothing when there was nothing."""
    old, new = results(tmp_path)
    prune_old_suites(tmp_path, keep=1, spare=[new])
    said = f"removed 1 old result of suites from {tmp_path / FOLDER}, up to {old.name}\n"
    assert capsys.readouterr().err == said
    prune_old_suites(tmp_path, keep=1, spare=[new])
    assert capsys.readouterr().err == ""
    assert (old.exists(), new.exists()) == (False, True)
