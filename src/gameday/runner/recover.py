"""
Undo whatever earlier runs left behind, after everything was killed at once.

The processes of a local run die with their supervisor, and the faults with the processes; recovery checks that, ends what should still
run, and writes the missing records, so that the history says how each fault ended. A system that was up before the run and still is
outlives it: there the faults are undone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from gameday.agent.lifeline import boot_id
from gameday.experiment.foreign import ACTIVITY
from gameday.experiment.plan import Plan, read_plan
from gameday.faults import catalogue
from gameday.record.folder import About, NotARunError, read_about
from gameday.record.history import Event, History, Record, outstanding, read_history
from gameday.runner.env import Env
from gameday.runner.identity import Known, processes
from gameday.runner.lock import is_locked
from gameday.runner.undo import undo_all
from gameday.targets.connect import connect, recovered
from gameday.targets.local.folder import sweep
from gameday.targets.local.standing import Standing, StandingSystem, standing
from gameday.targets.protocol import TargetError

END_S = 3.0
"""How long a process that outlived its run may take to end before it is killed."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """
    What was found in one run's folder.

    Attributes:
        undone: Faults that are now known to be healed.
        ended: Processes that still ran and were ended.
        left: What resisted of both.
        unreadable: Why nothing can be said about the run; None when it can be read.
    """

    folder: Path
    undone: tuple[str, ...]
    ended: tuple[str, ...]
    left: tuple[str, ...]
    unreadable: str | None = None


def recover(out: Path) -> tuple[Recovered, ...]:
    """
    Repair every run under ``out`` that is not going on; oldest first. Idempotent; a folder without a plan is passed over.

    Temporary folders of systems whose process is gone are removed too, wherever their runs were kept.

    Returns:
        One entry per run at which there was something to do, or that cannot be read.
    """
    sweep()
    folders = sorted(
        {path.parent for path in out.glob("*/plan.json") if path.is_file() and not path.parent.is_symlink()}
    )
    found = (_recover_folder(out, folder) for folder in folders)
    return tuple(done for done in found if done and (done.undone or done.ended or done.left or done.unreadable))


def in_one_line(error: Exception) -> str:
    """Write why a run cannot be read."""
    return " ".join(str(error).split())[:200]


def clock_start_s(about: About, history: Sequence[Record]) -> float:
    """
    Return the instant of this boot's monotonic clock that is 0 of a run's history.

    The clock of another boot says nothing here; then what is recorded from now on follows a second after the last record.
    """
    if about.boot_id == boot_id():
        return about.start_s
    return time.monotonic() - 1 - max((record.t_s for record in history), default=0.0)


def _recover_folder(out: Path, folder: Path) -> Recovered | None:
    """Repair one run; None when it goes on."""
    try:
        plan, about = read_plan((folder / "plan.json").read_text(encoding="utf-8")), read_about(folder)
        history = read_history(folder)
        known = processes(history, about)
    except (OSError, ValueError, KeyError, TypeError, NotARunError) as error:
        return Recovered(folder, (), (), (), unreadable=in_one_line(error))
    if is_locked(out, system=plan.system.name, target=plan.target):
        return None
    return _recover_run(folder, plan, about, history, known)


def _recover_run(
    folder: Path, plan: Plan, about: About, history: Sequence[Record], known: Sequence[Known]
) -> Recovered:
    alive = tuple(each for each in known if each.find())
    left = tuple(known.process for known in _end(alive))
    ended = tuple(known.process for known in alive if known.process not in left)
    if left:
        return Recovered(folder, (), ended, left)
    intended = outstanding(history)
    cluster = _address(history) if plan.target != "local" else None
    up = _joined(history, folder, plan) if cluster is None else None
    lasts = up is not None or cluster is not None
    unfinished = lasts and not any(r.event in {Event.RUN_FINISHED, Event.RECOVERED} for r in history)
    if not intended and not ended and not unfinished:
        return Recovered(folder, (), (), ())
    writer = History(folder, "recover", start_s=clock_start_s(about, history))
    if cluster is not None:
        left = _undo_in_cluster(intended, plan, cluster, writer)
    elif up is None:
        _undo_activities(intended, plan, writer)
        if plan.target == "local":  # elsewhere faults do not end with the run's processes
            _verify([record for record in intended if record.data["fault"] != ACTIVITY], writer)
    else:
        undo_all(intended, catalogue(), connect(plan.target, up.address), writer, Env())
        left = _put_back(up)
    still = {str(record.data["id"]) for record in outstanding(read_history(folder))}
    undone = tuple(name for record in intended if (name := str(record.data["id"])) not in still)
    if undone or ended or (unfinished and not left):
        writer.append(Event.RECOVERED, {"undone": list(undone), "ended": list(ended)}, durable=True)
    writer.close()
    return Recovered(folder, undone, ended, (*sorted(still), *left))


def _undo_activities(intended: Sequence[Record], plan: Plan, writer: History) -> None:
    """Play the rollbacks of Chaos Toolkit's activities: what those did does not end with the system's processes."""
    foreign = [record for record in intended if record.data["fault"] == ACTIVITY]
    if foreign:
        undo_all(foreign, catalogue(), connect(plan.target, ""), writer, Env())


def _undo_in_cluster(intended: Sequence[Record], plan: Plan, address: str, writer: History) -> tuple[str, ...]:
    """
    Undo what a run left in its cluster, from the cluster first and then from the run's own records; return what is left there.

    The cluster comes last too: to see that a fault is healed, agents may have been attached once more.
    """
    try:
        left = recovered(plan.target, plan.system, lambda _: None).left
        if intended:
            undo_all(intended, catalogue(), connect(plan.target, address), writer, Env())
            left = recovered(plan.target, plan.system, lambda _: None).left
    except TargetError as error:
        return (in_one_line(error),)
    return left


def _put_back(up: Standing) -> tuple[str, ...]:
    """Heal and reset what is up, on its own variant; return its name if that fails."""
    try:
        StandingSystem(up, progress=lambda _: None).stop()
    except TargetError:
        return (up.system,)
    return ()


def _address(history: Sequence[Record]) -> str | None:
    """Return where the system was that a run used without owning it; None when it had not got there, or owned it."""
    return next((str(record.data["address"]) for record in history if record.event == Event.SYSTEM_JOINED), None)


def _joined(history: Sequence[Record], folder: Path, plan: Plan) -> Standing | None:
    """Return the system that a run used without owning it, if that is still up; None when it is gone."""
    address = _address(history)
    up = standing(folder.parent, plan.system.name) if address else None
    return up if up is not None and up.address == address else None


def _verify(intended: Sequence[Record], writer: History) -> None:
    """Record that faults are over: with its processes gone a local system holds none any more."""
    for record in intended:
        writer.append(Event.FAULT_UNDONE, {"id": record.data["id"], "by": "the end of the system's processes"})
        writer.append(Event.FAULT_VERIFIED, {"id": record.data["id"]}, durable=True)


def _end(alive: Sequence[Known]) -> tuple[Known, ...]:
    """End processes by id, politely first; return those that still run, another user's among them."""
    found = [process for known in alive if (process := known.find())]
    for end in (psutil.Process.terminate, psutil.Process.kill):
        for process in found:
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                end(process)
        _, found = psutil.wait_procs(found, timeout=END_S)
    return tuple(known for known in alive if known.find())
