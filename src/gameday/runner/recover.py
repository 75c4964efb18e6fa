"""
Undo whatever earlier runs left behind, after everything was killed at once.

The processes of a local run die with their supervisor, and the faults with the processes; recovery checks that, ends what should still
run, and writes the missing records, so that the history says how each fault ended. A system that was up before the run and still is
outlives it: there the faults are undone.

What stands in a folder is data. It ends only processes that carry the mark of a run in this very folder, and what it would execute, or
change in a cluster, is done only where this user's own gameday has signed it, or where a person names the folder after
seeing it.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gameday.agent.lifeline import boot_id
from gameday.experiment.foreign import ACTIVITY
from gameday.experiment.plan import Plan, read_plan
from gameday.faults import catalogue
from gameday.record.belonging import digest
from gameday.record.folder import About, read_about
from gameday.record.guarded import read_text, see_own
from gameday.record.history import Event, History, Record, lost, outstanding, read_history
from gameday.record.marks import is_marked, signal_marked, wait_for_end
from gameday.runner.env import Env
from gameday.runner.foreign.words import rollback_words
from gameday.runner.identity import Known, processes
from gameday.runner.lock import BusyError, lock
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
        strange: Processes that still run and that the history names, but that do not carry the run's mark; they are
            left alone.
        unsigned: What was not done, because nobody has signed it.
        lost: What is missing in the history, a sentence per writer.
        unreadable: Why nothing can be said about the run; None when it can be read.
    """

    folder: Path
    undone: tuple[str, ...]
    ended: tuple[str, ...]
    left: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()
    unsigned: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    unreadable: str | None = None

    @property
    def is_anything(self) -> bool:
        """Return whether there is something to be told."""
        told = (self.undone, self.ended, self.left, self.strange, self.unsigned, self.lost, self.unreadable)
        return any(told)


@dataclass(frozen=True, slots=True)
class _Run:
    """
    What a folder says of its run.

    ``signed`` tells whether its plan and its own account of the system can be acted on.
    """

    folder: Path
    plan: Plan
    about: About
    history: tuple[Record, ...]
    known: tuple[Known, ...]
    intended: tuple[Record, ...]
    lost: tuple[str, ...]
    trusted: bool
    signed: bool


def recover(
    out: Path, *, trusted: Collection[Path] = (), show: Callable[[str], None] = lambda _: None
) -> tuple[Recovered, ...]:
    """
    Repair every run under ``out`` that is not going on; oldest first. Idempotent; a folder without a plan is passed over.

    Temporary folders of systems whose process is gone are removed too, wherever their runs were kept.

    Args:
        out: The folder of runs.
        trusted: Runs whose records somebody has looked at, so that what they say is done though nobody has signed it.
        show: Takes what is about to be done for such a run.

    Returns:
        One entry per run at which there was something to do, or that cannot be read.
    """
    sweep()
    found = (_recover_folder(out, folder, trusted, show) for folder in run_folders(out, "plan.json"))
    return tuple(done for done in found if done and done.is_anything)


def run_folders(out: Path, plan: str) -> tuple[Path, ...]:
    """Return the folders in ``out`` with a plan of this name, whatever that is, in the order of their names."""
    return tuple(sorted({path.parent for path in out.glob(f"*/{plan}") if not path.parent.is_symlink()}))


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


def _recover_folder(
    out: Path, folder: Path, trusted: Collection[Path], show: Callable[[str], None]
) -> Recovered | None:
    """Repair one run; None when it goes on, or is being repaired. No run of its system begins meanwhile."""
    is_trusted = folder.resolve() in trusted
    try:
        see_own(folder)
        plan = read_plan(read_text(folder / "plan.json"))
        with lock(out, system=plan.system.name, target=plan.target):
            return _repaired(_read(folder, is_trusted=is_trusted), show)
    except BusyError:
        return None
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one folder, the others are repaired
        return Recovered(folder, (), (), unreadable=in_one_line(error))


def _repaired(run: _Run, show: Callable[[str], None]) -> Recovered:
    try:
        done = _recover_run(run, show)
    except (OSError, TargetError) as error:
        done = Recovered(run.folder, (), (), left=(in_one_line(error),))
    return replace(done, lost=run.lost)


def _read(folder: Path, *, is_trusted: bool) -> _Run:
    """Read a run. Raises whatever is wrong with it."""
    text = read_text(folder / "plan.json")
    plan, about, history = read_plan(text), read_about(folder), read_history(folder)
    started = next((record for record in history if record.event == Event.RUN_STARTED), None)
    joined = next((record for record in history if record.event == Event.SYSTEM_JOINED), None)
    signed = started is not None and started.is_signed(folder) and started.data.get("plan") == digest(text)
    return _Run(
        folder,
        plan,
        about,
        history,
        processes(history, about),
        outstanding(history),
        lost(folder, history),
        trusted=is_trusted,
        signed=signed and (joined is None or joined.is_signed(folder)),
    )


def _recover_run(run: _Run, show: Callable[[str], None]) -> Recovered:
    folder, plan, history = run.folder, run.plan, run.history
    alive = tuple(each for each in run.known if each.find())
    ended, left, strange = _end(alive, folder)
    if left or strange:
        return Recovered(folder, (), ended, left, strange)
    cluster = _address(history) if plan.target != "local" else None
    up = _joined(history, folder, plan) if cluster is None else None
    lasts = up is not None or cluster is not None
    unfinished = lasts and not any(r.event in {Event.RUN_FINISHED, Event.RECOVERED} for r in history)
    if not run.intended and not ended and not unfinished:
        return Recovered(folder, (), ())
    unsigned = tuple(_unsigned(run, cluster))
    if run.trusted:
        for text in unsigned:
            show(f"{folder}: {text}")
    elif unsigned and cluster is not None:
        return Recovered(folder, (), ended, unsigned=unsigned)
    may = [record for record in run.intended if run.trusted or not _executes(record) or record.is_signed(folder)]
    writer = History(folder, "recover", start_s=clock_start_s(run.about, history), tolerant=True)
    if cluster is not None:
        left = _undo_in_cluster(may, plan, cluster, writer)
    elif up is None:
        _undo_activities(may, plan, writer)
        if plan.target == "local":  # elsewhere faults do not end with the run's processes
            _verify([record for record in may if not _executes(record)], writer)
    else:
        undo_all(may, catalogue(), connect(plan.target, up.address, plan.system), writer, Env())
        left = _put_back(up)
    still = {str(record.data["id"]) for record in outstanding(read_history(folder))}
    undone = tuple(name for record in run.intended if (name := str(record.data["id"])) not in still)
    if undone or ended or (unfinished and not left):
        writer.append(Event.RECOVERED, {"undone": list(undone), "ended": list(ended)}, durable=True)
    writer.close()
    return Recovered(
        folder, undone, ended, (*sorted(still), *left, *_unrecorded(writer)), unsigned=() if run.trusted else unsigned
    )


def _unrecorded(writer: History) -> Iterator[str]:
    """Yield that what was done is not on the disk, if so."""
    if (failure := writer.failure) is not None:
        yield f"{failure}: what was undone is not recorded, and the next recover undoes it again"


def _executes(record: Record) -> bool:
    """Return whether undoing a fault runs what stands in its record."""
    return record.data.get("fault") == ACTIVITY


def _unsigned(run: _Run, cluster: str | None) -> Iterator[str]:
    """Yield what recovering would execute, or change in a cluster, without a signature of this user's."""
    if cluster is not None and not run.signed:
        yield f"undo in the cluster at {json.dumps(cluster)}: what gameday's annotations there say"
    for record in run.intended:
        if cluster is not None and not (run.signed and record.is_signed(run.folder)):
            yield f"undo {json.dumps(record.data.get('id'))} there: {json.dumps(record.data.get('undo'))}"
        elif cluster is None and _executes(record) and not record.is_signed(run.folder):
            undo = record.data.get("undo")
            rollbacks = undo.get("rollbacks") if isinstance(undo, dict) else None
            yield from map(rollback_words, rollbacks if isinstance(rollbacks, list) else [undo])


def _undo_activities(intended: Sequence[Record], plan: Plan, writer: History) -> None:
    """Play the rollbacks of Chaos Toolkit's activities: what those did does not end with the system's processes."""
    foreign = [record for record in intended if _executes(record)]
    if foreign:
        undo_all(foreign, catalogue(), connect(plan.target, "", plan.system), writer, Env())


def _undo_in_cluster(intended: Sequence[Record], plan: Plan, address: str, writer: History) -> tuple[str, ...]:
    """
    Undo what a run left in its cluster, from the cluster first and then from the run's own records; return what is left there.

    The cluster comes last too: to see that a fault is healed, agents may have been attached once more.
    """
    try:
        left = recovered(plan.target, plan.system, lambda _: None).left
        if intended:
            undo_all(intended, catalogue(), connect(plan.target, address, plan.system), writer, Env())
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


def _end(alive: Sequence[Known], folder: Path) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """
    End processes that carry the run's mark, politely first.

    Returns:
        The names of those that have ended, of those that still run, and of those that carry no mark of the run.
    """
    marked = [known for known in alive if is_marked(known.pid, folder)]
    strange = tuple(known.words for known in alive if known not in marked and known.find())
    for number in (signal.SIGTERM, signal.SIGKILL):
        held = (signal_marked(known.pid, number, folder, born_s=known.created_s) for known in marked)
        wait_for_end([each for each in held if each is not None], within_s=END_S)
    left = tuple(known.process for known in marked if known.find())
    return tuple(known.process for known in marked if known.process not in left), left, strange
