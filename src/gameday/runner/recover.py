"""
Undo whatever earlier runs left behind, after everything was killed at once.

The processes of a local run die with their supervisor, and the faults with the processes; recovery checks that, ends what should still
run, and writes the missing records, so that the history says how each fault ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import psutil

from gameday.experiment.plan import read_plan
from gameday.record.folder import read_about
from gameday.record.history import Event, History, Record, outstanding, read_history
from gameday.runner.identity import Known
from gameday.runner.lock import is_locked
from gameday.targets.local.folder import sweep

END_S = 3.0
"""How long a process that outlived its run may take to end before it is killed."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was found in one run's folder: faults that are now known to be healed, processes ended, and those that resisted."""

    folder: Path
    undone: tuple[str, ...]
    ended: tuple[str, ...]
    left: tuple[str, ...]


def recover(out: Path) -> tuple[Recovered, ...]:
    """
    Repair every run under ``out`` that is not going on; oldest first. Idempotent; a folder without a plan is passed over.

    Temporary folders of systems whose process is gone are removed too, wherever their runs were kept.

    Returns:
        One entry per run at which there was something to do.
    """
    sweep()
    found = []
    for path in sorted(out.glob("*/plan.json")):
        if path.parent.is_symlink():
            continue
        plan = read_plan(path.read_text(encoding="utf-8"))
        if is_locked(out, system=plan.system.name, target=plan.target):
            continue
        done = _recover_run(path.parent)
        if done.undone or done.ended or done.left:
            found.append(done)
    return tuple(found)


def _recover_run(folder: Path) -> Recovered:
    history = read_history(folder)
    alive = tuple(known for known in _processes(history) if known.find())
    left = tuple(known.process for known in _end(alive))
    undone = () if left else tuple(str(record.data["id"]) for record in outstanding(history))
    ended = tuple(known.process for known in alive if known.process not in left)
    if undone or ended:
        _write(folder, undone, ended)
    return Recovered(folder, undone, ended, left)


def _processes(history: Sequence[Record]) -> tuple[Known, ...]:
    return tuple(
        Known(str(r.data["process"]), int(cast("int", r.data["pid"])), float(cast("float", r.data["created_s"])))
        for r in history
        if r.event == Event.PROCESS_STARTED
    )


def _end(alive: Sequence[Known]) -> tuple[Known, ...]:
    """End processes by id, politely first; return those that still run."""
    found = [process for known in alive if (process := known.find())]
    for process in found:
        process.terminate()
    _, stubborn = psutil.wait_procs(found, timeout=END_S)
    for process in stubborn:
        process.kill()
    psutil.wait_procs(stubborn, timeout=END_S)
    return tuple(known for known in alive if known.find())


def _write(folder: Path, undone: Sequence[str], ended: Sequence[str]) -> None:
    """Record it: with its processes gone a local system holds no fault any more."""
    history = History(folder, "recover", start_s=read_about(folder).start_s)
    for name in undone:
        history.append(Event.FAULT_UNDONE, {"id": name, "by": "the end of the system's processes"})
        history.append(Event.FAULT_VERIFIED, {"id": name}, durable=True)
    history.append(Event.RECOVERED, {"undone": list(undone), "ended": list(ended)}, durable=True)
    history.close()
