"""
Undo whatever earlier runs left behind, after everything was killed at once.

The processes of a local run die with their supervisor, and the faults with the processes; recovery checks that, ends what should still
run, and writes the missing records, so that the history says how each fault ended.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import psutil

from gameday.agent.lifeline import boot_id
from gameday.experiment.plan import read_plan
from gameday.record.folder import About, NotARunError, read_about
from gameday.record.history import Event, History, Record, outstanding, read_history
from gameday.runner.identity import Known
from gameday.runner.lock import is_locked
from gameday.targets.local.folder import sweep

END_S = 3.0
"""How long a process that outlived its run may take to end before it is killed."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """
    What was found in one run's folder.

    Attributes:
        undone: Faults that are now known to be healed.
        ended: Processes that still ran and were ended.
        left: Processes that could not be ended.
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


def _recover_folder(out: Path, folder: Path) -> Recovered | None:
    try:
        plan, about = read_plan((folder / "plan.json").read_text(encoding="utf-8")), read_about(folder)
        history = read_history(folder)
        known = _processes(history, about)
    except (OSError, ValueError, KeyError, TypeError, NotARunError) as error:
        return Recovered(folder, (), (), (), unreadable=" ".join(str(error).split())[:200])
    if is_locked(out, system=plan.system.name, target=plan.target):
        return None
    alive = tuple(each for each in known if each.find())
    left = tuple(known.process for known in _end(alive))
    undone = () if left else tuple(str(record.data["id"]) for record in outstanding(history))
    ended = tuple(known.process for known in alive if known.process not in left)
    if undone or ended:
        _write(folder, about, history, undone=undone, ended=ended)
    return Recovered(folder, undone, ended, left)


def _processes(history: Sequence[Record], about: About) -> tuple[Known, ...]:
    """Return the processes that may still run: none of another boot does."""
    if about.boot_id != boot_id():
        return ()
    return tuple(
        Known(str(r.data["process"]), int(cast("int", r.data["pid"])), float(cast("float", r.data["created_s"])))
        for r in history
        if r.event == Event.PROCESS_STARTED
    )


def _end(alive: Sequence[Known]) -> tuple[Known, ...]:
    """End processes by id, politely first; return those that still run, another user's among them."""
    found = [process for known in alive if (process := known.find())]
    for end in (psutil.Process.terminate, psutil.Process.kill):
        for process in found:
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                end(process)
        _, found = psutil.wait_procs(found, timeout=END_S)
    return tuple(known for known in alive if known.find())


def _write(
    folder: Path, about: About, history: Sequence[Record], *, undone: Sequence[str], ended: Sequence[str]
) -> None:
    """
    Record it: with its processes gone a local system holds no fault any more.

    The monotonic clock of another boot says nothing here; then the records follow a second after the last one.
    """
    last_s = max((record.t_s for record in history), default=0.0)
    clock = time.monotonic if about.boot_id == boot_id() else lambda: about.start_s + last_s + 1
    writer = History(folder, "recover", start_s=about.start_s, monotonic_s=clock)
    for name in undone:
        writer.append(Event.FAULT_UNDONE, {"id": name, "by": "the end of the system's processes"})
        writer.append(Event.FAULT_VERIFIED, {"id": name}, durable=True)
    writer.append(Event.RECOVERED, {"undone": list(undone), "ended": list(ended)}, durable=True)
    writer.close()
