"""
The supervisor: one run from its lock to its last record.

It owns the system under test, the load and the worker, each a process tree of its own that dies with it. Whatever happens, it ends the load,
undoes what is outstanding and ends the system, in that order, before it returns. It judges nothing.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import JsonValue

from gameday.agent.resources import raise_open_files
from gameday.experiment.foreign import ACTIVITY
from gameday.experiment.plan import Plan
from gameday.faults import catalogue
from gameday.load.session import LoadLostError
from gameday.record.folder import started
from gameday.record.history import Event, History, RecordError, counts, outstanding, read_history, written
from gameday.record.marks import marked
from gameday.runner.claim import claim
from gameday.runner.env import Env
from gameday.runner.folder import Sources, create_folder, describe
from gameday.runner.follow import Follower
from gameday.runner.identity import identity
from gameday.runner.loading import Session, load_session
from gameday.runner.lock import lock
from gameday.runner.order import Order
from gameday.runner.residue import check_residue
from gameday.runner.sampler import Sampler
from gameday.runner.signals import HURRY, Interrupted, Interruptions
from gameday.runner.standing import usable
from gameday.runner.undo import undo_all
from gameday.runner.view import Unbroken, View
from gameday.runner.watch import Watch
from gameday.runner.worker_process import WorkerProcess
from gameday.targets.claim import Claim
from gameday.targets.connect import Host, connect, host
from gameday.targets.events import ProcessExited, ProcessShort, ProcessStarted, ReplicaJoined, ReplicaLeft, TargetEvent
from gameday.targets.local.standing import Standing
from gameday.targets.protocol import TargetError

LEAD_S = 0.4
"""Between the order and the first arrival: the worker and the load are told of the same instant ahead of time."""
OVERTIME_S = {"local": 20.0, "kind": 75.0}
"""How long after the last request may have ended a worker that has not left counts as stuck: longer than healing takes there."""
LEAVE_S = {"local": 15.0, "kind": 70.0}
"""How long the worker may take to leave through its rollbacks: an undo, and its being seen healed."""
START_S = 60.0
"""How long the load process may take to start: a person's own locustfile may import a lot."""


@dataclass(frozen=True, slots=True)
class Ended:
    """
    How a run ended.

    Attributes:
        folder: The run's folder.
        interrupted: The signal that ended it, None when it was not interrupted.
        residue: Whether a fault could not be undone.
        error: What kept the run from being completed, None if nothing did; the traceback is in the history.
        expected: The error is one that a target or a load may have, not a mistake of ours.
        left: What a look for what is left found in a system that goes on without the run, one sentence each.
    """

    folder: Path
    interrupted: str | None
    residue: bool
    error: str | None
    expected: bool
    left: tuple[str, ...]


def supervise(
    plan: Plan,
    sources: Sources,
    *,
    out: Path,
    secrets: Mapping[str, str],
    view: View,
    env: Env,
    interruptions: Interruptions,
) -> Ended:
    """
    Carry out a plan and leave a run's folder behind.

    A signal of ``interruptions``, which the command watches, ends the run healed; one in the clean-up leaves the run as it was measured.

    Raises:
        RefusedError: Another run holds the system, it may not be touched, or what is up is another system; nothing was started.
        TargetError: The target cannot be asked whether another run holds the system; nothing was started.
        RecordError: Nothing of the run can be written; nothing was started.
    """
    raise_open_files()
    with lock(out, system=plan.system.name, target=plan.target), claim(plan) as claimed:
        up = usable(out, plan.system, target=plan.target)
        with written("the run's folder"):
            folder = create_folder(out, plan, sources)
        run = _Run(plan, folder, claim=claimed, up=up, secrets=secrets, view=view, env=env, interruptions=interruptions)
        with marked(folder):
            return run.go(sources)


class _Run:
    """The state of one run; each attribute is None until its part is started."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        *,
        claim: Claim,
        up: Standing | None,
        secrets: Mapping[str, str],
        view: View,
        env: Env,
        interruptions: Interruptions,
    ) -> None:
        self.plan, self.folder, self.secrets, self.view, self.env = plan, folder, secrets, Unbroken(view), env
        self.claim, self.up = claim, up
        self.interruptions = interruptions
        self.start_s = env.now_s()
        self.history = History(folder, "supervisor", start_s=self.start_s, secrets=secrets.values())
        self.worker: WorkerProcess | None = None
        self.host: Host | None = None
        self.load: Session | None = None
        self.sampler: Sampler | None = None
        self.origin_s = 0.0
        self.residue = False
        self.left: tuple[str, ...] = ()
        self.interrupted: str | None = None
        self.error: str | None = None
        self.expected = True

    def go(self, sources: Sources) -> Ended:
        """Set up, follow, and clean up; an error of ours is kept, not raised, so that what the run left is still judged."""
        plan = self.plan
        self.history.append(Event.RUN_STARTED, started(plan))
        try:
            with self.interruptions.at_once():
                self._set_up(sources)
                self._begin()
            self._follow()
        except Interrupted as signal:
            self.history.tolerate()
            self.interrupted = str(signal)
            self.history.append(Event.RUN_INTERRUPTED, {"signal": str(signal)})
            self.view.notice(f"{signal}: ending the run; everything is undone first; {HURRY}")
        except Exception as error:  # noqa: BLE001 - recorded with its traceback; the clean-up comes first
            self.history.tolerate()
            self._keep("run", error)
        self.history.tolerate()  # a full disk keeps nothing from being undone
        with self.interruptions.clean_up(self.view.notice):
            self._clean_up()
        self._try("counting the records", self._finish)
        self.history.close()
        if self.history.failure:
            self.error = self.error or str(self.history.failure)
        return Ended(
            self.folder,
            self.interrupted,
            self.residue,
            self.error,
            self.expected,
            self.left,
        )

    def _finish(self) -> None:
        self.history.append(Event.RUN_FINISHED, {"records": counts(read_history(self.folder))})

    def _set_up(self, sources: Sources) -> None:
        plan = self.plan
        self.worker = WorkerProcess()
        self.history.append(Event.PROCESS_STARTED, identity("worker", self.worker.pid))
        self.host = host(
            plan.target,
            plan.system,
            claim=self.claim,
            logs=self.folder / "logs",
            progress=self.view.step,
            faults=plan.faults,
            workers=plan.experiment.load.workers,
            up=self.up,
        )
        self.host.start()
        if self.up or self.claim.run:
            pid = self.up.pid if self.up else 0
            joined: dict[str, JsonValue] = {"address": self.host.address, "pid": pid, "run": self.claim.run}
            self.history.append(Event.SYSTEM_JOINED, joined, durable=True)
        self._note_processes()
        self.history.append(Event.SYSTEM_READY, {"seconds": round(self.env.now_s() - self.start_s, 3)})
        describe(self.folder, sources, start_s=self.start_s, parts=self.host.versions())
        if plan.variant:
            self.view.step(f"switching {plan.system.name} to {plan.variant}")
            self.host.switch(plan.system.variants[plan.variant])
        self.host.reset()
        self.view.step("starting the load process")
        target = connect(plan.target, self.host.address, plan.system)
        self.load = load_session(
            plan,
            folder=self.folder,
            address=self.host.address,
            secrets=self.secrets,
            locustfile=sources.locustfile,
        )
        self.load.start(timeout_s=START_S)
        if self.load.pid is not None:
            self.history.append(Event.PROCESS_STARTED, identity("load", self.load.pid))
        if self.load.workers:
            self.history.append(Event.LOAD_WORKERS, {"workers": list(self.load.workers)})
        self.sampler = Sampler(self.folder, target, self.env, start_s=self.start_s)

    def _begin(self) -> None:
        assert self.worker and self.load and self.host and self.sampler  # noqa: S101, PT018 - set up just before
        self.origin_s = self.env.now_s() + max(LEAD_S, self.load.lead_s)
        self.history.append(Event.LOAD_ORIGIN, {"origin_s": round(self.origin_s - self.start_s, 6)})
        self.load.begin(self.origin_s)
        order = Order(
            folder=self.folder,
            address=self.host.address,
            start_s=self.start_s,
            origin_s=self.origin_s,
            secrets=tuple(self.secrets.values()),
        )
        with suppress(BrokenPipeError):  # it died before its order: following it will tell
            self.worker.begin(order)
        self.sampler.start()

    def _follow(self) -> None:
        """Watch until worker and load are done; return early when the run cannot go on."""
        assert self.worker and self.load  # noqa: S101, PT018 - set up before
        follower = Follower(self.plan, self.view, self.history)
        watch = Watch(self.plan, self.folder, self.history)
        last_s = _last_s(self.plan)
        while True:
            self.interruptions.check()
            self.claim.check()
            now_s = self.env.now_s() - self.origin_s
            follower.follow(now_s, self.worker, self.load)
            self._note_processes()
            if watch.must_end(now_s):
                self.view.notice("the abort condition holds: ending the run")
                return
            if follower.refused:
                self.history.append(Event.RUN_STOPPED, {"reason": follower.refused, "because": "fault"})
                self.view.notice("a fault could not be injected: ending the run")
                return
            code = self.worker.code()
            if code or now_s > last_s:
                self.history.append(Event.WORKER_LOST, {"code": code})
                what = "is stuck" if code is None else f"died ({code})"
                self.view.notice(f"the worker {what}: undoing what is outstanding")
                return
            if code == 0 and not follower.baseline_met:
                self.history.append(Event.RUN_STOPPED, {"reason": "the steady state did not hold in the baseline"})
                return
            if code == 0 and self.load.finished:
                return
            self.env.sleep(0.1)

    def _clean_up(self) -> None:
        """End everything in the order that keeps the system safe; one step's failure does not stop the next."""
        with ExitStack() as steps:  # last in, first out
            if self.host:
                steps.callback(self._try, "looking for what is left", self._look_for_residue)
                steps.callback(self._try, "stopping the system", self.host.stop)
            if self.sampler:
                steps.callback(self._try, "reading what happened last", lambda: self._note_processes(last=True))
                steps.callback(self._try, "reading the last counters", self.sampler.stop)
            if self.load:
                steps.callback(self._try, "ending the load", self._end_load)
            steps.callback(self._try, "undoing", self._undo)
            if self.worker:
                steps.callback(self._try, "ending the worker", self._end_worker)

    def _end_worker(self) -> None:
        assert self.worker  # noqa: S101 - else not called
        until_s = self.env.now_s() + LEAVE_S[self.plan.target]
        self.worker.ask_to_leave()
        with self.interruptions.hurried():
            while self.worker.code() is None and self.env.now_s() < until_s and not self.interruptions.hurry:
                self.env.sleep(0.05)
        self.worker.end(within_s=0)

    def _undo(self) -> None:
        left = outstanding(read_history(self.folder))
        if left and self.host:
            self.view.step("undoing what is outstanding")
            self.residue = True  # until it is seen undone: the target may not even be reached
            target = connect(self.plan.target, self.host.address, self.plan.system)
            self.residue = not undo_all(left, catalogue(), target, self.history, self.env)

    def _end_load(self) -> None:
        assert self.load  # noqa: S101 - else not called
        try:
            if not self.load.finished:
                self.load.stop()
            if done := self.load.finished:
                self.history.append(Event.LOAD_DONE, done.data())
        finally:
            self.load.kill()

    def _look_for_residue(self) -> None:
        assert self.host  # noqa: S101 - else not called
        faults = len(outstanding(read_history(self.folder)))
        if (found := check_residue(self.host, self.history, faults=faults)) is not None:
            self.view.notice(f"residue check: {found.summary(faults=faults)}")
            self.left = found.sentences()
            self.residue = self.residue or bool(self.left)

    def _note_processes(self, *, last: bool = False) -> None:
        assert self.host  # noqa: S101 - set up before
        for event in self.host.events(last=last):
            self.history.append(*_recorded(event, now_s=self.env.now_s(), lasting=self.up is not None))
            if isinstance(event, ProcessExited) and not event.expected:
                self.view.notice(f"{event.process} died ({event.code})")

    def _try(self, what: str, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - recorded; the next step must run
            self._keep(what, error)

    def _keep(self, where: str, error: Exception) -> None:
        """
        Record an error; the first one is told to the caller.

        Any that is not a target's, a load's or the disk's is ours.
        """
        if isinstance(error, LoadLostError):
            self.history.append(Event.LOAD_LOST, {"reason": str(error)})
        self.error = self.error or (str(error) if where == "run" else f"{where}: {error}")
        self.expected = self.expected and isinstance(error, LoadLostError | TargetError | RecordError)
        self.history.append(
            Event.ERROR, {"where": where, "error": str(error), "traceback": "".join(traceback.format_exception(error))}
        )


def _last_s(plan: Plan) -> float:
    """Return when a worker that has not left counts as stuck; each activity's rollbacks may take its timeout, and be tried twice."""
    rollbacks_s = sum(2 * float(str(each.parameters["timeout"])) for each in plan.faults if each.fault == ACTIVITY)
    return plan.duration_s + plan.experiment.load.hang_s + OVERTIME_S[plan.target] + rollbacks_s


def _recorded(event: TargetEvent, *, now_s: float, lasting: bool) -> tuple[Event, dict[str, JsonValue]]:
    data = {name: value for name, value in asdict(event).items() if name != "t_s"}
    if isinstance(event, ReplicaJoined | ReplicaLeft):
        return _KINDS[type(event)], {**data, "late_s": round(max(0.0, now_s - event.t_s), 6)}
    return _KINDS[type(event)], {**data, "lasting": True} if lasting else data


_KINDS: Mapping[type[TargetEvent], Event] = {
    ProcessStarted: Event.PROCESS_STARTED,
    ProcessExited: Event.PROCESS_EXITED,
    ProcessShort: Event.PROCESS_SHORT,
    ReplicaJoined: Event.REPLICA_JOINED,
    ReplicaLeft: Event.REPLICA_LEFT,
}
