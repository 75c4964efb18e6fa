"""Play the rollbacks of plain experiments whose processes were all killed at once; what they did does not heal by itself."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from gameday.experiment.foreign import read_foreign_plan
from gameday.experiment.loading.foreign import Foreign, read_foreign
from gameday.record.folder import About, read_about
from gameday.record.foreign import PLAN, ForeignData, failed_rollbacks, read_foreign_run, text_signature, to_play
from gameday.record.guarded import read_text, see_own
from gameday.record.history import Event, History, Record, read_history
from gameday.record.marks import is_marked, marked
from gameday.record.scrubbing import Scrubber
from gameday.runner.env import Env
from gameday.runner.foreign.order import NOWHERE, ROLLBACKS_S, WORKER, ForeignOrder, terminal
from gameday.runner.foreign.remaining import kill_session
from gameday.runner.foreign.words import rollback_words
from gameday.runner.identity import identity, processes
from gameday.runner.lock import BusyError, lock
from gameday.runner.recover import clock_start_s, in_one_line, run_folders
from gameday.runner.worker_process import WorkerProcess


@dataclass(frozen=True, slots=True)
class Replayed:
    """
    A run with rollbacks left, or one that cannot be read.

    Attributes:
        played: Whether they are all played now, None when none were left. They cannot be when the experiment's file is gone or has
            changed since: the copy in the run's folder has no secrets. One that failed is played again, with those behind it.
        ended: Whether processes that its activities had started still ran, and were ended.
        why: What is wrong with each rollback that is not done.
        unsigned: The rollbacks that were not played because nobody has signed them.
        lost: What is missing in the history, a sentence per writer.
        unreadable: Why nothing can be said about the run; None when it can be read.
    """

    folder: Path
    played: bool | None
    ended: bool = False
    why: tuple[str, ...] = ()
    unsigned: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    unreadable: str | None = None


def recover_foreign(
    out: Path, *, trusted: Collection[Path] = (), show: Callable[[str], None] = lambda _: None
) -> tuple[Replayed, ...]:
    """
    Play what is left of every run under ``out`` that is not going on; oldest first.

    The arguments are those of ``recover``.
    """
    folders = run_folders(out, PLAN)
    return tuple(done for folder in folders if (done := _recover_folder(out, folder, trusted, show)))


def _recover_folder(out: Path, folder: Path, trusted: Collection[Path], show: Callable[[str], None]) -> Replayed | None:
    """
    Play what is left of one run; None when there is nothing, or it goes on, or is being repaired.

    It does not begin anew meanwhile.
    """
    try:
        see_own(folder)
        with lock(out, system=read_foreign_plan(read_text(folder / PLAN)).name, target=NOWHERE):
            return _repair(folder, trusted, show)
    except BusyError:
        return None
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one folder, the others are repaired
        return Replayed(folder, played=False, unreadable=in_one_line(error))


def _repair(folder: Path, trusted: Collection[Path], show: Callable[[str], None]) -> Replayed | None:
    data, about = read_foreign_run(folder), read_about(folder)
    if _alive(data.history, about, folder):
        return None
    first = to_play(data.plan, data.history)
    foreign = None if first is None else _same(data, folder)
    ended = _end(data.history, about, folder)
    if first is None:
        return Replayed(folder, None, ended, lost=data.lost) if ended or data.lost else None
    if foreign is None:
        gone = ("cannot be played: the experiment's file is gone, or has changed since",)
        return Replayed(folder, played=False, ended=ended, why=gone, lost=data.lost)
    words = tuple(rollback_words(each) for each in _rollbacks(foreign)[first:])
    if folder.resolve() in trusted:
        for text in words:
            show(f"{folder}: {text}")
    elif not _is_signed(data, foreign, folder):
        return Replayed(folder, played=False, ended=ended, unsigned=words, lost=data.lost)
    played = _play(folder, data, about, foreign, first)
    why = () if played else tuple(failed_rollbacks(data.plan, read_history(folder)).values())
    return Replayed(folder, played, ended, why, lost=data.lost)


def _rollbacks(foreign: Foreign) -> list[dict[str, object]]:
    found = foreign.value.get("rollbacks")
    return cast("list[dict[str, object]]", found) if isinstance(found, list) else []


def _end(history: tuple[Record, ...], about: About, folder: Path) -> bool:
    """End what the activities of a run that never finished have started: it must not act on while the rollbacks are played."""
    if any(record.event == Event.RUN_FINISHED for record in history):
        return False
    ended = [kill_session(known, folder) for known in processes(history, about)]
    return any(ended)


def _alive(history: tuple[Record, ...], about: About, folder: Path) -> bool:
    """Return whether a worker still plays its rollbacks: it leaves through them when its supervisor dies."""
    return any(known.find() and is_marked(known.pid, folder) for known in processes(history, about))


def _play(folder: Path, data: ForeignData, about: About, foreign: Foreign, first: int) -> bool:
    env, start_s = Env(), clock_start_s(about, data.history)
    writer = History(folder, "recover", start_s=start_s, tolerant=True)
    with marked(folder):
        worker = WorkerProcess(WORKER)
    writer.append(Event.PROCESS_STARTED, identity("recover-rollbacks", worker.pid))
    order = ForeignOrder(
        writer="recover-rollbacks",
        folder=folder.resolve(),
        path=foreign.path,
        text=foreign.text,
        start_s=start_s,
        rollbacks_from=first,
        terminal=terminal(),
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
    done = to_play(data.plan, read_history(folder)) is None
    if done:
        writer.append(Event.RECOVERED, {"undone": ["rollbacks"], "ended": []}, durable=True)
    writer.close()
    return done


def _started(history: tuple[Record, ...]) -> Record | None:
    return next((record for record in history if record.event == Event.RUN_STARTED), None)


def _same(data: ForeignData, folder: Path) -> Foreign | None:
    """Read the experiment's file again, if it still is what was run."""
    started = _started(data.history)
    path = Path(str(started.data["path"])) if started and "path" in started.data else None
    foreign = read_foreign(path) if path else None
    if foreign is None or foreign.plan.told(Scrubber(foreign.secrets()).text) != data.plan:
        return None
    signed = started is not None and started.is_signed(folder)
    return None if signed and not _is_signed(data, foreign, folder) else foreign


def _is_signed(data: ForeignData, foreign: Foreign, folder: Path) -> bool:
    """Return whether this user's gameday has run the file, as it is now, in this folder."""
    started = _started(data.history)
    if started is None or not started.is_signed(folder):
        return False
    return started.data.get("text") == text_signature(folder, foreign.text)
