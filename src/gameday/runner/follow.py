"""Pass on what worker and load say to whoever watches the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from pydantic import JsonValue

from gameday.experiment.plan import Plan
from gameday.load.session import LoadTick, RouteTick
from gameday.record.history import Event, History
from gameday.runner.loading import Session
from gameday.runner.view import RouteLine, View
from gameday.runner.worker_process import Heard, WorkerProcess


class Follower:
    """
    Keeps where the run is.

    Attributes:
        baseline_met: Turns False when the method was skipped because the baseline was off.
        refused: Why a fault could not be injected, once that is so: the run cannot be judged any more. Empty until then.
    """

    def __init__(self, plan: Plan, view: View, history: History) -> None:
        """Start before the first phase."""
        self._plan, self._view, self._history = plan, view, history
        self._phases = list(plan.phases)
        self._tick: LoadTick | None = None
        self.baseline_met = True
        self.refused = ""
        self._injected: set[JsonValue] = set()

    def follow(self, now_s: float, worker: WorkerProcess, load: Session) -> None:
        """Take in everything new; ``now_s`` is on the load's clock. Raises ``LoadLostError`` when the load process died."""
        while self._phases and now_s >= self._phases[0].start_s:
            phase = self._phases.pop(0)
            self._history.append(Event.PHASE_ENTERED, {"phase": phase.name})
            self._view.phase(phase.name, phase.start_s, phase.end_s)
        for heard in worker.hear():
            self._heard(heard)
        if tick := load.poll():
            self._view.tick(tick.t_s, _lines(self._tick, tick), tick.in_flight)
            self._tick = tick

    def _heard(self, heard: Heard) -> None:
        if heard.event == Event.HYPOTHESIS and heard.data["phase"] == "baseline" and not heard.data["met"]:
            self.baseline_met = False
        if heard.event == Event.FAULT_INJECTED:
            self._injected.add(heard.data["id"])
        if heard.event == Event.FAULT_FAILED and heard.data["id"] not in self._injected:
            self.refused = self.refused or f"{heard.data['id']}: {heard.data['error']}"
        if text := _in_words(heard, self._plan):
            self._view.notice(text)


def _lines(before: LoadTick | None, now: LoadTick) -> tuple[RouteLine, ...]:
    """Turn two readings of the load's counters into rates per second, route by route."""
    seconds = now.t_s - before.t_s if before and now.t_s > before.t_s else now.t_s or 1.0

    def per_s(name: str, index: int) -> float:
        then = getattr(before.routes[index], name) if before else 0
        return float(getattr(now.routes[index], name) - then) / seconds

    def line(index: int, route: RouteTick) -> RouteLine:
        return RouteLine(
            route=route.route,
            offered_per_s=per_s("offered", index),
            goodput_per_s=per_s("good", index),
            p95_s=route.p95_s,
            rejected_per_s=per_s("rejected", index),
            hung=route.hung,
        )

    return tuple(line(index, route) for index, route in enumerate(now.routes))


def _in_words(heard: Heard, plan: Plan) -> str | None:
    data = heard.data
    effects = {f"{fault.fault}-{number}": fault.effect for number, fault in enumerate(plan.faults, 1)}
    texts = {
        Event.HYPOTHESIS: f"steady state in the {data.get('phase')}: {'holds' if data.get('met') else 'does not hold'}",
        Event.FAULT_INJECTED: f"fault on: {effects.get(str(data.get('id')))}",
        Event.FAULT_CONFIRMED: f"proven: {_proof(data)}",
        Event.FAULT_INERT: f"not proven: {_proof(data)}",
        Event.FAULT_FAILED: f"the fault failed: {data.get('error')}",
        Event.FAULT_VERIFIED: f"fault off: {data.get('id')} is undone and seen healed",
        Event.ERROR: f"{data.get('where')}: {data.get('error')}",
    }
    return texts.get(Event(heard.event))


def _proof(data: Mapping[str, JsonValue]) -> JsonValue:
    return cast("Mapping[str, JsonValue]", data.get("proof", {})).get("text")
