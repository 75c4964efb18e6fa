"""What must be undone is undone although nothing can be written; then that is told."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gameday.cli.exits import Exit
from gameday.cli.main import main
from gameday.record.history import Event, History, RecordError, lost, outstanding, read_history
from unit.security.hostile import Stage, run, undoing

WRITES = 6
"""A recovery of one activity writes fewer lines than this."""


def failing(first: int, last: float) -> Callable[[int, bytes], int]:
    """Return what writes as ``os.write`` does, but for these writes, on a disk that is full."""
    write, count = os.write, 0

    def broken(file: int, data: bytes) -> int:
        nonlocal count
        count += 1
        if first <= count <= last:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data)

    return broken


def cut_off() -> Callable[[int, bytes], int]:
    """Return what writes nine bytes, and nothing more."""
    write = failing(2, math.inf)
    return lambda file, data: write(file, data[:9])


@pytest.mark.parametrize("last", [0, math.inf], ids=["once", "for ever"])
@pytest.mark.parametrize("first", range(1, WRITES + 1))
def test_a_recovery_whose_record_cannot_be_written_undoes_and_says_so(
    first: int, last: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next one, with room again, does it once more and leaves nothing outstanding."""
    folder = tmp_path / "runs" / "20260101-000000-small"
    folder.mkdir(parents=True)
    stage = Stage(folder.parent, folder, tmp_path / "canary", tmp_path / "victim", os.getpid())
    run(stage)
    history = History(folder, "worker", start_s=1.0)
    history.append(Event.FAULT_INTENDED, undoing(stage.touch))
    history.close()
    with monkeypatch.context() as full:
        full.setattr("gameday.record.history.os.write", failing(first, max(first, last)))
        code = main(("recover", "--out", str(stage.out)))
    said = capsys.readouterr()
    assert stage.canary.exists()
    if code != Exit.PASSED:
        assert code == Exit.RESIDUE
        assert "No space left on device: what was undone is not recorded" in said.out + said.err
    else:
        assert first > 1, "the very first write cannot be missed"
    assert main(("recover", "--out", str(stage.out))) in {Exit.PASSED, Exit.RESIDUE}
    assert not outstanding(read_history(folder))


def test_a_line_after_one_that_was_cut_off_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins a line of its own; what is missing is told."""
    history = History(tmp_path, "worker", start_s=0.0)
    with monkeypatch.context() as full:
        full.setattr("gameday.record.history.os.write", cut_off())
        with pytest.raises(RecordError, match="the run's history cannot be written: No space left on device"):
            history.append(Event.RUN_STARTED, {"a": 1})
    history.append(Event.RUN_FINISHED, {"records": {"worker": 1}})
    history.close()
    found = read_history(tmp_path)
    assert [record.event for record in found] == [Event.RUN_FINISHED]
    assert lost(tmp_path, found)


def test_what_is_tolerated_is_kept_and_the_rest_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first reason is the one."""
    history = History(tmp_path, "worker", start_s=0.0)
    history.tolerate()
    with monkeypatch.context() as full:
        full.setattr("gameday.record.history.os.write", failing(1, math.inf))
        history.append(Event.RUN_STARTED)
        history.append(Event.RUN_ABORTED, durable=True)
    history.append(Event.RUN_FINISHED)
    history.close()
    assert history.failure is not None
    assert history.failure.errno == errno.ENOSPC
    assert [record.event for record in read_history(tmp_path)] == [Event.RUN_FINISHED]


def test_a_folder_that_cannot_be_written_keeps_a_tolerant_history_from_nothing(tmp_path: Path) -> None:
    """It was removed, or is a file."""
    (tmp_path / "history").write_text("")
    with pytest.raises(RecordError):
        History(tmp_path, "recover", start_s=0.0)
    history = History(tmp_path, "recover", start_s=0.0, tolerant=True)
    history.append(Event.RECOVERED)
    history.close()
    assert history.failure is not None
