"""
What makes an exported experiment run under ``chaos run``: a control that owns the system and the load, as the supervisor does else.

Chaos Toolkit calls it before the experiment, where it starts the system and the load from the plan in the experiment's ``extensions``, and
in any case at the end, where it undoes whatever is outstanding and ends both. The run's folder is one of gameday's, so that ``gameday
report`` judges it; Chaos Toolkit's own result is not a verdict.
"""

from __future__ import annotations

import json
import logging
import os
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from chaoslib.exceptions import InterruptExecution
from pydantic import JsonValue

from gameday.experiment.plan import Plan, read_plan
from gameday.faults import catalogue
from gameday.load.session import LoadSession
from gameday.record.folder import started
from gameday.record.history import Event, History, outstanding, read_history
from gameday.record.marks import marked
from gameday.runner.activities import Session, use
from gameday.runner.claim import claim
from gameday.runner.env import Env
from gameday.runner.folder import Sources, create_folder, describe
from gameday.runner.identity import identity
from gameday.runner.lock import lock
from gameday.runner.residue import check_residue
from gameday.runner.sampler import Sampler
from gameday.runner.undo import undo_all
from gameday.targets.connect import Host, connect, host

OUT = Path("reports")
LEAD_S = 0.4
"""Between the load's order and its first arrival, as in a run of gameday's own."""
DONE_S = 10.0
"""How long the load may take to write its last rows after the last arrival, beside what a hanging request may take."""

_logger = logging.getLogger("chaostoolkit")
_open: list[Stage] = []


def before_experiment_control(context: Mapping[str, Any], **_: Any) -> None:  # noqa: ANN401 - Chaos Toolkit's signature
    """Start everything; what goes wrong ends the experiment before anything is injected."""
    extension = next(each for each in context["extensions"] if each["name"] == "gameday")
    stage = Stage(read_plan(json.dumps(extension["plan"])), extension.get("locustfile"))
    _open.append(stage)
    try:
        stage.begin()
    except Exception as error:
        raise InterruptExecution(f"gameday could not start the system or the load: {error}") from error


def after_experiment_control(**_: Any) -> None:  # noqa: ANN401 - Chaos Toolkit's signature
    """Let the load end by itself: the plan's last seconds are part of what is judged."""
    for stage in _open:
        stage.finish()


def cleanup_control() -> None:
    """Undo what is outstanding and end everything, however the experiment ended."""
    while _open:
        _open.pop().close()


class Stage:
    """One exported run: its folder, system and load."""

    def __init__(self, plan: Plan, locustfile: str | None) -> None:
        """Read the secrets that the system declares from the environment; nothing is started yet."""
        self._plan, self._env = plan, Env()
        self._locustfile = Path(locustfile) if locustfile else None
        self._secrets = {name: os.environ.get(secret.env, "") for name, secret in plan.system.secrets.items()}
        self._ends = ExitStack()
        self._load: LoadSession | None = None
        self._origin_s = 0.0
        self._sampling = False

    def begin(self) -> None:
        """Start system and load, in this order, and name the instant from which all count. From the main thread only."""
        plan, env, ends = self._plan, self._env, self._ends
        ends.enter_context(lock(OUT, system=plan.system.name, target=plan.target))
        claimed = ends.enter_context(claim(plan))
        start_s = env.now_s()
        sources = Sources(
            plan.experiment.model_dump_json(), plan.system.model_dump_json(), "chaos run", self._locustfile
        )
        folder = create_folder(OUT, plan, sources)
        ends.enter_context(marked(folder))
        _logger.info("gameday keeps this run in %s; then: gameday report %s", folder, folder)
        history = History(folder, "supervisor", start_s=start_s, secrets=self._secrets.values())
        ends.callback(history.close)
        ends.callback(history.append, Event.RUN_FINISHED)
        history.append(Event.RUN_STARTED, started(plan))
        system = host(
            plan.target,
            plan.system,
            claim=claimed,
            logs=folder / "logs",
            progress=_logger.info,
            faults=plan.faults,
        )
        ends.callback(self._step, history, "looking for what is left", lambda: _look(system, folder, history, plan))
        ends.callback(self._step, history, "stopping the system", system.stop)
        system.start()
        if claimed.run:
            joined: dict[str, JsonValue] = {"address": system.address, "pid": 0, "run": claimed.run}
            history.append(Event.SYSTEM_JOINED, joined, durable=True)
        history.append(Event.SYSTEM_READY, {"seconds": round(env.now_s() - start_s, 3)})
        describe(folder, sources, start_s=start_s, parts=system.versions())
        if plan.variant:
            system.switch(plan.system.variants[plan.variant])
        system.reset()
        target = connect(plan.target, system.address, plan.system)
        urls = {load.route: target.url(plan.system.routes[load.route].entry) for load in plan.routes}
        load = LoadSession(plan, folder=folder, urls=urls, secrets=self._secrets, locustfile=self._locustfile)
        sampler = Sampler(folder, target, env, start_s=start_s)
        ends.callback(self._step, history, "reading the last counters", lambda: self._end_sampling(sampler))
        ends.callback(self._step, history, "ending the load", lambda: self._end_load(load, history))
        load.start()
        history.append(Event.PROCESS_STARTED, identity("load", load.pid))
        self._load, self._origin_s = load, env.now_s() + LEAD_S
        worker = History(folder, "worker", start_s=start_s, secrets=self._secrets.values())
        ends.callback(worker.close)
        session = Session(plan, catalogue(), target, worker, folder, env, self._origin_s)
        ends.callback(self._step, history, "undoing", lambda: _undo(session))
        history.append(Event.LOAD_ORIGIN, {"origin_s": round(self._origin_s - start_s, 6)})
        load.begin(self._origin_s)
        sampler.start()
        self._sampling = True
        use(session)

    def finish(self) -> None:
        """Wait, within bounds, until the load has written its last rows."""
        if self._load is None:
            return
        until_s = self._origin_s + self._plan.duration_s + self._plan.experiment.load.hang_s + DONE_S
        while not self._load.finished and self._env.now_s() < until_s:
            self._load.poll()
            self._env.sleep(0.1)

    def close(self) -> None:
        """End everything in the order that keeps the system safe: what is outstanding is undone while the load still runs."""
        self._ends.close()

    def _end_sampling(self, sampler: Sampler) -> None:
        if self._sampling:
            sampler.stop()

    @staticmethod
    def _end_load(load: LoadSession, history: History) -> None:
        if not load.finished:
            load.stop()
        if done := load.finished:
            history.append(Event.LOAD_DONE, done.data())
        load.kill()

    @staticmethod
    def _step(history: History, what: str, step: Callable[[], object]) -> None:
        try:
            step()
        except Exception as error:
            history.append(Event.ERROR, {"where": what, "error": str(error), "traceback": traceback.format_exc()})
            _logger.exception("gameday: %s", what)


def _undo(session: Session) -> None:
    left = outstanding(read_history(session.folder))
    if left and not undo_all(left, session.faults, session.target, session.history, session.env):
        _logger.error("gameday: a fault could not be undone: %s", _recover(session.plan))


def _look(system: Host, folder: Path, history: History, plan: Plan) -> None:
    found = check_residue(system, history, faults=len(outstanding(read_history(folder))))
    if found is not None and found.sentences():
        _logger.error("gameday: something is left of the run (%s): %s", "; ".join(found.sentences()), _recover(plan))


def _recover(plan: Plan) -> str:
    """Return the command that undoes what the run left."""
    where = "" if plan.target == "local" else f" --target {plan.target} --system {plan.system.name}"
    return f"gameday recover{where}"
