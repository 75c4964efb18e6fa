"""
The intervals of the load's clock that are compared, from the plan and from what really happened.

Step faults last: their window is cut by the guard from inside at both ends, because queues need time to settle. Impulse faults are
over at once: their window is the whole fault phase from the impulse on, and the event itself is judged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gameday.analysis.episodes import Episode
from gameday.analysis.statistics import Floats, Ints
from gameday.experiment.catalogue import Shape
from gameday.experiment.course import compared
from gameday.experiment.plan import Plan
from gameday.record.history import Event, Record

STOPS = (Event.RUN_ABORTED, Event.RUN_INTERRUPTED, Event.RUN_STOPPED, Event.WORKER_LOST)


@dataclass(frozen=True, slots=True)
class Window:
    """``[start_s, end_s)`` of the load's clock; empty when the end is not after the start."""

    label: str
    start_s: float
    end_s: float

    @property
    def seconds(self) -> int:
        """Return its whole seconds, at least one; a remainder belongs to the last."""
        return max(1, int(self.end_s - self.start_s + 1e-6))

    @property
    def length_s(self) -> float:
        """Return how long it lasts, 0 when empty."""
        return max(0.0, self.end_s - self.start_s)

    def second(self, t_s: Floats) -> Ints:
        """Return the second of the window in which each time lies."""
        return np.minimum((t_s - self.start_s).astype(np.int64), self.seconds - 1)


@dataclass(frozen=True, slots=True)
class Windows:
    """
    The compared intervals of one run.

    Attributes:
        shape: Impulse if any fault is one, else step if any is, else none.
        baseline: The baseline phase, ending at the latest with the first injection.
        fault: From the injection (of an impulse, from when that begins) to the undo, or to the end of the fault phase for impulses and for none. Of several lasting faults,
            while all of them are on; where that is too short to compare, from the first injection to the last undo.
        steady: The fault window without its guards; the same as ``fault`` unless the shape is step.
        injected_s: When the first injection had been done, the start of the phase where none was.
        ended_s: From when the system should recover: the last undo of a lasting fault or injection of an impulse.
        recovery: The recovery phase, for steps from the undo and its guard on.
        stopped_s: When the run was ended early, None when it was not.
        observed: From the warm-up's end to the run's, or to where it stopped.
    """

    shape: Shape
    baseline: Window
    fault: Window
    steady: Window
    injected_s: float
    ended_s: float
    recovery: Window
    stopped_s: float | None
    observed: Window


def windows(plan: Plan, history: Iterable[Record], faults: Iterable[Episode]) -> Windows:
    """Find the windows of a run, however far it came."""
    asked = tuple(episode for episode in faults if episode.asked)
    shape = _shape(plan)
    stopped_s = min((record.t_s for record in history if record.event in STOPS), default=None)
    last_s = plan.duration_s if stopped_s is None else min(plan.duration_s, stopped_s)
    phase, guard_s = plan.phase("fault"), plan.experiment.phases.guard_s
    injected = [episode.injected_s for episode in asked if episode.injected_s is not None]
    begun = [episode.begun_s for episode in asked if episode.begun_s is not None]
    begin_s, until_s = min(begun, default=phase.start_s), phase.end_s
    confirmed: list[float] = []
    if shape == "step" and (lasted := [_lasted(episode, phase.end_s) for episode in asked if episode.injected_s]):
        begin_s, until_s = compared(lasted, guard_s)
        if begin_s == max(injected):  # all of them are on; of faults one after the other, each has its own proof
            confirmed = [late for episode in asked if (late := _seen_s(episode)) is not None]
    start_s, end_s = begin_s, min(phase.end_s, until_s, last_s)
    cut_s = guard_s if shape == "step" else 0.0
    steady_s = max(start_s + cut_s, *confirmed) if confirmed else start_s + cut_s
    ended_s = max((_over_s(episode, phase.end_s) for episode in asked if episode.injected_s), default=phase.end_s)
    baseline = plan.phase("baseline")
    warm_s = plan.phase("warmup").end_s
    return Windows(
        shape=shape,
        baseline=Window("baseline", baseline.start_s, min(baseline.end_s, last_s, *begun)),
        fault=Window("fault", start_s, end_s),
        steady=Window("steady", steady_s, end_s - cut_s),
        injected_s=min(injected, default=phase.start_s),
        ended_s=ended_s,
        recovery=Window("recovery", max(phase.end_s, ended_s + cut_s) if cut_s else phase.end_s, last_s),
        stopped_s=stopped_s,
        observed=Window("observed", warm_s, last_s),
    )


def _shape(plan: Plan) -> Shape:
    shapes = {fault.shape for fault in plan.faults}
    return "impulse" if "impulse" in shapes else "step" if "step" in shapes else "none"


def _seen_s(episode: Episode) -> float | None:
    """Return when a fault was seen to be on, where that tells since when: of a surge the load's own schedule does."""
    scheduled = episode.planned is not None and bool(episode.planned.surge_per_s)
    return None if scheduled else episode.confirmed_s


def _lasted(episode: Episode, planned_s: float) -> tuple[float, float]:
    """Return when an injected fault was on, to the end of its phase where no undo is recorded."""
    return episode.injected_s or 0.0, planned_s if episode.undone_s is None else episode.undone_s


def _over_s(episode: Episode, planned_s: float) -> float:
    """Return from when the system should recover from an injected fault: its undo, the injection itself of an impulse."""
    impulse = episode.planned is not None and episode.planned.shape == "impulse"
    return episode.injected_s or 0.0 if impulse else _lasted(episode, planned_s)[1]
