"""A history that was damaged is never called clean: recovery and report say that records are lost."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from gameday.agent.lifeline import boot_id
from gameday.cli.exits import Exit
from gameday.cli.main import main
from gameday.record.folder import About, read_run
from gameday.record.history import Event, History, counts, read_history
from samples import planned


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    """Write a run that finished, with a fault that was undone."""
    folder = tmp_path / "runs" / "20260101-000000-small"
    folder.mkdir(parents=True)
    start_s = time.monotonic() - 60
    (folder / "plan.json").write_text(planned().to_json())
    (folder / "run.json").write_text(About("2026-01-01T00:00:00+00:00", start_s, boot_id(), {}, "gameday").to_json())
    supervisor = History(folder, "supervisor", start_s=start_s, monotonic_s=lambda: start_s + 1)
    supervisor.append(Event.RUN_STARTED, {})
    worker = History(folder, "worker", start_s=start_s, monotonic_s=lambda: start_s + 30)
    worker.append(Event.FAULT_INTENDED, {"id": "latency-1", "fault": "latency", "undo": {}})
    worker.append(Event.FAULT_UNDONE, {"id": "latency-1"})
    worker.append(Event.FAULT_VERIFIED, {"id": "latency-1"})
    worker.close()
    supervisor.append(Event.RUN_FINISHED, {"records": counts(read_history(folder))})
    supervisor.close()
    return folder


def test_a_history_that_is_whole_is_clean(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Otherwise no damage would show anything."""
    assert main(("recover", "--out", str(folder.parent))) == Exit.PASSED
    assert "nothing is outstanding" in capsys.readouterr().out
    assert read_run(folder).lost == ()


@pytest.mark.parametrize("number", range(100))
def test_a_flipped_bit_is_told(
    number: int, folder: Path, revision_seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever in a record it is, the end of its line included."""
    source = random.Random(f"{revision_seed} {number}")
    path = folder / "history" / source.choice(("supervisor.ndjson", "worker.ndjson"))
    whole = bytearray(path.read_bytes())
    at = source.randrange(whole.index(b"\n") + 1, len(whole))
    whole[at] ^= 1 << source.randrange(8)
    path.write_bytes(whole)
    told(folder, capsys)


@pytest.mark.parametrize("number", range(100))
def test_a_file_that_was_cut_is_told(
    number: int, folder: Path, revision_seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """At a line's end, too, because the run's last record counts what was written."""
    source = random.Random(f"{revision_seed} {number}")
    path = folder / "history" / "worker.ndjson"
    whole = path.read_bytes()
    ends = [at + 1 for at, byte in enumerate(whole[:-1]) if byte == ord("\n")]
    path.write_bytes(whole[: source.choice(ends) if number % 2 else source.randrange(len(whole))])
    told(folder, capsys)


def told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """See that both commands that look at a run say it."""
    assert main(("recover", "--out", str(folder.parent))) == Exit.RESIDUE
    said = capsys.readouterr()
    assert "records are lost: lost in history/" in said.out
    assert "nothing is outstanding" not in said.out
    assert read_run(folder).lost
