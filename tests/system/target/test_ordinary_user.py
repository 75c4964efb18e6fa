"""The shop needs no privilege."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gameday.targets.local import programs

pytestmark = pytest.mark.system
OWNER = Path(__file__).with_name("owner.py")
UNSHARE = shutil.which("unshare")


def test_it_runs_as_an_ordinary_user(tmp_path: Path) -> None:
    """Root tries it in a user namespace of its own, where it has neither root's id nor root's rights."""
    command = [sys.executable, str(OWNER), str(tmp_path / "logs")]
    if os.geteuid() == 0:
        if UNSHARE is None or subprocess.run([UNSHARE, "--user", "true"], check=False).returncode != 0:
            pytest.skip("root cannot make a user namespace here; run the tests as an ordinary user too")
        command = [UNSHARE, "--user", *command]
    owner = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    try:
        assert owner.stdout
        told = json.loads(owner.stdout.readline())
        assert Path(told["address"]).exists()
        assert told["uid"] != 0
    finally:
        owner.terminate()
        owner.communicate(timeout=20)


def test_programs_that_others_cannot_read_are_copied_for_the_databases_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy is made once, is complete enough to run, and belongs to nobody else."""
    found = programs.find_postgres()
    assert found
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(programs, "everyone_can_read", lambda _: False)
    first, second = (programs.readable_postgres(found, tmp_path / "scratch") for _ in range(2))
    assert first == second
    assert first != found
    assert [path.name[:17] for path in tmp_path.iterdir()] == ["gameday-postgres-"]
    version = subprocess.run([first.initdb, "--version"], capture_output=True, text=True, check=True).stdout
    assert version.startswith("initdb (PostgreSQL) 18.")
    assert first.server.stat().st_mode & 0o777 == 0o755


def test_a_copy_that_somebody_else_could_have_changed_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What others may write to is not run."""
    found = programs.find_postgres()
    assert found
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(programs, "everyone_can_read", lambda _: False)
    shared = programs.readable_postgres(found, tmp_path / "scratch")
    shared.server.parents[3].chmod(0o777)
    (tmp_path / "scratch").mkdir()
    own = programs.readable_postgres(found, tmp_path / "scratch")
    assert own.server.is_relative_to(tmp_path / "scratch")
    assert own.server.exists()
