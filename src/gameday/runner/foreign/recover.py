"""Play the rollbacks of plain experiments whose processes were all killed at once; what they did does not heal by itself."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gameday.experiment.foreign import ForeignPlan
from gameday.experiment.loading.foreign import Foreign, read_foreign
from gameday.experiment.loading.problems import InvalidFileError
from gameday.record.folder import About, NotARunError, read_about
from gameday.record.foreign import PLAN, ForeignData, read_foreign_run
from gameday.record.history import Event, History, Record, read_history
from gameday.record.scrubbing import Scrubber
from gameday.runner.env import Env
from gameday.runner.foreign.order import NOWHERE, ROLLBACKS_S, WORKER, ForeignOrder
from gameday.runner.foreign.remaining import kill_session
from gameday.runner.foreign.residue import unplayed
from gameday.runner.identity import identity, processes
from gameday.runner.lock import is_locked
from gameday.runner.recover import clock_start_s, in_one_line
from gameday.runner.worker_process import WorkerProcess


@dataclass(frozen=True, slots=True)
class Replayed:
    """
    A run with rollbacks left, or one that cannot be read.

    Attributes:
        played: Whether they are all played now, None when none were left. They cannot be when the experiment's file is gone or has
            changed since: the copy in the run's folder has no secrets.
        ended: Whether processes that its activities had started still ran, and were ended.
        unreadable: Why nothing can be said about the run; None when it can be read.
    """

    folder: Path
    played: bool | None
    ended: bool = False
    unreadable: str | None = None


def recover_foreign(out: Path) -> tuple[Replayed, ...]:
    """Play what is left of every run under ``out`` that is not going on; oldest first."""
    folders = sorted({path.parent for path in out.glob(f"*/{PLAN}") if not path.parent.is_symlink()})
    return tuple(done for folder in folders if (done := _recover_folder(out, folder)))


def _recover_folder(out: Path, folder: Path) -> Replayed | None:
    """Play what is left of one run; None when there is nothing, or it goes on."""
    try:
        data, about = read_foreign_run(folder), read_about(folder)
    except (OSError, ValueError, NotARunError) as error:
        return Replayed(folder, played=False, unreadable=in_one_line(error))
    if is_locked(out, system=data.plan.name, target=NOWHERE) or _alive(data.history, about):
        return None
    ended, first = _end(data.history, about), unplayed(data.plan, data.history)
    if first is None:
        return Replayed(folder, None, ended) if ended else None
    return Replayed(folder, _play(folder, data, about, first), ended)


def _end(history: tuple[Record, ...], about: About) -> bool:
    """End what the activities of a run that never finished have started: it must not act on while the rollbacks are played."""
    if any(record.event == Event.RUN_FINISHED for record in history):
        return False
    ended = [kill_session(known) for known in processes(history, about)]
    return any(ended)


def _alive(history: tuple[Record, ...], about: About) -> bool:
    """Tell whether a worker still plays its rollbacks: it leaves through them when its supervisor dies."""
    return any(known.find() for known in processes(history, about))


def _play(folder: Path, data: ForeignData, about: About, first: int) -> bool:
    foreign = _same(data.plan, data.history)
    if foreign is None:
        return False
    env, start_s = Env(), clock_start_s(about, data.history)
    writer = History(folder, "recover", start_s=start_s)
    worker = WorkerProcess(WORKER)
    writer.append(Event.PROCESS_STARTED, identity("recover-rollbacks", worker.pid))
    order = ForeignOrder(
        writer="recover-rollbacks",
        folder=folder.resolve(),
        path=foreign.path,
        text=foreign.text,
        start_s=start_s,
        rollbacks_from=first,
    )
    with suppress(BrokenPipeError):  # it died before its order: what is not played stays so
        worker.begin(order)
    until_s = env.now_s() + ROLLBACKS_S
    while worker.code() is None and env.now_s() < until_s:
        tuple(worker.hear())
        env.sleep(0.05)
    if worker.code() is None:
        worker.kill_group()
    worker.end(within_s=1.0)
    done = unplayed(data.plan, read_history(folder)) is None
    if done:
        writer.append(Event.RECOVERED, {"undone": ["rollbacks"], "ended": []}, durable=True)
    writer.close()
    return done


def _same(plan: ForeignPlan, history: tuple[Record, ...]) -> Foreign | None:
    """Read the experiment's file again, if it still is what was run."""
    started = next((record for record in history if record.event == Event.RUN_STARTED), None)
    path = Path(str(started.data["path"])) if started and "path" in started.data else None
    try:
        foreign = read_foreign(path) if path else None
    except InvalidFileError:
        return None
    if foreign is None or foreign.plan.told(Scrubber(foreign.secrets()).text) != plan:
        return None
    return foreign
