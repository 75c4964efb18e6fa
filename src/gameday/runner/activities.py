"""
What Chaos Toolkit calls: the probes and actions that a compiled experiment names.

The functions get no objects as arguments, so the worker puts its session here first (``use``); one run per process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import cast

from pydantic import JsonValue

from gameday.experiment.plan import Plan
from gameday.faults.activity import answers, begin_asking
from gameday.faults.protocol import Fault
from gameday.record.history import Event, History, outstanding, read_history
from gameday.record.requests import FLUSH_S, read_rows
from gameday.runner.env import Env
from gameday.runner.episode import run_episode
from gameday.runner.steady_state import measure
from gameday.runner.undo import undo_all
from gameday.targets.protocol import Target, TargetError

SETTLE_S = 0.5
"""What is left of the baseline when it is judged: time to prepare the fault, which begins on the dot."""
AFTER_S = 5.0
"""The last seconds of the recovery, in which Chaos Toolkit's hypothesis-after is measured."""


@dataclass(frozen=True, slots=True)
class Session:
    """What one run's activities work with; ``origin_s`` is the load clock's zero on ``env``'s clock."""

    plan: Plan
    faults: Mapping[str, Fault]
    target: Target
    history: History
    folder: Path
    env: Env
    origin_s: float

    def wait(self, t_s: float) -> None:
        """Wait until a time of the load's clock."""
        self.env.sleep_until(self.origin_s + t_s)


_active: list[Session] = []


def use(session: Session) -> None:
    """Set the session of this process."""
    _active[:] = [session]


def steady_state() -> dict[str, JsonValue]:
    """
    Wait until enough of a phase is over, and measure the hypothesis on it.

    Chaos Toolkit calls it twice: before the method, where the baseline is judged, however late that is, and after it, where the recovery is.
    """
    session = _active[0]
    plan = session.plan
    before = all(record.event != Event.HYPOTHESIS for record in read_history(session.folder))
    phase = "baseline" if before else "recovery"
    if before:
        start_s, end_s = plan.phase("baseline").start_s, plan.phase("baseline").end_s - FLUSH_S - SETTLE_S
    else:
        end_s = plan.duration_s - SETTLE_S
        start_s = max(plan.phase("recovery").start_s, end_s - AFTER_S)
    session.wait(end_s)
    others = plan.experiment.steady_state_hypothesis.others
    asked = begin_asking(others) if others else None
    session.wait(end_s + FLUSH_S)
    met, values = measure(plan, read_rows(session.folder), start_s=start_s, end_s=end_s)
    told: dict[str, JsonValue] = {"phase": phase, "met": met, "values": values}
    if asked is not None:
        told = _with_others(told, asked)
    session.history.append(Event.HYPOTHESIS, told)
    return told


def _with_others(told: dict[str, JsonValue], asked: Popen[bytes]) -> dict[str, JsonValue]:
    """Add what probes of Chaos Toolkit say; one that does not answer is not met."""
    try:
        said = answers(asked)
    except TargetError as error:
        return {**told, "met": False, "others": [], "error": str(error)}
    met = bool(told["met"]) and all(each["met"] is True for each in said)
    return {**told, "met": met, "others": cast("JsonValue", said)}


def is_met(value: Mapping[str, JsonValue]) -> bool:
    """Accept what ``steady_state`` measured when every probe of the hypothesis held."""
    return bool(value["met"])


def episode() -> str:
    """Inject and undo the plan's faults, each in its time."""
    session = _active[0]
    run_episode(
        session.plan.faults,
        session.faults,
        session.target,
        session.history,
        session.env,
        origin_s=session.origin_s,
    )
    return "undone"


def undo_outstanding() -> str:
    """Undo what is not yet known to be healed: the net under ``episode``, idempotent."""
    session = _active[0]
    left = outstanding(read_history(session.folder))
    if left and not undo_all(left, session.faults, session.target, session.history, session.env):
        return "residue"
    return "clean"
