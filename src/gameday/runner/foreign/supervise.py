"""
The supervisor of a plain Chaos Toolkit experiment, from its lock to its last record.

There is no system and no load to own; there is one worker, and whatever becomes of it, the rollbacks are played: by itself, or by a
second worker that does nothing else.
"""

from __future__ import annotations

import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from gameday.experiment.loading.foreign import Foreign
from gameday.record.folder import read_about
from gameday.record.foreign import PLAN, failed_rollbacks, text_signature, unplayed
from gameday.record.guarded import write_text
from gameday.record.history import Event, History, RecordError, counts, read_history, written
from gameday.record.marks import marked
from gameday.record.scrubbing import Scrubber
from gameday.runner.env import Env
from gameday.runner.folder import Sources, describe, new_folder, point_latest
from gameday.runner.foreign.order import NOWHERE, ROLLBACKS_S, WORKER, ForeignOrder, terminal
from gameday.runner.foreign.remaining import kill_session
from gameday.runner.foreign.words import in_words
from gameday.runner.identity import identity, processes
from gameday.runner.lock import lock
from gameday.runner.signals import HURRY, Interrupted, Interruptions
from gameday.runner.view import Unbroken, View
from gameday.runner.worker_process import WorkerProcess

AGAIN_S = 3.0
"""How often it is asked again while its rollbacks have not begun: it may wait for a background activity."""


@dataclass(frozen=True, slots=True)
class ForeignEnded:
    """
    How a run ended.

    Attributes:
        folder: The run's folder.
        interrupted: The signal that ended it, None when none did.
        refused: Why Chaos Toolkit did not accept the experiment; then nothing was started.
        residue: What is wrong with each rollback that is missing or failed after something was done.
        error: A mistake of ours, None if there was none; the traceback is in the history.
        unrecorded: Why the history is not whole, None where all of it could be written.
    """

    folder: Path
    interrupted: str | None
    refused: str | None
    residue: tuple[str, ...]
    error: str | None
    unrecorded: str | None


def supervise_foreign(
    foreign: Foreign, *, command: str, out: Path, view: View, env: Env, interruptions: Interruptions
) -> ForeignEnded:
    """
    Run a plain experiment and leave a run's folder behind; a signal of ``interruptions`` ends it through its rollbacks.

    Raises:
        RefusedError: Another run of the same experiment is going on; nothing was started.
        RecordError: Nothing of the run can be written; nothing was started.
    """
    with lock(out, system=foreign.plan.name, target=NOWHERE):
        with written("the run's folder"):
            folder = _folder(out, foreign, command)
        with marked(folder):
            return _Run(foreign, folder, view=view, env=env, interruptions=interruptions).go()


class _Run:
    """The state of one run."""

    def __init__(self, foreign: Foreign, folder: Path, *, view: View, env: Env, interruptions: Interruptions) -> None:
        self.foreign, self.folder, self.view, self.env = foreign, folder, Unbroken(view), env
        self.interruptions = interruptions
        self.start_s = env.now_s()
        self.history = History(folder, "supervisor", start_s=self.start_s)
        self.worker: WorkerProcess | None = None
        self.interrupted: str | None = None
        self.refused: str | None = None
        self.error: str | None = None
        self.unrecorded: str | None = None

    def go(self) -> ForeignEnded:
        """Run the worker and clean up after it."""
        told: dict[str, JsonValue] = {
            "experiment": self.foreign.plan.name,
            "target": NOWHERE,
            "path": str(self.foreign.path.resolve()),
            "text": text_signature(self.folder, self.foreign.text),
        }
        self.history.append(Event.RUN_STARTED, told)
        try:
            self.worker = self._start("worker", None)
            self._follow(self.worker)
        except Interrupted as signal:
            self.history.tolerate()
            self.interrupted = str(signal)
            self.history.append(Event.RUN_INTERRUPTED, {"signal": str(signal)})
            self.view.notice(f"{signal}: ending the run; the rollbacks are played first; {HURRY}")
        except Exception as error:  # noqa: BLE001 - recorded; the rollbacks come first
            self.history.tolerate()
            self._keep("run", error)
        self.history.tolerate()  # a full disk keeps no rollback from being played
        with self.interruptions.clean_up(self.view.notice):
            self._clean_up()
        history = read_history(self.folder)
        self.history.append(Event.RUN_FINISHED, {"records": counts(history)})
        self.history.close()
        if self.history.failure:
            self._keep("ending", self.history.failure)
        residue = tuple(failed_rollbacks(self.foreign.plan, history).values())
        return ForeignEnded(self.folder, self.interrupted, self.refused, residue, self.error, self.unrecorded)

    def _clean_up(self) -> None:
        for step in (self._leave, self._roll_back):
            try:
                step()
            except Exception as error:  # noqa: BLE001 - recorded; the next step must run
                self._keep("ending", error)

    def _start(self, writer: str, rollbacks_from: int | None) -> WorkerProcess:
        worker = WorkerProcess(WORKER)
        self.history.append(Event.PROCESS_STARTED, identity(writer, worker.pid))
        order = ForeignOrder(
            writer=writer,
            folder=self.folder.resolve(),
            path=self.foreign.path.resolve(),
            text=self.foreign.text,
            start_s=self.start_s,
            rollbacks_from=rollbacks_from,
            terminal=terminal(),
        )
        with suppress(BrokenPipeError):  # it died before its order: following it will tell
            worker.begin(order)
        return worker

    def _follow(self, worker: WorkerProcess) -> None:
        while (code := worker.code()) is None:
            self.interruptions.check()
            self._hear(worker)
            self.env.sleep(0.05)
        self._hear(worker)
        if code != 0:
            self.history.append(Event.WORKER_LOST, {"code": code})
            self.view.notice(f"the worker died ({code})")
            for known in processes(read_history(self.folder), read_about(self.folder)):
                # what its activities have started must not act on while the rollbacks are played
                kill_session(known, self.folder)

    def _hear(self, worker: WorkerProcess) -> bool:
        """Show what the worker recorded; tell whether its rollbacks began."""
        began = False
        for heard in worker.hear():
            if heard.event == Event.TOOLKIT_REFUSED:
                self.refused = str(heard.data["reason"])
            if text := in_words(heard.event, heard.data):
                self.view.notice(text)
            began = began or heard.data.get("section") == "rollbacks"
        return began

    def _leave(self) -> None:
        """Let the worker play its rollbacks; one that does not leave in time is killed with what it started."""
        if self.worker is None:
            return
        rolling = False
        until_s, again_s = self.env.now_s() + ROLLBACKS_S, 0.0
        with self.interruptions.hurried():
            while self.worker.code() is None and self.env.now_s() < until_s and not self.interruptions.hurry:
                rolling = self._hear(self.worker) or rolling
                if not rolling and self.env.now_s() > again_s:
                    again_s = self.env.now_s() + AGAIN_S
                    self.worker.ask_to_leave()
                self.env.sleep(0.05)
        if self.worker.code() is None:
            self.worker.kill_group()
        self.worker.end(within_s=1.0)

    def _roll_back(self) -> None:
        """Play what is left of the rollbacks in a worker of their own, within a limit."""
        first = unplayed(self.foreign.plan, read_history(self.folder))
        if first is None:
            return
        self.view.notice("playing the rollbacks that are left")
        second = self._start("rollbacks", first)
        until_s = self.env.now_s() + ROLLBACKS_S
        while second.code() is None and self.env.now_s() < until_s:
            self._hear(second)
            self.env.sleep(0.05)
        self._hear(second)
        if second.code() is None:
            second.kill_group()
        second.end(within_s=1.0)

    def _keep(self, where: str, error: Exception) -> None:
        if isinstance(error, RecordError):
            self.unrecorded = self.unrecorded or str(error)
            return
        self.error = self.error or f"{where}: {error}"
        self.history.append(
            Event.ERROR, {"where": where, "error": str(error), "traceback": "".join(traceback.format_exception(error))}
        )


def _folder(out: Path, foreign: Foreign, command: str) -> Path:
    folder = new_folder(out, foreign.plan.name)
    scrubber = Scrubber(foreign.secrets())
    suffix = ".json" if foreign.path.suffix == ".json" else ".yaml"
    write_text(folder / PLAN, foreign.plan.told(scrubber.text).to_json())
    write_text(folder / f"experiment{suffix}", scrubber.text(foreign.text))
    (folder / "logs").mkdir()
    describe(folder, Sources(foreign.text, "", command), start_s=0.0, parts={})
    point_latest(folder)
    return folder
