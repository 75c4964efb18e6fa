"""Recovery completes the records of runs that were killed, each for itself."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import gameday.runner.recover
from gameday.agent.lifeline import boot_id
from gameday.record.folder import About
from gameday.record.history import Event, History, outstanding, read_history
from gameday.record.marks import marked
from gameday.runner.identity import identity
from gameday.runner.lock import is_locked, lock
from gameday.runner.recover import Recovered, _Run, recover
from samples import planned

RECOVER = """
import sys
from pathlib import Path
from gameday.runner.recover import recover
sys.exit(len(recover(Path(sys.argv[1]))))
"""


def killed_run(
    out: Path, name: str = "run", *, boot: str | None = None, start_s: float | None = None, target: str = "local"
) -> Path:
    """Leave what a run leaves that is killed while its fault is on."""
    folder = out / name
    folder.mkdir(parents=True)
    start_s = time.monotonic() - 60 if start_s is None else start_s
    about = About("2026-01-01T00:00:00+00:00", start_s, boot or boot_id(), {}, "gameday run small")
    (folder / "plan.json").write_text(replace(planned(), target=target).to_json())
    (folder / "run.json").write_text(about.to_json())
    history = History(folder, "worker", start_s=start_s, monotonic_s=lambda: start_s + 30)
    history.append(Event.FAULT_INTENDED, {"id": "latency-1", "fault": "latency", "undo": {}})
    history.close()
    return folder


def test_an_outstanding_fault_is_known_to_be_healed_once_its_processes_are_gone(tmp_path: Path) -> None:
    """And a second recovery finds nothing to do."""
    folder = killed_run(tmp_path)
    assert [(done.folder, done.undone) for done in recover(tmp_path)] == [(folder, ("latency-1",))]
    assert not outstanding(read_history(folder))
    assert recover(tmp_path) == ()


def test_a_fault_in_a_cluster_is_never_healed_by_the_end_of_the_runs_processes(tmp_path: Path) -> None:
    """Where no record says in which cluster, it stays outstanding, and is told."""
    folder = killed_run(tmp_path, target="kind")
    assert [(done.undone, done.left) for done in recover(tmp_path)] == [((), ("latency-1",))]
    assert outstanding(read_history(folder))


def test_it_converges_after_a_reboot(tmp_path: Path) -> None:
    """The monotonic clock begins anew, so times of the old boot are all later than now."""
    folder = killed_run(tmp_path, boot="another-boot", start_s=time.monotonic() + 1e6)
    recover(tmp_path)
    assert not outstanding(read_history(folder))
    assert recover(tmp_path) == ()


def test_a_process_that_outlived_its_run_is_ended(tmp_path: Path) -> None:
    """By its id, its start time and the run's mark, so never another one."""
    folder = killed_run(tmp_path)
    with marked(folder):
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with process:
        history = History(folder, "supervisor", start_s=0.0)
        history.append(Event.PROCESS_STARTED, identity("proxy", process.pid))
        history.append(Event.PROCESS_STARTED, {**identity("stranger", os.getpid()), "created_s": 1.0})
        history.close()
        assert [done.ended for done in recover(tmp_path)] == [("proxy",)]
        process.wait(10)


def test_after_a_reboot_no_process_is_taken_for_one_of_the_run_s(tmp_path: Path) -> None:
    """Its id and its start time may be somebody else's by now."""
    folder = killed_run(tmp_path, boot="another-boot")
    history = History(folder, "supervisor", start_s=0.0)
    history.append(Event.PROCESS_STARTED, identity("stranger", os.getpid()))
    history.close()
    assert [(done.ended, done.left) for done in recover(tmp_path)] == [((), ())]
    latest = max(read_history(folder), key=lambda record: record.t_s)
    assert (latest.event, latest.writer) == (Event.RECOVERED, "recover")


def test_a_run_that_goes_on_is_left_alone(tmp_path: Path) -> None:
    """Its lock says so."""
    folder = killed_run(tmp_path)
    with lock(tmp_path, system="shop", target="local"):
        ended = subprocess.run(
            [
                sys.executable,
                "-c",
                RECOVER,
                str(tmp_path),
            ],
            check=False,
            timeout=60,
        )
    assert ended.returncode == 0
    assert outstanding(read_history(folder))


def test_nobody_else_repairs_or_begins_a_run_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's lock is held; and what another recovery has done by then is not done again."""
    killed_run(tmp_path)
    repair, seen = gameday.runner.recover._recover_run, []

    def watched(run: _Run, show: Callable[[str], None]) -> Recovered:
        seen.append((is_locked(tmp_path, system="shop", target="local"), recover(tmp_path)))
        return repair(run, show)

    monkeypatch.setattr(gameday.runner.recover, "_recover_run", watched)
    (done,) = recover(tmp_path)
    assert seen == [(True, ())]
    assert done.undone == ("latency-1",)
    assert not is_locked(tmp_path, system="shop", target="local")


@pytest.mark.parametrize("name", ["plan.json", "run.json"])
def test_a_run_that_cannot_be_read_does_not_keep_the_others_from_being_repaired(tmp_path: Path, name: str) -> None:
    """A torn file is told, and left for a person."""
    torn, other = killed_run(tmp_path, "a"), killed_run(tmp_path, "b")
    (torn / name).write_text("{")
    found = recover(tmp_path)
    assert [(done.folder, bool(done.unreadable)) for done in found] == [(torn, True), (other, False)]
    assert not outstanding(read_history(other))


def test_an_odd_record_or_a_pipe_keeps_nobody_from_being_repaired(tmp_path: Path) -> None:
    """Both are told."""
    odd, other = killed_run(tmp_path, "a"), killed_run(tmp_path, "b")
    history = History(odd, "supervisor", start_s=0.0)
    history.append(Event.PROCESS_STARTED, {"process": "x"})
    history.close()
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / "plan.json")
    found = [(done.folder, bool(done.unreadable)) for done in recover(tmp_path)]
    assert found == [(odd, True), (other, False), (tmp_path / "pipe", True)]
